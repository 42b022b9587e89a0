"""Conversation with a model, wherever it runs: here, in a warm server, at an endpoint; one request or many."""
