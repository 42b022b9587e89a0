"""Permissions: what they cover, how they end, what is no host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core.errors import UsageError
from roadmap_cli.net import permissions
from roadmap_cli.state.store import State

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def found(state: State, **changed: object) -> bool:
    asked: dict[str, object] = {
        "host": "api.example.org",
        "port": 443,
        "purpose": "model-call",
        "kinds": ["a.b"],
        "at": AT,
    }
    with state.read() as tx:
        return permissions.find(tx, **{**asked, **changed}) is not None  # type: ignore[arg-type]


def test_a_permission_covers_its_host_purpose_and_kinds_and_nothing_else(state: State) -> None:
    assert not found(state)
    with state.write() as tx:
        permissions.grant(tx, host="API.Example.org.", purpose="model-call", kinds=["a.b", "a.c"], at=AT)
    assert found(state)
    assert found(state, kinds=["a.c", "a.b"])
    assert found(state, kinds=[])
    assert found(state, port=8443)
    assert not found(state, kinds=["a.b", "a.d"])
    assert not found(state, host="example.org")
    assert not found(state, host="x.api.example.org")
    assert not found(state, purpose="sync")


def test_a_permission_for_a_port_is_for_that_port(state: State) -> None:
    with state.write() as tx:
        permissions.grant(tx, host="api.example.org:8443", purpose="model-call", kinds=[], at=AT)
    assert found(state, port=8443)
    assert not found(state)


def test_a_permission_ends(state: State) -> None:
    with state.write() as tx:
        permissions.grant(
            tx, host="api.example.org", purpose="model-call", kinds=[], at=AT, expires_at=AT + timedelta(hours=1)
        )
    assert found(state, at=AT + timedelta(minutes=59))
    assert not found(state, at=AT + timedelta(hours=1))
    with state.write() as tx:
        (ended,) = permissions.revoke(tx, at=AT, host="api.example.org")
        assert ended.state(AT) == "revoked"
        assert permissions.revoke(tx, at=AT, host="api.example.org") == []
    assert not found(state)
    with state.read() as tx:
        assert len(list(permissions.every(tx))) == 1


def test_an_end_in_the_past_is_refused(state: State) -> None:
    with state.write() as tx, pytest.raises(UsageError):
        permissions.grant(tx, host="a.b", purpose="x", kinds=[], at=AT, expires_at=AT)


@pytest.mark.parametrize(
    "host", ["", "https://a.b", "a b", "a/b", "*", "*.a.b", "a.b:", "a.b:123456", "user@a.b", "a..b" * 100, "-a"]
)
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(UsageError):
        permissions.host_name(host)


def test_hosts_have_one_spelling() -> None:
    assert permissions.host_name("BÜCHER.example") == "xn--bcher-kva.example"
    assert permissions.host_name("[::1]:8080") == "[::1]:8080"


@given(st.text())
def test_a_host_is_accepted_as_it_is_written_down_or_not_at_all(text: str) -> None:
    try:
        host = permissions.host_name(text)
    except UsageError:
        return
    assert permissions.host_name(host) == host
