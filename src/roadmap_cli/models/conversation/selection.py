"""Which model answers: a name becomes an open chat, in this process or at an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_cli.core.errors import ConfigError
from roadmap_cli.models.conversation.chat import PROMPT_KIND, Chat

if TYPE_CHECKING:
    from roadmap_cli.models.conversation.batch import Batch
    from roadmap_cli.models.ledger import Ledger
    from roadmap_cli.models.registry import Endpoint
    from roadmap_cli.net.transport import Transport

#: Requests in flight at a warm server unless told otherwise; it says how many it takes.
WARM_WIDTH = 8


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
        from roadmap_cli.models.conversation import warm

        opened = warm.open_model(name or environ.get("ROADMAP_MODEL") or None, environ=environ, ledger=ledger)
        if opened is not None:
            return warm.WarmChat(opened, ledger)
    found = _find(name, environ)
    if isinstance(found, tuple):
        from roadmap_cli.models.conversation.local import LocalChat

        return LocalChat(*found, ledger=ledger, context_size=context_size, threads=threads)
    return _endpoint(found, environ, ledger, transport, kinds)


def open_batch(
    name: str | None,
    *,
    environ: Mapping[str, str],
    ledger: Ledger | None,
    transport: Transport | Callable[[], Transport] | None = None,
    kinds: Sequence[str] = (PROMPT_KIND,),
    width: int | None = None,
    context_size: int | None = None,
    threads: int | None = None,
    purpose: str = "batch",
    expected: int | None = None,
) -> Batch:
    """Open a model for many requests at once; names, choice and errors are those of `open_chat`.

    `width` is how many are to be in flight; by default what the server says, or what this machine does best. At an
    endpoint it is at most what the user's file allows.
    `expected` is how many requests will come, if that is known: for many, a model in this process may be computed in
    a faster format (`working_copy`).
    """
    if context_size is None and threads is None:
        from roadmap_cli.models.conversation import warm

        wanted = name or environ.get("ROADMAP_MODEL") or None
        opened = warm.open_model(wanted, environ=environ, ledger=ledger, width=width or WARM_WIDTH)
        if opened is not None:
            batch = warm.WarmBatch(opened, ledger, purpose=purpose)
            batch.width = min(width or batch.width, batch.width)
            return batch
    from roadmap_cli.models.conversation.batch import ChatBatch, LocalBatch

    found = _find(name, environ)
    if isinstance(found, tuple):
        from roadmap_cli.core import paths
        from roadmap_cli.models.conversation import working_copy

        shown, path = found
        cache = paths.cache_directory(environ)
        choice = working_copy.Choice(path)
        if width != 1:  # a width of 1 is for those who want the same answers everywhere
            choice = working_copy.choose(path, folder=cache / "copies", environ=environ, expected=expected)
        return LocalBatch(
            shown,
            choice.path,
            ledger=ledger,
            width=width,
            context_size=context_size,
            threads=threads,
            purpose=purpose,
            memory=cache / "batch-widths.json",
            remark=choice.remark,
        )
    many = min(width or found.width, found.width)
    if callable(transport):
        transport = transport()
    if many > 1 and transport is not None and transport.may_separate:
        from roadmap_cli.models.conversation.endpoint import EndpointChat
        from roadmap_cli.models.conversation.together import EndpointBatch

        def chat(transport: Transport, ledger: Ledger | None) -> EndpointChat:
            return EndpointChat(found, transport=transport, environ=environ, kinds=kinds, ledger=ledger)

        return EndpointBatch(chat, transport=transport, ledger=ledger, width=many, purpose=purpose)
    return ChatBatch(_endpoint(found, environ, ledger, transport, kinds), purpose=purpose)


def is_endpoint(name: str | None, *, environ: Mapping[str, str]) -> bool:
    """Whether a model (None: the default one) is asked over the network. Raises ConfigError for broken settings."""
    from roadmap_cli.models import registry

    found = registry.load(environ)
    return (name or environ.get("ROADMAP_MODEL") or found.defaults["chat"]) in found.endpoints


def _find(name: str | None, environ: Mapping[str, str]) -> Endpoint | tuple[str, Path]:
    """The endpoint of a name, or the name to show and the file of a model on this machine."""
    from roadmap_cli.models import registry

    found = registry.load(environ)
    name = name or environ.get("ROADMAP_MODEL") or found.defaults["chat"]
    if name in found.endpoints:
        return found.endpoints[name]
    if name.endswith(".gguf") or "/" in name:
        return Path(name).stem, Path(name).expanduser()
    model = found.model(name)
    if model.task != "chat":
        raise ConfigError(f"model {name!r} is for {model.task!r}, not for chat", hint="slm-models list")
    return model.name, found.file(model)


def _endpoint(
    endpoint: Endpoint,
    environ: Mapping[str, str],
    ledger: Ledger | None,
    transport: Transport | Callable[[], Transport] | None,
    kinds: Sequence[str],
) -> Chat:
    from roadmap_cli.models.conversation.endpoint import EndpointChat

    if callable(transport):
        transport = transport()
    if transport is None:
        raise ConfigError(f"endpoint {endpoint.name!r} needs the network, which this command does not use")
    return EndpointChat(endpoint, transport=transport, environ=environ, kinds=kinds, ledger=ledger)
