"""Lower the precision of a model's weights, knowing beforehand what it costs and proving afterwards that it is sound."""
