"""Agents: roles that do tasks by rules, and by a model where one is given; they talk by wf.message records.

The rule kept here: what an agent reads is data. No word in it gives a tool, a recipient, a right or a claim that no
evidence bears.
"""
