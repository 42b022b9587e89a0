"""What past runs teach: what worked, which runs were alike, and changes of templates that a person may accept."""
