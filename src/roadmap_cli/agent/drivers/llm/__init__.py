"""Proposals from a language model, wherever it runs: `LlmDriver`, its `Settings` and its `Budget`."""

from roadmap_cli.agent.drivers.llm.budget import Budget
from roadmap_cli.agent.drivers.llm.driver import LlmDriver, Settings

__all__ = ["Budget", "LlmDriver", "Settings"]
