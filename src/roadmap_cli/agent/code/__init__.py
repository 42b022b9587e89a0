"""The code that is mended: a project as it stood, its sources with byte-exact positions, changes to them."""
