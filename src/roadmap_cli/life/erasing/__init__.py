"""What the person says is to go: records, what was made from them, and every trace of both in the file (life-erase)."""
