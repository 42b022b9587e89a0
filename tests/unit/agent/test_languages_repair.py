"""Repair of small JavaScript and Go projects by the whole loop, in the sandbox, with node's and go's own test runners."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bench_ground import of_kind, open_state, repair

CART_JS = """\
'use strict';

function subtotal(lines) {
  let sum = 0;
  for (let i = 0; i < lines.length - 1; i++) {
    sum += lines[i].price * lines[i].count;
  }
  return sum;
}

const shipping = (sum, limit = 50) => {
  if (sum === 0) return 0;
  return sum >= limit ? 0 : 5;
};

function cheapest(lines) {
  let best = null;
  for (const line of lines) {
    if (best === null || line.price < best.price) best = line;
  }
  return best;
}

module.exports = { subtotal, shipping, cheapest };
"""
CART_TEST_JS = """\
const { test, describe, it } = require('node:test');
const assert = require('node:assert');
const { subtotal, shipping, cheapest } = require('../lib/cart.js');

describe('subtotal', () => {
  it('adds', () => assert.strictEqual(subtotal([{ price: 2, count: 3 }, { price: 1, count: 1 }]), 7));
  it('is 0 of nothing', () => assert.strictEqual(subtotal([]), 0));
});
test('shipping is free from 50 on', () => {
  assert.strictEqual(shipping(50), 0);
  assert.strictEqual(shipping(49), 5);
});
test('shipping of nothing', () => assert.strictEqual(shipping(0), 0));
test('cheapest', () => {
  assert.deepStrictEqual(cheapest([{ price: 3 }, { price: 2 }]), { price: 2 });
  assert.strictEqual(cheapest([]), null);
});
"""
RING_GO = """\
// Package ring keeps the last few values.
package ring

import "errors"

// ErrEmpty is returned when there is nothing to take.
var ErrEmpty = errors.New("ring: empty")

// Ring holds up to a number of values.
type Ring struct {
	values []int
	first  int
	count  int
}

// New makes a ring of a size.
func New(size int) *Ring { return &Ring{values: make([]int, size)} }

// Put adds a value; the oldest makes way for it.
func (r *Ring) Put(value int) {
	at := (r.first + r.count) % len(r.values)
	r.values[at] = value
	if r.count < len(r.values) {
		r.count++
	} else {
		r.first = (r.first + 1) / len(r.values)
	}
}

// Take removes the oldest value.
func (r *Ring) Take() (int, error) {
	if r.count == 0 {
		return 0, ErrEmpty
	}
	value := r.values[r.first]
	r.first = (r.first + 1) % len(r.values)
	r.count--
	return value, nil
}

// Sum adds the values up.
func (r *Ring) Sum() (total int) {
	for i := 0; i < r.count; i++ {
		total += r.values[(r.first+i)%len(r.values)]
	}
	return total
}
"""
RING_TEST_GO = """\
package ring

import "testing"

