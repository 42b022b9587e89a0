"""How a command meets a shell. With `commands`, the only place that knows click and rich."""

from roadmap_cli.cli.command import command, group
from roadmap_cli.cli.options import encoding_options, reply_options
from roadmap_cli.cli.run import Run

__all__ = ["Run", "command", "encoding_options", "group", "reply_options"]
