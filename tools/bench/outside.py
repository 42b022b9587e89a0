"""Data sets that are measured on and are no part of the project. No figures of its own."""

from __future__ import annotations

import os
from pathlib import Path

#: LoCoMo as locomo-dev.json, the Numenta Anomaly Benchmark as nab/, WorkBench as workbench/, HumanEvalPack as
#: humanevalfix-python-dev.jsonl.
FOLDER = Path(os.environ.get("ROADMAP_BENCH_DATA") or Path(__file__).parents[2] / ".cache" / "bench-data")
