"""Runs as the state keeps them: the journal of each, and its history for people and other programs to read."""
