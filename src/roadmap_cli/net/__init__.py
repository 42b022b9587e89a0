"""The network, behind one door: permissions, the audit of every request, and the guarded HTTP transport."""
