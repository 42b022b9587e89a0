"""What slm-quantize tells beforehand beside what comes: sizes of files, and the memory of a process that answers.

SmolLM2 135M is the model whose figures the constants were fitted to; the others have shapes that were not looked at
then, with random weights (memory does not depend on what the weights are).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from helping import tell_help

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]
ENVIRON = {**os.environ, "ROADMAP_MODELS": os.environ.get("ROADMAP_MODELS", str(ROOT / ".cache" / "models"))}
#: Format and context (tokens) of each run.
RUNS = (("F16", 512), ("Q8_0", 2048), ("Q6_K", 512), ("Q5_K_M", 512), ("Q4_K_M", 512), ("Q4_0", 512), ("Q4_0", 1024))
OTHERS = (("Q8_0", 512), ("Q4_K_M", 512), ("Q4_0", 1024))


def sources(folder: Path) -> dict[str, tuple[Path, tuple[tuple[str, int], ...]]]:
    """Name → file in F16, and the runs to make with it."""
    from make_llama import Shape, publish
    from roadmap_cli.models import registry
    from roadmap_cli.slm.quantize import convert, work

    found = registry.load(ENVIRON)
    small = found.file(found.model("smollm2-135m-instruct"))
    exact = folder / "smollm2.gguf"
    work.run(
        {"action": "quantize", "source": str(small), "target": str(exact), "formats": {"F16": 1}, "threads": 1},
        where=str(small), environ=ENVIRON,
    )  # fmt: skip
    shapes = {
        "wide": Shape(width=1024, heads=16, kv_heads=4, layers=6, inner=2816, vocabulary=32000, context=2048),
        "deep": Shape(width=512, heads=8, kv_heads=8, layers=20, inner=1536, vocabulary=8000, context=4096),
    }
    made = {"SmolLM2 135M": (exact, RUNS)}
    for name, shape in shapes.items():
        publish(folder / name, shape=shape)
        made[name] = (convert.converted(folder / name, folder / f"{name}-gguf").path, OTHERS)
    return made


def main() -> None:
    from roadmap_cli.slm.quantize import estimate, formats, header, plan, target, work

    here = target.resolve("this", ENVIRON, {})
    with tempfile.TemporaryDirectory() as name:
        for model, (path, runs) in sources(Path(name)).items():
            told = header.read(path)
            for form, context in runs:
                best = plan.make(told, here, wanted=form, tensors=[], context_size=context, environ=ENVIRON).candidates[
                    0
                ]
                made = Path(name) / "made.gguf"
                work.run(
                    {"action": "quantize", "source": str(path), "target": str(made), "threads": 1,
                     "formats": {form: formats.FORMATS[form]}},
                    where=str(path), environ=ENVIRON,
                )  # fmt: skip
                need = estimate.need(told, best.types, context_size=context, instructions=here.instructions)
                peak = work.run(
                    {"action": "measure", "target": str(made), "context_size": context},
                    where=str(made),
                    environ=ENVIRON,
                )["peak_bytes"]
                size = made.stat().st_size
                _figure(f"file size, {model} {form}", best.file_bytes, size, "what was written")
                _figure(
                    f"memory, {model} {form}, context {context}", need.total_bytes, peak,
                    "peak resident memory of a process that answers through models.local",
                )  # fmt: skip


def _figure(name: str, told: int, measured: int, peer: str) -> None:
    record = {
        "kind": "bench.figure", "name": f"told beforehand: {name}", "unit": "bytes", "value": told, "peer": peer,
        "peer_value": measured, "ratio": round(told / measured, 4),
    }  # fmt: skip
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    tell_help(__doc__)
    main()
