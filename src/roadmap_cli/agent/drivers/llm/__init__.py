"""Proposals from a language model, wherever it runs: `LlmDriver`, its `Settings` and its `Budget`."""

from roadmap_cli.agent.drivers.llm.asking import Settings
from roadmap_cli.agent.drivers.llm.budget import Budget
from roadmap_cli.agent.drivers.llm.driver import LlmDriver

__all__ = ["Budget", "LlmDriver", "Settings"]
