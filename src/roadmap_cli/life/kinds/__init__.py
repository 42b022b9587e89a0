"""What all formats of one kind of record have in common, and the items that readers hand to the store."""
