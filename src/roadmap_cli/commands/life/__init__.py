"""The `life-*` commands."""
