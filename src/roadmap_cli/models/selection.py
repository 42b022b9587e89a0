"""Which model answers: a name becomes an open chat, in this process or at an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.models.chat import PROMPT_KIND, Chat

if TYPE_CHECKING:
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.net.transport import Transport


def open_chat(
    name: str | None,
    *,
    environ: Mapping[str, str],
    ledger: Ledger | None,
    transport: Transport | Callable[[], Transport] | None = None,
    kinds: Sequence[str] = (PROMPT_KIND,),
    context_size: int | None = None,
    threads: int | None = None,
) -> Chat:
    """Open a model by name; None takes ``ROADMAP_MODEL``, else the registry's default for chat.

    A running slm-serve that has the model answers, unless a context or threads of one's own are asked for.

    `ledger` None writes no calls down: for looking at a model, not for using it. `transport`, or what makes it, is
    needed for endpoints only, and `kinds` are the kinds of records whose content the prompts will carry: the
    permission must cover them. `context_size` (tokens) and `threads` matter for in-process models; by default 4096,
    or what the model was made for if that is less, and every processor this process may use.

    Raises ConfigError (unknown name, damaged weights, endpoint without a transport), Unavailable (weights not pulled,
    llama-cpp-python not installed), InputMissing and DataError (a path to no file or to no GGUF file).
    """
    if context_size is None and threads is None:
        from roadmap_cli.models import warm

        opened = warm.open_model(name or environ.get("ROADMAP_MODEL") or None, environ=environ, ledger=ledger)
        if opened is not None:
            return warm.WarmChat(opened, ledger)
    from roadmap_cli.models import registry

    found = registry.load(environ)
    name = name or environ.get("ROADMAP_MODEL") or found.defaults["chat"]
    if name in found.endpoints:
        from roadmap_cli.models.endpoint import EndpointChat

        if callable(transport):
            transport = transport()
        if transport is None:
            raise ConfigError(f"endpoint {name!r} needs the network, which this command does not use")
        return EndpointChat(found.endpoints[name], transport=transport, environ=environ, kinds=kinds, ledger=ledger)
    from roadmap_cli.models.local import LocalChat

    if name.endswith(".gguf") or "/" in name:
        path, shown = Path(name).expanduser(), Path(name).stem
    else:
        model = found.model(name)
        if model.task != "chat":
            raise ConfigError(f"model {name!r} is for {model.task!r}, not for chat", hint="slm-models list")
        path, shown = found.file(model), model.name
    return LocalChat(shown, path, ledger=ledger, context_size=context_size, threads=threads)
