"""The workflow family: events become matches, plans, approvals and durable runs. No click, no streams, no prints.

Its rooms import downwards only:

    matching | running | web → approving → rights → agents | listening | planning
    → actions | learning | library | measures | sources → audit | events | evidence | language | loopback | people
"""
