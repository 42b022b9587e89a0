"""What the person holds to be important: rules in words, their order, and what a plan means for them.

`checking.check(tx, planned, now=…)` is what every command of the family asks before it recommends anything; what comes
back has the fields `conflicts` and `supports` for the record and the ids to cite.
"""
