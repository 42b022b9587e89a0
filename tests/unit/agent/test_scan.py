"""agent-scan: what code is able to do is found, what it is not able to do is not, and each finding says why."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from roadmap_cli.agent.sandbox import Grant
from roadmap_cli.agent.scan import capabilities, files, grant, places, python, ruff, sarif, shell
from roadmap_cli.agent.scan.finding import SEVERITIES, Finding
from roadmap_cli.agent.scan.places import Ground
from roadmap_cli.agent.scan.python import special as python_special
from roadmap_cli.agent.scan.shell import programs, special
from roadmap_cli.agent.scan.survey import Granted, Survey
from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError

sys.path.insert(0, str(Path(__file__).parent))
import scan_cases

GROUND = Ground("/project")
AT = "2026-11-23T09:00:00.000Z"


def of_python(text: str, ground: Ground = GROUND) -> list[Finding]:
    return python.scan(text, ground, file="/project/package/module.py")


def asking(found: list[Finding]) -> set[str]:
    return {each.capability for each in found if each.asks}


@pytest.mark.parametrize(("capability", "text"), scan_cases.PYTHON)
def test_a_capability_of_python_is_found_and_asked_about(capability, text):
    assert capability in asking(of_python(text))


@pytest.mark.parametrize("text", scan_cases.HARMLESS)
def test_python_within_the_grant_asks_for_nothing(text):
    assert [each.what for each in of_python(text) if each.asks] == []


@pytest.mark.parametrize(("capability", "text"), scan_cases.SHELL)
def test_a_capability_of_shell_is_found_and_asked_about(capability, text):
    assert capability in asking(shell.scan(text, GROUND, python.scan))


@pytest.mark.parametrize("text", scan_cases.HARMLESS_SHELL)
def test_shell_within_the_grant_asks_for_nothing(text):
    assert [each.what for each in shell.scan(text, GROUND, python.scan) if each.asks] == []


def test_a_finding_tells_the_lines_its_data_came_through():
    found = of_python(
        "import os as o\nfolder = '/var'\n\ndef drop(path):\n    kill = o.remove\n    kill(path)\n\ndrop(folder + '/x')\n"
    )
    (only,) = [each for each in found if each.asks]
    assert (only.line, only.column, only.target, only.scope) == (6, 5, "/var/x", "outside")
    assert [step.partition(":")[0] for step in only.why] == ["line 1", "line 2", "line 5", "line 6", "line 8"]


def test_a_column_counts_characters_not_bytes():
    (only,) = of_python("é = 'ü'; open('/etc/hosts')")
    assert only.column == 10


def test_what_is_bound_again_for_sure_is_forgotten_and_what_may_be_is_not():
    assert not asking(of_python("p = '/etc/x'\np = 'x'\nopen(p)"))
    assert asking(of_python("p = '/etc/x'\nif p:\n    p = 'x'\nopen(p)")) == {"filesystem_read"}
    assert asking(of_python("p = 'x'\nfor i in 'ab':\n    open(p)\n    p = '/etc/x'")) == {"filesystem_read"}
    two = "for p in ['/etc/x']:\n    print(p)\nfor p in ['x']:\n    open(p)\n"
    assert not asking(of_python(two))
    assert asking(of_python(two + "    p = '/etc/y'")) == {"filesystem_read"}
    assert asking(of_python("p = '/etc/x'\nfor p in ['x']: pass\nopen(p)")) == {"filesystem_read"}
    assert asking(of_python("def f():\n    open(p)\np = '/etc/x'\nf()\np = 'y'")) == {"filesystem_read"}


def test_a_path_is_inside_outside_or_the_callers():
    scopes = {
        "open('a/b')": "project", "open('/project/x')": "project", "open('/tmp/x')": "temporary",
        "open('/usr/share/dict/words')": "system", "open('/etc/x')": "outside", "open('../x')": "outside",
        "import sys\nopen(sys.argv[1])": "caller", "open(unknown)": "unknown", "open('C:\\\\x')": "outside",
    }  # fmt: skip
    assert {text: of_python(text)[-1].scope for text in scopes} == scopes
    assert places.secret("/home/me/.ssh/id_rsa") == "ssh keys"
    assert places.persistent("~/.profile") == "run at login"


@pytest.mark.parametrize(
    ("ground", "text"),
    [
        (Ground("/p", hosts=("example.org",)), "import requests\nrequests.get('https://example.org/x')"),
        (Ground("/p", hosts=("*",)), "import socket\nsocket.create_connection(('a.example', 1))"),
        (Ground("/p", programs=("git",)), "import subprocess\nsubprocess.run(['git', 'status'])"),
        (Ground("/p", programs=("*",)), "import subprocess\nsubprocess.run(['frobnicate'])"),
        (Ground("/p", readable=("/data",)), "open('/data/x')"),
        (Ground("/p", writable=("/out",)), "open('/out/x', 'w')"),
        (Ground("/p", capabilities=("unknown",)), "exec(input())"),
        (Ground("/p", variables=("API_TOKEN",)), "import os\nos.environ['API_TOKEN']"),
    ],
)
def test_what_is_granted_is_told_and_not_asked_about(ground, text):
    found = python.scan(text, ground)
    assert found
    assert not asking(found)
    assert asking(of_python(text))


def test_deleting_what_may_only_be_read_is_asked_about():
    assert asking(python.scan("import os\nos.remove('/data/x')", Ground("/p", readable=("/data",)))) == {
        "filesystem_delete"
    }


def test_the_tables_are_whole():
    verbs = {use.verb for uses in capabilities.table().values() for use in uses}
    verbs |= {use.verb for entries in capabilities.patterns().values() for _, uses in entries for use in uses}
    assert verbs <= set(capabilities.VERBS) | set(capabilities.LOOSE)
    assert {verb.capability for verb in capabilities.VERBS.values()} <= set(capabilities.CAPABILITIES)
    assert {verb.severity for verb in capabilities.VERBS.values()} <= set(SEVERITIES)
    assert set(capabilities.SPECIAL.values()) == set(python_special.LOOKS)
    for name, uses in programs._read().items():
        for verb, _ in uses:
            assert verb in ("none", "build") or verb in capabilities.VERBS or name in special.LOOKS or verb == "special"


def test_which_file_is_in_which_language():
    named = {"a.py": "python", "b.sh": "shell", "c.so": "machine", "d.js": "other", "e.txt": None, "Makefile": "other"}
    assert {name: files.language_of(name, b"") for name in named} == named
    assert files.language_of("run", b"#!/usr/bin/env python3\n") == "python"
    assert files.language_of("run", b"#!/bin/bash -e\n") == "shell"
    assert files.language_of("run", b"\x7fELF\x02") == "machine"
    assert (files.guess(b"x = 1"), files.guess(b"ls -l | wc"), files.guess(b"import os\ndef f(:")) == (
        "python",
        "shell",
        "python",
    )


def survey(folder: Path, **granted: tuple[str, ...]) -> Survey:
    return Survey(None, Granted(**granted), folder, None, lambda: AT)


def test_a_folder_is_scanned_whole_and_summed_up(tmp_path):
    (tmp_path / "a.py").write_text("import urllib.request\nurllib.request.urlopen('https://example.org')\n")
    (tmp_path / "b.sh").write_text("rm -rf /srv/data\n")
    (tmp_path / "c.js").write_text("x")
    (tmp_path / "ext.so").write_bytes(b"\x7fELF")
    (tmp_path / "notes.txt").write_text("import os")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/hook.py").write_text("import os\nos.system('x')")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    (tmp_path / "venv/x.py").write_text("exec(input())")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    whole = survey(tmp_path)
    records = list(whole.folder(tmp_path, "."))
    summed = whole.grant()
    assert [record["file"] for record in records] == ["a.py", "b.sh", "ext.so"]
    assert not [problem for record in (*records, summed) for problem in schemas.problems(record)]
    assert (summed["hosts"], summed["deletes"], summed["unscanned"]) == (["example.org"], ["/srv/data"], ["c.js"])
    assert {each["capability"] for each in summed["operations"]} == {"network", "filesystem_delete", "native"}
    assert whole.exceeds("approval")
    assert not whole.exceeds("never")


def test_the_plan_changes_with_what_is_asked_and_not_with_where_it_stands(tmp_path):
    def plan(text: str) -> str:
        (tmp_path / "a.py").write_text(text)
        one = survey(tmp_path)
        list(one.folder(tmp_path, "."))
        return str(one.grant()["plan_hash"])

    first = plan("open('/etc/hosts')")
    assert plan("# a comment\n\nx = 1\nopen('/etc/hosts')") == first
    assert plan("open('/etc/hostname')") == first  # the same folder
    assert plan("open('/srv/x')") != first
    assert plan("exec(input())") != plan("exec(input()) ")  # what cannot be understood is approved as it stands


def test_a_record_is_scanned_as_what_it_says_it_is(tmp_path):
    one = survey(tmp_path)
    (found,) = one.record(
        {"kind": "agent.code", "id": "agent_1", "at": AT, "code": "cat /etc/hosts", "language": "shell"}
    )
    assert (found["file"], found["from_id"], found["target"]) == ("agent_1", "agent_1", "/etc/hosts")
    with pytest.raises(DataError):
        one.record({"code": "x", "language": "cobol"})


def test_findings_decide_the_sandboxs_grant(tmp_path):
    data = Path("/var/lib")
    base = Grant(tmp_path / "project")
    text = f"open({str(data / 'x')!r})\nopen('/srv/y', 'w')\nimport requests\nrequests.get('http://example.org')\n"
    found = list(python.scan(text, grant.ground_of(base)))
    before = grant.decide(found, base)
    assert (before.grant, before.beyond) == (base, ())
    assert [(each.capability, each.group) for each in before.asks] == [
        ("filesystem_read", str(data)), ("filesystem_write", "/srv"), ("network", "example.org"),
    ]  # fmt: skip
    after = grant.decide(found, base, approved=before.asks)
    assert after.grant.readable == (data,)
    assert after.asks == ()
    assert {each.capability for each in after.beyond} == {"filesystem_write"}
    assert after.hosts == ("example.org",)
    assert grant.decide(found, base, approved=before.asks[:1]).asks == before.asks[1:]


def test_sarif_keeps_its_rules():
    text = "import os\nfolder = '/var'\nos.remove(folder + '/x y')\nexec(input())\n"
    records = [{**each.record(AT), "file": "a dir/é.py"} for each in of_python(text)]
    log = json.loads(json.dumps(sarif.log(records, Path("/project"))))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert run["originalUriBaseIds"]["PROJECT"]["uri"] == "file:///project/"
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    assert len(run["results"]) == len(records) == 2
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        for location in result["locations"]:
            physical = location["physicalLocation"]
            assert physical["artifactLocation"] == {"uri": "a%20dir/%C3%A9.py", "uriBaseId": "PROJECT"}
            assert physical["region"]["startLine"] >= 1
            assert physical["region"]["startColumn"] >= 1
    (flow,) = run["results"][0]["codeFlows"][0]["threadFlows"]
    assert [step["location"]["physicalLocation"]["region"]["startLine"] for step in flow["locations"]] == [1, 2, 3]


@pytest.mark.skipif(not ruff.find({}, sys.executable, Path("/nowhere")) and not shutil.which("ruff"), reason="no ruff")
def test_ruffs_security_rules_stand_beside(tmp_path):
    (tmp_path / "a.py").write_text("import hashlib\nhashlib.md5(b'x')\nassert True\n")
    one = survey(tmp_path)
    list(one.folder(tmp_path, "."))
    found, problem = one.ruff({"PATH": "/usr/bin"}, sys.executable)
    assert problem is None
    assert [(each["tool"], each["rule"], each["file"], each["line"]) for each in found] == [("ruff", "S324", "a.py", 2)]
    assert not one.grant()["needs_approval"]


def test_a_ruff_of_the_project_itself_is_never_run(tmp_path):
    fake = tmp_path / "bin/ruff"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    assert ruff.find({"PATH": str(fake.parent)}, "/nowhere/python", tmp_path) is None


def test_every_capability_in_words_is_told_in_the_readers_language():
    assert all(re.fullmatch(r"[a-z][a-z ,']+", words) for words in capabilities.CAPABILITIES.values())


def test_data_is_followed_through_the_files_of_a_project(tmp_path):
    """A function that deletes what it is handed asks where it is called, and so does a name for a path."""
    (tmp_path / "src/pkg").mkdir(parents=True)
    (tmp_path / "src/pkg/low.py").write_text(
        "import os\nfrom pathlib import Path\nPLACE = '/etc/passwd'\n\ndef drop(path):\n    os.remove(path)\n\n"
        "class Cleaner:\n    def __init__(self, top):\n        self.top = Path(top)\n    def wipe(self):\n"
        "        self.top.unlink()\n"
    )
    (tmp_path / "src/pkg/middle.py").write_text("from .low import drop\n\ndef outer(one, two):\n    drop(two)\n")
    (tmp_path / "main.py").write_text(
        "from pkg import low, middle\nfrom pkg.low import PLACE\nmiddle.outer('x', '/srv/a')\n"
        "low.Cleaner('/srv/b').wipe()\nopen(PLACE)\nlow.drop('mine')\n"
    )
    records = list(survey(tmp_path).folder(tmp_path, "."))
    asked = [(each["file"], each["line"], each["target"]) for each in records if each["needs_approval"]]
    assert asked == [("main.py", 3, "/srv/a"), ("main.py", 4, "/srv/b"), ("main.py", 5, "/etc/passwd")]
    assert {each["scope"] for each in records if each["file"].startswith("src")} == {"caller"}
