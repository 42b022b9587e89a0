"""The server that keeps models in memory: a parent that owns the sockets, and one child process for each model."""
