"""Scopes and the user's connections: what lies outside is outside, and a broken file is told in words."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core.errors import ConfigError, DataError
from roadmap_cli.wf.actions import connections
from roadmap_cli.wf.language import scope
from roadmap_cli.wf.rights import scope as rights_scope

from .conftest import Act

NAMES = st.text(alphabet="abcAB.-_/:@#*1 ", min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("pattern", "resource", "is_covered"),
    [
        ("host:jira.example", "host:jira.example", True),
        ("host:jira.example", "host:JIRA.example", True),
        ("host:jira.example", "host:jira.example:8443", True),
        ("host:jira.example:8443", "host:jira.example", False),
        ("host:jira.example", "host:jira.example.evil", False),
        ("host:*.example", "host:a.example", True),
        ("host:*.example", "host:a.example.evil", False),
        ("host:*", "host:[::1]:80", True),
        ("channel:#ops*", "channel:#ops-db", True),
        ("channel:#ops*", "channel:#dev", False),
        ("mailbox:*@example.com", "mailbox:a@example.com", True),
        ("mailbox:*@example.com", "mailbox:a@evil@example.com", False),
        ("mailbox:*@example.com", "mailbox:a@example.com.evil", False),
        ("file:/var/log/*", "file:/var/log/a.log", True),
        ("file:/var/log/*", "file:/var/log/a/b.log", False),
        ("file:/var/log/**", "file:/var/log/a/b.log", True),
        ("file:/var/log/*", "file:/var/logs/a", False),
        ("database:orders", "database:orders2", False),
        ("database:*", "host:orders", False),
        ("*", "host:a", False),
        ("host:", "host:", False),
        ("host", "host:a", False),
        ("project:OPS", "project:ops", True),
        ("channel:#Ops", "channel:#oPS", True),
        ("file:/a/B", "file:/a/b", False),
        ("run:Sh", "run:sh", False),
        ("file:/a/**", "file:/a/../b", False),
        ("file:/a/[bc]", "file:/a/b", False),
        ("file:/a/?", "file:/a/b", False),
    ],
)
def test_what_a_pattern_covers(pattern: str, resource: str, is_covered: bool) -> None:
    assert scope.covers(pattern, resource) == is_covered
    assert rights_scope.is_allowed_by([pattern], resource) == is_covered  # the rights know no other way


@given(st.sampled_from(scope.SORTS), NAMES, st.sampled_from(scope.SORTS), NAMES)
def test_no_pattern_reaches_another_sort(sort: str, name: str, other: str, place: str) -> None:
    covered = scope.covers(f"{sort}:{name}", f"{other}:{place}")
    assert not covered or sort == other
    if covered and "*" not in name and sort != "host":
        assert name == place if sort in ("file", "run") else name.lower() == place.lower()


@given(st.lists(st.text(max_size=20)), st.lists(st.text(max_size=20)))
def test_without_a_scope_all_is_outside(resources: list[str], patterns: list[str]) -> None:
    assert scope.outside(resources, ()) == resources
    if resources:
        with pytest.raises(DataError):
            scope.refuse_outside(resources, ())
    assert set(scope.outside(resources, patterns)) <= set(resources)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[secret.a\n", "cannot be read"),
        ("[nonsense.a]\nx = 1\n", "not a section"),
        ("secret = 1\n", "not a section"),
        ("[secret]\na = 1\n", "not a section"),
        ('[secret.a]\nhosts = ["h"]\n', "needs one of file, env and credential"),
        ('[secret.a]\nenv = "A"\nfile = "/x"\nhosts = ["h"]\n', "needs one of file, env and credential"),
        ('[secret.a]\nenv = "MISSING"\nhosts = ["h"]\n', "is not set"),
        ('[secret.a]\nenv = "BAD"\nhosts = ["h"]\n', "holds line breaks"),
        ('[secret.a]\nfile = "/nowhere"\nhosts = ["h"]\n', "cannot be read"),
        ('[secret.a]\nfile = "/tmp"\nhosts = ["h"]\n', "cannot be read"),
        ('[secret.a]\ncredential = "../x"\nhosts = ["h"]\n', "no credential"),
        ('[secret.a]\nenv = "OK"\nhosts = "h"\n', "must be a list"),
        ('[secret.a]\nenv = "OK"\nhosts = ["other"]\n', "is not for 'h'"),
        ('[secret.a]\nenv = "OK"\n', "is not for 'h'"),
        ('[secret.a]\nenv = "OK"\nhosts = ["h"]\nvalue = "x"\n', "unknown 'value'"),
        ("", "there is no [secret.a]"),
    ],
)
def test_a_broken_file_is_told(act: Act, settings: Callable[[str], None], text: str, words: str) -> None:
    settings(text)
    environ = {**act.environ, "OK": "value-1", "BAD": "a\nb"}
    with pytest.raises(ConfigError) as error:
        connections.load(environ).secret("a", "h")
    assert words in str(error.value)
    assert "value-1" not in str(error.value)


def test_a_secret_hides_itself(act: Act, settings: Callable[[str], None], tmp_path: Path) -> None:
    settings('[secret.a]\nfile = "~/token"\nhosts = ["h"]\n')
    file = tmp_path / "token"
    file.write_text("value-1\n")
    file.chmod(stat.S_IRUSR)
    found = connections.load(act.environ).secret("a", "h:8443")
    assert (found.value, "value-1" in repr(found)) == ("value-1", False)
    assert connections.redacted({"a": ["x value-1 y"]}, [found]) == {"a": ["x [secret a] y"]}


def test_a_refusal_says_what_to_do(act: Act) -> None:
    found = act("http", {"url": "https://api.example/"}, role="data", effects=("network",), scope=("host:api.example",))
    assert "roadmap-permit add api.example --purpose workflow" in found["reason"]
