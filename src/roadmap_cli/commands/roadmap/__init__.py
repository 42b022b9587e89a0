"""The `roadmap-*` commands."""
