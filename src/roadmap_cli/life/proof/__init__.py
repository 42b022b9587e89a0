"""Proof of what was said: every figure computed again from the records it cites, every number in a text found there.

A stored value is believed only if the operation it names, done again on what it names, gives it.
"""
