"""What a source's sound holds: speech, music, ambient sound, silence, loudness, rhythm, words."""
