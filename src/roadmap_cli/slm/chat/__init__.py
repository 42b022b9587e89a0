"""Conversations with a model: what is said is stored, and the model sees the window that bears on it."""
