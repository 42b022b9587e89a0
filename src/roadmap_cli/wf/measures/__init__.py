"""What is measured of runs: spans, counts, cost, and what is alarming about them. Nothing here changes a run."""
