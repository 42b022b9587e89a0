"""One file for each command: options, docstring, a call into its family. The name is the path."""
