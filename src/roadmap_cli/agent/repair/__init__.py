"""From proposals to a repair: trials of many candidates, judgement of the best, choice among those that pass."""
