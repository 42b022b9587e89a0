"""The `agent-*` commands."""
