"""What the `roadmap-*` commands do that no family does: looking after the installation itself."""
