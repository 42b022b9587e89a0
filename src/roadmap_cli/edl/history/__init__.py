"""The history of edits: revisions of a plan."""
