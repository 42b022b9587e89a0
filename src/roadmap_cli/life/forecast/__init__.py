"""What will be: weeks, months and quarters with intervals, and what to change in weeks too full."""
