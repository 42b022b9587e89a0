"""Long-term memory: days in a few words that cite what they are from, and facts with the time they are true."""
