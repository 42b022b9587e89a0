"""A choice between options, computed from what is stored and what the options state; nothing is made up.

Every number of a comparison is a figure: its operation, what it was computed from (decisions over stored records, facts
that an option states, other figures), and its value. `life.proof` computes each again.
"""