func TestTakeInOrder(t *testing.T) {
	r := New(2)
	r.Put(1)
	r.Put(2)
	for _, want := range []int{1, 2} {
		if got, err := r.Take(); err != nil || got != want {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	if _, err := r.Take(); err != ErrEmpty {
		t.Error("not empty")
	}
}

func TestOldestMakesWay(t *testing.T) {
	r := New(3)
	for i := 1; i <= 8; i++ {
		r.Put(i)
	}
	t.Run("sum", func(t *testing.T) {
		if r.Sum() != 21 {
			t.Errorf("sum is %d", r.Sum())
		}
	})
	t.Run("take", func(t *testing.T) {
		for want := 6; want <= 8; want++ {
			if got, _ := r.Take(); got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		}
	})
}

func TestSum(t *testing.T) {
	r := New(4)
	r.Put(2)
	r.Put(3)
	if r.Sum() != 5 {
		t.Fail()
	}
}
"""
WORDS_GO = """\
package words

import "strings"

// Longest returns the first of the longest words.
func Longest(text string) string {
	best := ""
	for _, word := range strings.Fields(text) {
		if len(word) >= len(best) {
			best = word
		}
	}
	return best
}

// Initials joins the first letters.
func Initials(text string) string {
	var found []string
	for _, word := range strings.Fields(text) {
		found = append(found, strings.ToLower(word[:2]))
	}
	return strings.Join(found, "")
}
"""
WORDS_TEST_GO = """\
package words

import "testing"

func TestInitials(t *testing.T) {
	if got := Initials("Ada Lovelace"); got != "AL" {
		t.Errorf("got %q", got)
	}
	if got := Initials("grace brewster hopper"); got != "GBH" {
		t.Errorf("got %q", got)
	}
}

func TestLongest(t *testing.T) {
	if got := Longest("a bcd ef"); got != "bcd" {
		t.Errorf("got %q", got)
	}
}
"""


@pytest.fixture(scope="module", autouse=True)
def _bubblewrap() -> None:
    works = subprocess.run(["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "true"], check=False, capture_output=True)
    if works.returncode:
        pytest.skip(f"bubblewrap cannot work here: {works.stderr.decode()}")


def needs(program: str) -> None:
    pytest.importorskip("tree_sitter")
    if shutil.which(program, path="/usr/local/bin:/usr/bin") is None:
        pytest.skip(f"{program} is not installed")


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_javascript_project_is_repaired(tmp_path: Path) -> None:
    needs("node")
    folder = write(tmp_path / "p", {"lib/cart.js": CART_JS, "test/cart.test.js": CART_TEST_JS, "package.json": "{}"})
    with open_state(tmp_path) as state:
        status, records = repair(state, folder, "node --test test/cart.test.js")
    assert status in ("fixed", "plausible"), records[-1]
    [fix] = of_kind(records, "agent.fix")
    assert fix["file"] == "lib/cart.js"
    assert re.search(r"\+  for \(let i = 0; i (< lines.length|<= lines.length - 1); i\+\+\) {", fix["diff"])
    [seen] = of_kind(records, "agent.suspicion")
    assert seen["method"] == "ochiai"
    assert {entry["file"] for entry in seen["lines"]} == {"lib/cart.js"}
    # the loop's body is run by the failing test alone; what no failing test runs is not suspect
    assert seen["lines"][0]["line"] in (4, 5, 6, 8)
    assert all(entry["line"] < 10 for entry in seen["lines"] if entry["suspicion_ratio"] > 0.6)


def test_a_go_project_is_repaired(tmp_path: Path) -> None:
    needs("go")
    folder = write(
        tmp_path / "p",
        {"ring.go": RING_GO, "ring_test.go": RING_TEST_GO, "go.mod": "module example.com/ring\n\ngo 1.18\n"},
    )
    with open_state(tmp_path) as state:
        status, records = repair(state, folder, "go test ./...")
    assert status in ("fixed", "plausible"), records[-1]
    [fix] = of_kind(records, "agent.fix")
    assert "+\t\tr.first = (r.first + 1) % len(r.values)" in fix["diff"]
    [seen] = of_kind(records, "agent.suspicion")
    assert seen["method"] == "ochiai"
    assert seen["lines"][0]["line"] in (25, 26, 27)  # the branch that only the failing test runs


@pytest.mark.slow
def test_two_slips_in_go_are_mended_by_two_edits(tmp_path: Path) -> None:
    needs("go")
    folder = write(
        tmp_path / "p",
        {
            "words/words.go": WORDS_GO,
            "words/words_test.go": WORDS_TEST_GO,
            "go.mod": "module example.com/words\n\ngo 1.18\n",
        },
    )
    with open_state(tmp_path) as state:
        status, records = repair(state, folder, "go test ./...", bounds={"seconds": 120.0})
    assert status in ("fixed", "plausible"), records[-1]
    [fix] = of_kind(records, "agent.fix")
    assert "strings.ToUpper(word[:1])" in fix["diff"]
