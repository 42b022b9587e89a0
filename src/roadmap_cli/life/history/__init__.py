"""What was, counted by day, night, week and month: load, money, body; each number with the records behind it."""
