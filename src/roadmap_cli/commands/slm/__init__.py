"""The `slm-*` commands."""
