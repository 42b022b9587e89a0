"""Local times: time zones as files name them, offsets as exports write them, the instants a rule gives."""
