"""A read-only page about workflows on the loopback address: plain HTML made on the server, no script at all."""
