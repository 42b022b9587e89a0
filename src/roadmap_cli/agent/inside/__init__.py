"""What runs inside the sandbox, in the project's own interpreter: standard library only, Python 3.8 and later."""
