"""Expressions that map given arguments to given results, found by building them up from small ones.

Bottom-up enumeration with observational equivalence (Albarghouthi, Gulwani, Kincaid, CAV 2013; TRANSIT, Udupa et
al., PLDI 2013): of all expressions with the same values on the examples only the smallest is kept. Conditionals are
put together from expressions that are right on parts of the examples, as in EUSolver (Alur et al., TACAS 2017);
loops are comprehensions, aggregates and folds whose inner expressions are enumerated over the elements.

A program that is long for what the examples say fits them by chance. So one is given out only if it takes fewer bits
to write down than the examples' results (minimum description length, Rissanen 1978): seven true-or-false results pin
down `all(x < limit for x in row)`, but no formula of ten operations.

Only this grammar's own operations run here, on plain values and bounded in size; no code of a project does.
"""

from __future__ import annotations

from roadmap_cli.agent.enumeration.synthesis import Synthesiser

__all__ = ["Synthesiser"]
