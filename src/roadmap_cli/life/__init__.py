"""A private agent for one person's life: what happened, what changed, and the records that prove it.

Works offline on the encrypted state. Functions here take bytes, records and an open transaction; they never read
the clock, the environment or a stream.
"""
