"""Language and embedding models for every family: registry, chat, embeddings, and the ledger of every call."""
