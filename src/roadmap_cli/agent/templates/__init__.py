"""Repair templates for Python: small edits that undo common slips. Those of other languages are in `languages`.

- `expressions`, `statements`: what is there is mended: operators, operands, bounds, nesting, jumps, returns.
- `names`: a name that nothing binds is exchanged for one that is near, or imported.
- `unparsable`: a line that makes a file no Python at all is left out, or ended.
- `missing`, `insertions`: what is not there is put in, made of the `vocabulary` of a function and of the `usual` calls.
"""
