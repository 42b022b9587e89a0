"""Counters, written as Prometheus reads them (text exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_HELP = {
    "requests": "Requests by what became of them.",
    "prompt_tokens": "Tokens read, cached ones included.",
    "cached_tokens": "Tokens of prompts that were still in memory.",
    "completion_tokens": "Tokens written.",
    "refused": "Requests refused because too many waited or memory was short.",
    "cancelled": "Requests given up by their client.",
    "loads": "Models loaded.",
    "load_failures": "Models that could not be loaded.",
    "unloads": "Models let go.",
    "crashes": "Processes of models that ended by themselves.",
    "kept_bytes": "Bytes of model state written to disk, encrypted.",
    "preloads": "Models loaded ahead of need.",
    "pressure_events": "Memory-pressure events of the kernel.",
    "ledger_failures": "Calls that could not be written into the ledger.",
}
#: Upper bounds, in seconds, of the histograms.
_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SPANS = {
    "first_token_seconds": "From a request to the first piece of its reply.",
    "request_seconds": "From a request to its end.",
    "relief_seconds": "From a memory-pressure event to the memory given back.",
}


class Metrics:
    """Counts and spans since the server started."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._spans: dict[str, list[int]] = {name: [0] * (len(_BOUNDS) + 1) for name in _SPANS}
        self._sums: dict[str, float] = dict.fromkeys(_SPANS, 0.0)

    def count(self, name: str, by: int = 1) -> None:
        """Count something."""
        self.counts[name] += by

    def request(self, path: str, status: int) -> None:
        """Count a request that is over."""
        self.outcomes[path, str(status)] += 1

    def span(self, name: str, seconds: float) -> None:
        """Take a time into its histogram."""
        self._sums[name] += seconds
        place = next((place for place, bound in enumerate(_BOUNDS) if seconds <= bound), len(_BOUNDS))
        self._spans[name][place] += 1

    def text(self, gauges: Iterable[tuple[str, str, dict[str, str], float]]) -> str:
        """All of it; `gauges` are (name, help, labels, value)."""
        lines: list[str] = []
        for name, about in _HELP.items():
            lines += [f"# HELP slm_{name}_total {about}", f"# TYPE slm_{name}_total counter"]
            if name == "requests":
                for (path, status), count in sorted(self.outcomes.items()):
                    lines.append(_line("slm_requests_total", {"path": path, "status": status}, count))
            else:
                lines.append(_line(f"slm_{name}_total", {}, self.counts[name]))
        for name, about in _SPANS.items():
            lines += [f"# HELP slm_{name} {about}", f"# TYPE slm_{name} histogram"]
            total = 0
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._spans[name], strict=True):
                total += count
                lines.append(_line(f"slm_{name}_bucket", {"le": bound}, total))
            lines += [_line(f"slm_{name}_sum", {}, round(self._sums[name], 6)), _line(f"slm_{name}_count", {}, total)]
        seen = set[str]()
        for name, about, labels, value in gauges:
            if name not in seen:
                seen.add(name)
                lines += [f"# HELP slm_{name} {about}", f"# TYPE slm_{name} gauge"]
            lines.append(_line(f"slm_{name}", labels, value))
        return "\n".join(lines) + "\n"


def _line(name: str, labels: dict[str, str], value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{told}}} {value:g}" if told else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
