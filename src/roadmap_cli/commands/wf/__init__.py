"""The `wf-*` commands."""
