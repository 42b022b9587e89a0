"""The `edl-*` commands."""
