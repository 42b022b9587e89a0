"""The audit log of workflows: entries, the tree over them, proofs, checkpoints."""
