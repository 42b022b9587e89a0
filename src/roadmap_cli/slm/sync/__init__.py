"""End-to-end encrypted sync: revision trees of records, exchanged as immutable segments through places nobody trusts.

Nothing here depends on locks, conditional writes, ETags, times or clocks of a remote: it must only list, give, take
files under names that are never used twice, and perhaps delete.
"""
