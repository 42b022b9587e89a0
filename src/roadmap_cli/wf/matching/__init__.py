"""Which workflow an event, or several together, asks for: conditions, windows, likeness, and what is stored of it."""
