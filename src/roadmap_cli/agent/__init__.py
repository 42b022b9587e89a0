"""The coding agent as a library: sandbox, test bench, repair by search, memory. No stream, no terminal, no clock."""
