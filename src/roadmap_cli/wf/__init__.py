"""The workflow family: events become matches, plans, approvals and durable runs. No click, no streams, no prints."""
