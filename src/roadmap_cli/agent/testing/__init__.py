"""What tests say: the bench that runs them in a sandbox, what fails, where, why, and which failure it is."""
