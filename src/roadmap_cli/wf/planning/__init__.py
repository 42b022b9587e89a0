"""From a template and its inputs to the concrete plan: steps, risk, estimate, hash, and pictures of it."""
