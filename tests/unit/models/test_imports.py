"""Starting fast: nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import roadmap_cli

HEAVY = (
    "numpy",
    "httpx",
    "onnxruntime",
    "onnx",
    "llama_cpp",
    "tokenizers",
    "jsonschema",
    "sqlcipher3",
    "orjson",
    "asyncio",
)


def test_importing_every_module_of_models_and_net_imports_nothing_heavy() -> None:
    source = Path(roadmap_cli.__file__).parent
    names = [
        f"roadmap_cli.{package}.{path.stem}"
        for package in ("models", "net", "slm")
        for path in sorted((source / package).glob("*.py"))
        if path.stem != "__init__"
    ]
    assert len(names) > 15
    script = f"import sys, {', '.join(names)}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(source.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
