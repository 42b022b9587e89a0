"""What every edit was, why, and on which evidence."""
