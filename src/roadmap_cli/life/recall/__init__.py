"""Finding again: what is stored as items, their activation, and the answers to a question."""
