"""Holding programs inside what they were given: the parts that more than one family needs, by bubblewrap and seccomp.

`seccomp` is the system-call filter, `system` what of the machine every confined program sees, `program` the words that
start one program so that it reads nothing else. The sandbox for untrusted code (limits, control groups, snapshots)
stands on the same parts in `agent.sandbox`. The rule kept here: fail closed; what cannot be confined is not started.
"""
