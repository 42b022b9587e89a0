"""What a shell script, or one command that a program runs, is able to do.

- `words`, `parsing`: the text taken apart into the `tree`.
- `expansion`: what a word may become.
- `programs`: the table of what programs do; `special`: those whose operands need a closer look, each as a `call`.
- `reading`: goes over the commands and has each judged.
"""

from __future__ import annotations

from roadmap_cli.agent.scan.shell.reading import run_text, run_words, scan

__all__ = ["run_text", "run_words", "scan"]
