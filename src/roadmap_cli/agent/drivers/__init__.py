"""Drivers: each a way of finding repairs, behind the one contract of `agent.driver`."""
