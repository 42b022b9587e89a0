"""Lower the precision of a model's weights: told beforehand what it costs, proven afterwards that it is sound."""
