"""An edit in the words of other programs, and what a person changed there back as a revision of the plan."""
