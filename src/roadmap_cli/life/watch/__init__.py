"""What is unusual, and worth saying: baselines, daily series, streams, and the warnings made of them."""
