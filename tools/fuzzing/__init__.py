"""The parsers as targets of `tools/fuzz.py`, and the fuzzer itself."""
