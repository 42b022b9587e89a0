"""One process that serves and follows sources: webhooks, positions, proofs of senders, dead letters."""
