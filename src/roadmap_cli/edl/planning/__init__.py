"""From measured footage and words to a whole edit: reading the words, choosing, trimming, joining, sound, reasons."""

from __future__ import annotations

from fractions import Fraction

#: No cut is shorter than this; shorter is a flash frame.
LEAST_FRAMES = 3
#: Bounds of playing speed.
SLOWEST, FASTEST = Fraction(1, 2), Fraction(2)
