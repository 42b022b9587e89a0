"""From items to rows: each record once and for good, versions of events, transactions that belong together."""
