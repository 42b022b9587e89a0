"""The durable queue of requests: what waits, when it is worked off and why, and the working off."""
