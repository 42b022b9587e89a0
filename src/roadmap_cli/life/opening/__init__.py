"""From a file or a stream to one source that can be read: its bytes, its charset, how far it was read, the options."""
