"""What this machine is and how it fares: facts with their sources, and what they mean for a language model."""
