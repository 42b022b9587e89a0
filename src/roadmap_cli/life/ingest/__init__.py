"""Sources on their way into the state: what has changed, what a file is, who reads it; in batches, waiting for news."""
