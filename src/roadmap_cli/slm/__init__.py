"""The small-language-model runtime: batches of prompts, embeddings, the models on this machine."""
