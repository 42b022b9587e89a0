"""Ways of finding repairs, each a `driver.Driver`."""
