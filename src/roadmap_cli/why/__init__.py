"""The one "why": decisions of every family with the evidence they rest on. Imports state and core only."""
