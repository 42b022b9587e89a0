"""The sliding window: which part of a long conversation a model gets to see, why, and how the rest comes back."""
