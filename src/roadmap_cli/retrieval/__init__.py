"""Finding what bears on a question, for every family: words, times, likeness of meaning, and their worth."""
