"""No data outside the scope of a plan is readable or writable by its steps: each sort of step, each way around."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wf import plans

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf.rights import scope
from roadmap_cli.wf.running import steps

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A folder of the run, an allowed folder and a secret one, each with a file."""
    for name in ("work", "allowed", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").write_text(f"{name} data\n")
    return tmp_path


@pytest.fixture
def around(places: Path) -> Iterator[steps.Surroundings]:
    """Surroundings of a plan that may read one folder, with the state somewhere else."""
    (places / "state.db").write_text("state data")
    environ = {"PATH": "/usr/bin:/bin", "ROADMAP_STATE": str(places / "state.db"), "HOME": str(places / "secret")}
    with plans.lease(places / "lease", "run") as lease:
        yield steps.Surroundings(environ, lease, scope=(f"file:{places}/allowed/*",))


def done(around: steps.Surroundings, places: Path, shell: str, *effects: str, **more: Any) -> Record:
    step = {"action": "shell", "shell": shell, "output": "text", "timeout_s": 20.0, "effects": list(effects), **more}
    return steps.perform(step, lambda name: None, places / "work", {}, around)


def test_what_is_in_scope_is_read_and_the_rest_is_not_there(around: steps.Surroundings, places: Path) -> None:
    assert done(around, places, f"cat data {places}/allowed/data", "read")["output"] == "work data\nallowed data"
    for way in (
        f"cat {places}/secret/data", f"cat {places}/allowed/../secret/data", f"cat {places}/state.db", "cat /etc/shadow",
        f"ls {places}/secret", "cat $HOME/data", f"cat /proc/1/root{places}/secret/data",
        f"ln -s {places}/secret/data /tmp/x && cat /tmp/x", "find / -name data -path '*secret*' 2>/dev/null | grep .",
        f"cat /proc/{os.getpid()}/environ", f"cat /proc/self/fd/*/../secret/data {places}/secret/*",
    ):  # fmt: skip
        found = done(around, places, way, "read")
        assert found["status"] == "failed", way
        assert "secret data" not in str(found)
        assert "state data" not in str(found)


def test_a_command_step_is_held_as_a_shell_step_is(around: steps.Surroundings, places: Path) -> None:
    code = "import sys; print(open(sys.argv[1]).read())"
    step = {"action": "command", "output": "text", "timeout_s": 20.0, "effects": ["read"]}
    for place, status in (("allowed", "succeeded"), ("secret", "failed")):
        command = [sys.executable, "-c", code, str(places / place / "data")]
        found = steps.perform({**step, "command": command}, lambda name: None, places / "work", {}, around)
        assert found["status"] == status, found


def test_a_link_out_of_the_folder_leads_nowhere(around: steps.Surroundings, places: Path) -> None:
    (places / "work" / "link").symlink_to(places / "secret" / "data")
    (places / "allowed" / "link").symlink_to(places / "secret")
    assert done(around, places, "cat link", "read")["status"] == "failed"
    assert done(around, places, f"cat {places}/allowed/link/data", "read")["status"] == "failed"


def test_it_writes_only_with_an_effect_that_writes(around: steps.Surroundings, places: Path) -> None:
    assert done(around, places, "echo x > new", "read")["status"] == "failed"
    assert done(around, places, f"echo x > {places}/allowed/new", "read")["status"] == "failed"
    assert done(around, places, "echo x > new", "write")["status"] == "succeeded"
    assert (places / "work" / "new").read_text() == "x\n"
    for place in ("secret", "."):  # at most in a folder of its own in memory, which goes with it
        done(around, places, f"mkdir -p {places}/{place} && echo x > {places}/{place}/new", "write")
        assert not (places / place / "new").exists()
    done(around, places, f"echo x > {places}/allowed/new", "write")
    assert (places / "allowed" / "new").exists()


def test_the_network_is_there_only_with_its_effect(around: steps.Surroundings, places: Path) -> None:
    look = "grep -c : /proc/net/dev"  # without network there is only lo
    alone = int(done(around, places, look, "read")["output"])
    if Path("/proc/net/dev").read_text().count(":") == alone:
        pytest.skip("this machine has no network but lo")
    assert int(done(around, places, look, "network")["output"]) > alone


def test_a_signal_is_told_as_one_and_nothing_is_left(around: steps.Surroundings, places: Path) -> None:
    found = done(around, places, "kill -9 $$", "read")
    assert (found["failure"], found["reason"]) == ("transient", "ended by signal 9")
    found = done(around, places, f"sleep 63.5 & sleep 63.5 # {places}", "read", timeout_s=0.5)
    assert found["failure"] == "transient"
    ends_at = time.monotonic() + 2  # killed they all are; the kernel takes a namespace down in its own time
    while str(places) in (left := _running()) and time.monotonic() < ends_at:
        time.sleep(0.02)
    assert str(places) not in left


def _running() -> str:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(each.read_text(errors="replace"))
    return "\n".join(found)


def test_a_scope_that_shows_everything_is_refused(around: steps.Surroundings, places: Path) -> None:
    for pattern in ("file:/*", "file:/etc/*", "file:/root/*", "file:/home/*", "file:/var/*"):
        around.scope = (pattern,)
        assert "not shown all of" in done(around, places, "true", "read")["reason"], pattern


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("host:Jira.Example.", "host:jira.example"), ("file:/a/../b//c", "file:/b/c"), ("channel:#OPS", "channel:#ops"),
        ("host:bücher.example", "host:xn--bcher-kva.example"), ("run:/usr/bin/../bin/id", "run:/usr/bin/id"),
    ],
)  # fmt: skip
def test_a_resource_has_one_spelling(text: str, spelled: str) -> None:
    assert scope.spelled(text) == spelled


@pytest.mark.parametrize(
    "text", ["", "x", "host:", "host:a b", "file:../x", "file:/a/../*", 'database:x"', "a:b\n", "file:/a\0"]
)
def test_what_is_no_resource_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        scope.spelled(text)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_nothing_but_a_data_error_leaves_the_reading_of_resources(text: str) -> None:
    try:
        once = scope.spelled(text)
    except DataError:
        return
    assert scope.spelled(once) == once


_NAMES = st.text(alphabet="ab*./", min_size=1, max_size=8)


@given(_NAMES, _NAMES, st.text(alphabet="ab./", max_size=10))
@settings(max_examples=300, deadline=None)
def test_a_part_of_a_scope_never_covers_more_than_the_whole(outer: str, inner: str, name: str) -> None:
    wide, narrow, resource = f"database:{outer}", f"database:{inner}", f"database:{name}"
    if scope.includes([wide], [narrow]) and scope.within(resource, [narrow]):
        assert scope.within(resource, [wide])
