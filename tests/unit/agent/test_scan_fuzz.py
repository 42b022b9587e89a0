"""Whatever stands in a file, a scan ends, soon, with findings and no exception."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.agent.scan import files, python, shell
from roadmap_cli.agent.scan.places import Ground
from roadmap_cli.agent.scan.shell.parsing import parse

sys.path.insert(0, str(Path(__file__).parent))
import scan_cases

GROUND = Ground("/project")
BOUNDED = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SHELL_PIECES = [
    "$(", ")", "`", '"', "'", "\\", "${", "}", "$((", "))", "((", "<<E\n", "E\n", "<<<", "|", "&", ";", ";;", "\n", " ", "x=",
    "$x", "${x:-", "case ", " in ", "esac", "if ", "then ", "fi", "for i in ", "do ", "done", "f() {", "f ", "rm -rf ", "/etc",
    "sh -c ", "eval ", "<(", ">", "2>&1", "#", "*", "~", "$'\\x", "!", "$1", "base64 -d", "|sh", "curl ", "alias a=", "--", "-c",
    "sudo ", "xargs ", "find . -exec ", "{}", "+", "é", "\0", "\r\n", "python3 -c ", "env ", "trap ", "$@", "a=(b c)",
]  # fmt: skip
PYTHON_PIECES = [
    "import os\n", "os", ".system", "(", ")", "x", " = ", "'", '"', "\n", "    ", "def f(a, b='/etc', *c, **d):\n", "f", "lambda p: ",
    "[", "]", "{", "}", ",", ":", "exec", "eval", "open", "'/etc/passwd'", "getattr", "+", "%", ".format", "f'{x}/y'", "b'aa'",
    ".decode()", "base64.b64decode", "class C:\n    y = x\n", "self", "for x in ", "if x:\n    ", "return ", "yield x", "global x\n",
    "from os import *\n", "__builtins__", ".__globals__", "globals()", "*", "**", "x := ", "await ", "1 << 99", "-1", "'a' * 9 ** 9",
    "with open(x) as x:\n    ", "try:\n    x\nexcept E as x:\n    x\n", "match x:\n    case y:\n        x\n", "[::-1]", ".join",
    "''.join(chr(c) for c in [1, 2])", "functools.partial", "operator.attrgetter", "print", "# coding: latin-1\n", "é", "\0", "\t",
]  # fmt: skip


@given(st.lists(st.sampled_from(SHELL_PIECES), max_size=40).map("".join))
@BOUNDED
def test_any_shell_text_is_taken_apart(text):
    script = parse(text)
    assert all(command.words or command.assigned or command.redirects for command in script.commands)
    for found in shell.scan(text, GROUND, python.scan):
        assert 1 <= found.line <= text.count("\n") + 2


@given(st.lists(st.sampled_from(PYTHON_PIECES), max_size=40).map("".join))
@BOUNDED
def test_any_python_text_is_scanned(text):
    for found in python.scan(text, GROUND):
        assert found.line >= 1
        assert found.column >= 1


@given(st.binary(max_size=300), st.sampled_from(["python", "shell"]))
@BOUNDED
def test_any_bytes_are_scanned(data, language):
    scanned = files.scan_text(data, "x", language, GROUND)
    assert all(found.file == "x" for found in scanned.findings)
    assert files.guess(data) in files.LANGUAGES


@given(
    st.sampled_from([text for _, text in scan_cases.PYTHON] + scan_cases.HARMLESS),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from(PYTHON_PIECES), st.integers(0, 8)), max_size=4),
)
@BOUNDED
def test_code_that_was_changed_a_little_is_scanned(text, changes):
    for place, piece, gone in changes:
        place %= len(text) + 1
        text = text[:place] + piece + text[place + gone :]
    python.scan(text, GROUND, file="/project/x.py")


GROWING = {
    "python": {
        "parentheses": lambda n: "(" * n + ")" * n,
        "sum": lambda n: "x = " + " + ".join(["a"] * n) + "\nopen(x)",
        "attributes": lambda n: "import os\nos" + ".a" * n + "()",
        "calls": lambda n: "import os\n" + "os.remove(p)\n" * n,
        "bindings": lambda n: "".join(f"if a:\n    p = p + '{i}'\n" for i in range(n)) + "open(p)",
        "doubling": lambda n: "".join(f"x{i + 1} = x{i} + x{i}\n" for i in range(n)) + f"x0 = 'ab'\nopen(x{n})",
        "functions": lambda n: (
            "".join(f"def f{i}(p):\n    return f{i + 1}(p)\n" for i in range(n)) + "open(f0('/etc/x'))"
        ),
        "together": lambda n: (
            "".join(f"def f{i}(p):\n    f{(i * 7 + 1) % n}(p)\n    open(p)\n" for i in range(n)) + "f0('/etc/x')"
        ),
        "one_function": lambda n: "def f(p):\n    open(p)\n" + "".join(f"f('/etc/{i}')\n" for i in range(n)),
        "list": lambda n: "x = [" + "'/etc/a', " * n + "]\nfor p in x:\n    open(p)",
        "nested_lists": lambda n: "x = " + "[" * n + "]" * n,
        "lambdas": lambda n: "x = " + "lambda: " * n + "open('/etc/x')",
        "nested_code": lambda n: "exec(" * min(n, 80) + "'1'" + ")" * min(n, 80),
        "blocks": lambda n: (
            "".join("  " * i + "if x:\n" for i in range(min(n, 90))) + "  " * min(n, 90) + "open('/etc/x')"
        ),
    },
    "shell": {
        "substitutions": lambda n: "$(" * n + ")" * n,
        "backquotes": lambda n: "`" * n,
        "escaped_backquotes": lambda n: "`echo \\`" * n,
        "quotes": lambda n: '"$(' * n,
        "subshells": lambda n: "(" * n + ")" * n,
        "pairs": lambda n: "((x) " * n,
        "braces": lambda n: "${x:-" * n + "}" * n,
        "documents": lambda n: "cat <<E\n$(ls)\nE\n" * n,
        "open_documents": lambda n: "cat <<E\n" * n,
        "pipes": lambda n: "echo x" + " | base64 -d" * n + " | sh",
        "variables": lambda n: "".join(f"x{i + 1}=$x{i}$x{i}\n" for i in range(n)) + f"x0=a\nrm $x{n}",
        "functions": lambda n: "f() { " * n + "}" * n,
        "cases": lambda n: "case x in a) " * n,
        "commands": lambda n: "rm /etc/x\n" * n,
        "redirects": lambda n: "<x" * n,
        "words": lambda n: "rm " + "/etc/x " * n,
        "shells": lambda n: "sh -c '" * n,
        "arithmetic": lambda n: "$((" * n,
    },
}


@pytest.mark.parametrize(("language", "name"), [(language, name) for language in GROWING for name in GROWING[language]])
def test_the_time_grows_with_the_size_and_not_faster(language, name):
    """A text four times as long takes less than sixteen times as long (three tries: the machine has other work, too)."""
    make = GROWING[language][name]

    def cpu_s(size: int) -> float:
        data = make(size).encode()
        before = time.process_time()
        files.scan_text(data, "x", language, GROUND)
        return time.process_time() - before

    cpu_s(10)
    for _ in range(3):
        small, large = cpu_s(300), cpu_s(1200)
        if large < 10 * small + 0.05:
            break
    else:
        pytest.fail(f"{name}: {small:.3f} s for 300, {large:.3f} s for 1200")
    assert large < 2
