"""Readers of the files people already have: one module per format, bytes in, items out.

Each reader yields records (or groups of them) and, in their place, a DataError for an item that is malformed; nothing
but a DataError ever leaves a reader, and the time it takes is bounded by the size of the file.
Error messages name the file, the line and the field, and never show what stands there.
"""
