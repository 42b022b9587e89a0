"""What a person says of an edit: read, measured, corrected within bounds, proved, and remembered as a taste."""
