"""Spectrum-based fault localisation: which lines failing tests run more than passing ones.

Ochiai's coefficient as in Abreu, Zoeteweij, van Gemund, "An Evaluation of Similarity Coefficients for Software Fault
Localization" (PRDC 2006): failing(line) / sqrt(all failing * tests that run the line).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import sqrt
from typing import Any

Spectrum = Mapping[str, Mapping[str, Sequence[int]]]
Suspicion = dict[str, dict[int, float]]
IMPORT = "<import>"


def ochiai(lines: Spectrum, failing: Sequence[str], passing: Sequence[str]) -> Suspicion:
    """Suspiciousness from 0 to 1 of each line that a failing test runs, by file and line number.

    `lines` maps test → file → lines. Tests that failed while being collected are seen through what import ran.
    """
    failed, passed = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    spectra = [lines.get(test) or lines.get(IMPORT, {}) for test in failing]
    for spectrum in spectra:
        failed.update((file, line) for file, numbers in spectrum.items() for line in numbers)
    for test in passing:
        passed.update((file, line) for file, numbers in lines.get(test, {}).items() for line in numbers)
    found: Suspicion = {}
    for (file, line), count in failed.items():
        found.setdefault(file, {})[line] = count / sqrt(len(failing) * (count + passed[file, line]))
    return found


def unknown(sources: Mapping[str, int]) -> Suspicion:
    """Without a spectrum every line is equally suspect. `sources` maps file → number of lines."""
    return {file: dict.fromkeys(range(1, count + 1), 0.5) for file, count in sources.items()}


def raised(errors: Iterable[Mapping[str, Any]], sources: Collection[str]) -> set[tuple[str, int]]:
    """Where errors were raised: the innermost place of each in one of some files. `errors` as the bench tells them."""
    found = set()
    for error in errors:
        places = [(frame["file"], frame["line"]) for frame in error.get("frames", ()) if frame.get("file") in sources]
        found |= set(places[-1:])
    return found


def top(suspicion: Suspicion, limit: int, first: Collection[tuple[str, int]] = ()) -> list[tuple[str, int, float]]:
    """The most suspect lines: file, line, coefficient; of equals those `first` that are named so."""
    every = ((file, line, value) for file, lines in suspicion.items() for line, value in lines.items())
    return sorted(every, key=lambda entry: (-entry[2], entry[:2] not in first, entry[0], entry[1]))[:limit]
