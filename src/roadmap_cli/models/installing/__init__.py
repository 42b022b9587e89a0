"""Models onto this machine: their files fetched, checked, built into graphs, moved into place as a whole."""
