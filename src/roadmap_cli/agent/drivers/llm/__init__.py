"""Proposals from a language model, wherever it runs."""
