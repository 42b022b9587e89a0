"""Every edit of a plan with what, why and evidence: revisions, undo, redo, and answers."""
