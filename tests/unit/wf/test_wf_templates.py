"""Templates: limits of the reader, patterns that run away, and what the lint sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_cli.core.errors import DataError
from roadmap_cli.wf.language import lint, loading, patterns, placeholders, templates, yamlfile

ROOT = Path(__file__).parents[3]
Write = Callable[[str, str], Path]


def codes(path: Path) -> list[tuple[int, str]]:
    return [(each.line, each.code) for each in loading.check(path)[1]]


@pytest.mark.parametrize("path", ["examples/wf/disk.yaml", "src/roadmap_cli/wf/library/incident.yaml"])
def test_templates_that_come_along_have_no_fault(path: str) -> None:
    assert codes(ROOT / path) == []


def test_every_fault_of_the_broken_example_is_named_with_its_line() -> None:
    assert codes(ROOT / "examples/wf/broken.yaml") == [
        (6, "bad_pattern"), (10, "cycle"), (11, "missing_input"), (14, "unknown_role"), (18, "unknown_field"),
    ]  # fmt: skip


def test_an_alias_bomb_stops_early(write: Write) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began = time.process_time()
    [(_, code)] = codes(write("bomb.yaml", "\n".join(levels)))
    assert code == "too_large"
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "bad_yaml"),
        ("a: !!python/object/apply:os.system [id]", "bad_yaml"),
        ("a: 1\na: 2", "duplicate_key"),
        ("[" * 40 + "]" * 40, "too_deep"),
        ("? [a]\n: b", "bad_yaml"),
        ("a: b\n---\nc: d", "bad_yaml"),
        ("a: *missing", "bad_yaml"),
        ("x" * 300_000, "too_large"),
    ],
)
def test_yaml_that_is_refused(text: str, code: str) -> None:
    with pytest.raises(DataError) as caught:
        yamlfile.read(text.encode(), "f")
    assert caught.value.code == code


def test_an_alias_to_itself_is_refused() -> None:
    with pytest.raises(DataError):
        yamlfile.read(b"a: &a [*a]", "f")


def test_words_stay_words_and_lines_are_known() -> None:
    document = yamlfile.read(b"on: yes\nlist:\n  - 1.5\n  - 2026-11-23\n", "f")
    assert document.value == {"on": "yes", "list": [1.5, "2026-11-23"]}
    assert document.where(("list", 1)) == "f:4"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        yamlfile.read(data, "f")
    except DataError as error:
        assert error.where


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|a)*b", "(a|ab)+", "(.*)*", r"(x)\1", "(?=a)b", "(a?){30}", ".*.*.*.*a", "("]
)
def test_patterns_that_may_run_away_are_refused(pattern: str) -> None:
    with pytest.raises(DataError):
        patterns.compiled(pattern)


@pytest.mark.parametrize("pattern", ["a*a*a*b", "(a|b|c)d+", "a?" * 20 + "a" * 20, r"[\]a-z]+x", "[^]]{1,50}", r"\(+x"])
def test_patterns_that_are_allowed_end_in_time(pattern: str) -> None:
    began = time.process_time()
    patterns.whole(patterns.compiled(pattern), "a" * patterns.MOST_TEXT)
    assert time.process_time() - began < 2


@given(st.text("ab(|)*+?{}2,[]^\\.", max_size=14))
def test_any_pattern_is_refused_or_quick(pattern: str) -> None:
    try:
        found = patterns.compiled(pattern)
    except DataError:
        return
    patterns.whole(found, "ab" * 60)


def test_a_pattern_must_match_the_whole_and_nothing_long() -> None:
    pattern = patterns.compiled("a+")
    assert patterns.whole(pattern, "aaa")
    assert not patterns.whole(pattern, "aaab")
    assert not patterns.whole(pattern, "a" * (patterns.MOST_TEXT + 1))


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("command: [cat, '${steps.other.output}']", "missing_need"),
        ("command: [cat, '${inputs.name']", "unknown_placeholder"),
        ("command: ['${inputs.name}']", "command_injection"),
        ("shell: 'echo ${inputs.name}'", "shell_injection"),
        ("command: []", "bad_action"),
        ("command: [a]\n    shell: b", "bad_action"),
        ("command: [a]\n    timeout: soon", "bad_duration"),
        ("command: [a]\n    environment: {LD_PRELOAD: x.so}", "bad_environment"),
        ("command: [a]\n    files: [nowhere.py]", "missing_file"),
        ("command: [a]\n    needs: [ghost]", "unknown_step"),
        ("command: [a]\n    retry: {attempts: 0}", "out_of_range"),
        ("wait: -3s", "bad_duration"),
    ],
)
def test_faults_of_a_step(simple: Callable[..., Path], step: str, code: str) -> None:
    path = simple(more=f"    {step}", name="simple", effects="read")
    text = path.read_text().replace("steps:", "inputs: {name: {default: x}}\nsteps:")
    path.write_text(text)
    assert code in [each for _, each in codes(path)]


def test_a_role_cannot_have_what_is_not_its_own(simple: Callable[..., Path]) -> None:
    path = simple()
    path.write_text(path.read_text().replace("operations", "analysis").replace("[read]", "[delete]"))
    assert [each for _, each in codes(path)] == ["role_exceeded"]


def test_shell_may_use_its_own_variables(simple: Callable[..., Path]) -> None:
    path = simple(more="    shell: 'echo \"${NAME}\"'\n    environment: {NAME: x}")
    assert [each for _, each in codes(path)] == ["shell_step"]
    assert loading.load(path).steps[0].action == "shell"


def test_order_keeps_what_is_written_where_it_may() -> None:
    def step(name: str, *needs: str) -> templates.Step:
        return templates.Step(name=name, role="data", action="wait", needs=needs)

    done, circle = lint.order((step("c", "a"), step("b"), step("a", "b"), step("x", "y"), step("y", "x")))
    assert [each.name for each in done] == ["b", "a", "c"]
    assert circle == ["x", "y"]


@given(st.text(), st.text(alphabet="${}steps.one.output a", max_size=40))
def test_a_value_never_becomes_a_placeholder(secret: str, value: str) -> None:
    """What comes from an event is put in twice and still says what it said."""
    planned = placeholders.planned("${inputs.x}", lambda name: value, ("steps",))
    assert placeholders.filled(planned, lambda name: secret) == value
    joined = placeholders.planned("<${inputs.x}>", lambda name: value, ("steps",))
    assert placeholders.filled(joined, lambda name: secret) == f"<{value}>"
