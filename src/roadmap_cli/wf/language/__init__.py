"""The template language: files read into frozen shapes, linted, with the meaning of placeholders and conditions."""
