"""From a checked edit to a playable file, encoding only what has changed."""
