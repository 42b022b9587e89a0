"""Who allows a plan: approvals bound to its hash, by name, link, signature or reply; tasks for people; escalation."""
