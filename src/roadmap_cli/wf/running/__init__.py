"""The durable execution of approved plans: `engine` does it, `journal` keeps it, the others say what comes next."""
