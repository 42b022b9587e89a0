"""Identities in all their forms and places, the key file, recipients, rekey; and no way around them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadmap_cli.core.errors import ConfigError, Negative, RoadmapError, UsageError
from roadmap_cli.state import backup, identity, keys, recipients, records, rekey, ssh_public


def now() -> datetime:
    return datetime(2026, 11, 23, 9, tzinfo=UTC)


def fresh() -> tuple[str, str]:
    """A secret and its recipient."""
    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public())


def private(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o600)
    return path


@pytest.fixture
def used(home, event):
    """A home with a state that holds one record."""
    with home.open() as state, state.write() as tx:
        records.put(tx, event(1))
    return home


def opens(home, source) -> bool:
    with home.open("read", keys=source) as state, state.read() as tx:
        return records.get(tx, "life_0001") is not None


def test_the_first_use_makes_an_identity_as_age_keygen_does(used):
    lines = used.identity.read_text().splitlines()
    assert lines[0] == "# created: 2026-11-23T09:00:00.000Z"
    assert lines[1] == f"# public key: {pyrage.x25519.Identity.from_str(lines[2]).to_public()}"
    assert len(lines) == 3
    assert stat.S_IMODE(used.identity.stat().st_mode) == 0o600


def test_the_key_file_is_a_version_and_an_age_file_and_tells_nothing_else(used):
    outer = json.loads((used.path.parent / "state.db.key").read_bytes())
    assert set(outer) == {"version", "wrapped"}
    inner = json.loads(
        pyrage.decrypt(
            outer["wrapped"].encode(), [pyrage.x25519.Identity.from_str(used.identity.read_text().split()[-1])]
        )
    )
    assert set(inner) == {"key", "recipients"}
    assert len(bytes.fromhex(inner["key"])) == 32


def test_no_new_identity_where_a_state_exists_already(used):
    used.identity.unlink()
    for mode in ("read", "write"):
        with pytest.raises(ConfigError) as failure:
            used.open(mode)
        assert (failure.value.exit, failure.value.code) == (78, "no_identity")
        assert "--identity" in (failure.value.hint or "")
    assert not used.identity.exists()


def test_a_wrong_identity_is_said(used):
    used.identity.write_text(fresh()[0])
    with pytest.raises(ConfigError) as failure:
        used.open("read")
    assert failure.value.code == "wrong_identity"
    assert str(used.identity) in failure.value.message


def test_an_identity_that_others_can_read_is_refused_as_ssh_does(used):
    used.identity.chmod(0o640)
    with pytest.raises(ConfigError) as failure:
        used.open("read")
    assert failure.value.hint == f"chmod 600 {used.identity}"


def test_places_are_asked_in_order_and_the_first_named_counts(used, tmp_path):
    secret = used.identity.read_text()
    used.identity.unlink()
    right, wrong = private(tmp_path / "right", secret), private(tmp_path / "wrong", fresh()[0])
    folder = tmp_path / "credentials"
    private(folder / "roadmap-identity", secret)
    with right.open("rb") as stream:
        number = str(stream.fileno())
        assert opens(used, used.keys(right, ROADMAP_IDENTITY=str(wrong)))
        assert opens(used, used.keys(ROADMAP_IDENTITY=str(right), ROADMAP_IDENTITY_FD="999"))
        assert opens(used, used.keys(ROADMAP_IDENTITY_FD=number, CREDENTIALS_DIRECTORY="/nowhere"))
        assert opens(used, used.keys(ROADMAP_IDENTITY_FD=number)), "a regular file is read from its start again"
    assert opens(used, used.keys(CREDENTIALS_DIRECTORY=str(folder)))
    private(used.identity, secret)
    assert opens(used, used.keys(CREDENTIALS_DIRECTORY=str(tmp_path)))
    for bad in ({"ROADMAP_IDENTITY": str(wrong)}, {"ROADMAP_IDENTITY": "/nowhere"}, {"ROADMAP_IDENTITY_FD": "x"}):
        with pytest.raises(ConfigError):
            opens(used, used.keys(**bad))


def test_a_pipe_is_read_once_and_remembered(used):
    reader, writer = os.pipe()
    os.write(writer, used.identity.read_bytes())
    os.close(writer)
    source = used.keys(ROADMAP_IDENTITY_FD=str(reader))
    assert opens(used, source)
    assert opens(used, source)
    os.close(reader)


@pytest.mark.parametrize(
    "form", [["-t", "ed25519"], ["-t", "rsa", "-b", "2048"], ["-t", "rsa", "-b", "2048", "-m", "PEM"]]
)
def test_an_ssh_key_makes_and_opens_a_state(home, event, tmp_path, form):
    place = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", place, *form], check=True)
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    assert ssh_public.derive(place.read_bytes()) == public
    with home.open(keys=home.keys(place)) as state, state.write() as tx:
        records.put(tx, event(1))
    assert opens(home, home.keys(place))
    assert [each["recipient"] for each in recipients.listed(home.path, home.keys(place))] == [public]
    assert not home.identity.exists()


@pytest.mark.parametrize("form", [["-N", "", "-t", "ecdsa"], ["-N", "secret", "-t", "ed25519"]])
def test_an_ssh_key_that_age_cannot_use_is_said(home, tmp_path, form):
    subprocess.run(["ssh-keygen", "-q", "-f", tmp_path / "key", *form], check=True)
    with pytest.raises(ConfigError) as failure:
        home.open(keys=home.keys(tmp_path / "key"))
    assert "ed25519" in failure.value.hint


def locked_identity(used, tmp_path) -> Path:
    content = pyrage.passphrase.encrypt(used.identity.read_bytes(), "open sesame")
    used.identity.unlink()
    return private(tmp_path / "locked", content)


def test_an_identity_locked_by_a_passphrase(used, tmp_path):
    locked, word = locked_identity(used, tmp_path), private(tmp_path / "word", "open sesame\n")
    assert opens(used, used.keys(locked, ROADMAP_PASSPHRASE_FILE=str(word)))
    with pytest.raises(ConfigError) as failure:
        opens(used, used.keys(locked))
    assert failure.value.code == "identity_locked"
    assert "ROADMAP_PASSPHRASE_FILE" in failure.value.hint


@pytest.mark.slow
def test_a_wrong_passphrase(used, tmp_path):
    locked, wrong = locked_identity(used, tmp_path), private(tmp_path / "wrong", "close sesame")
    with wrong.open("rb") as stream, pytest.raises(ConfigError) as failure:
        opens(used, used.keys(locked, ROADMAP_PASSPHRASE_FD=str(stream.fileno())))
    assert failure.value.code == "identity_locked"


@pytest.mark.parametrize(
    "content",
    ["", "# nothing\n", "AGE-SECRET-KEY-1XYZ", "AGE-PLUGIN-YUBIKEY-1ABC", "-----BEGIN OPENSSH PRIVATE KEY-----\n"],
)
def test_a_file_that_is_no_identity(home, tmp_path, content):
    with pytest.raises(ConfigError) as failure:
        home.open(keys=home.keys(private(tmp_path / "bad", content)))
    assert failure.value.hint
    assert content not in str(failure.value) or not content, "a secret is never shown"
    assert not home.path.exists()


def test_recipients_come_and_go(used, tmp_path):
    secret, other = fresh()
    theirs = used.keys(private(tmp_path / "theirs", secret))
    with pytest.raises(ConfigError):
        opens(used, theirs)
    assert recipients.add(used.path, used.keys(), other, now=now, label="laptop") is True
    assert recipients.add(used.path, used.keys(), other, now=now) is False
    assert opens(used, theirs)
    assert [each["label"] for each in recipients.listed(used.path, theirs)] == ["first", "laptop"]
    with pytest.raises(UsageError, match="could not open"):
        recipients.remove(used.path, used.keys(), "first")
    with pytest.raises(Negative):
        recipients.remove(used.path, used.keys(), "nobody")
    assert recipients.remove(used.path, used.keys(), "laptop")["recipient"] == other
    with pytest.raises(ConfigError):
        opens(used, theirs)
    with pytest.raises(UsageError, match="last recipient"):
        recipients.remove(used.path, used.keys(), "first")
    assert opens(used, used.keys())


@pytest.mark.parametrize("text", ["", "age1", "age1qqqq", "ssh-rsa", "ssh-ed25519 AAAA", "bob@example.org", "age1 x"])
def test_what_is_no_recipient(used, text):
    with pytest.raises(UsageError):
        recipients.add(used.path, used.keys(), text, now=now)


def test_recipients_change_while_the_state_is_in_use(used):
    with used.open():
        assert recipients.add(used.path, used.keys(), fresh()[1], now=now, wait_s=0.5)


def test_rotate_puts_a_new_identity_in_place_of_the_old(used, tmp_path):
    before = private(tmp_path / "before", used.identity.read_bytes())
    backup.backup(used.path, used.keys(), tmp_path / "copy.db")
    old, new = recipients.rotate(used.path, used.keys(), now=now)
    assert [each["recipient"] for each in recipients.listed(used.path, used.keys())] == [new]
    assert new != old
    assert opens(used, used.keys())
    with pytest.raises(ConfigError):
        opens(used, used.keys(before))
    assert stat.S_IMODE(used.identity.stat().st_mode) == 0o600
    with used.open("read", path=tmp_path / "copy.db"):
        pass  # the old identity is still in the file: backups open


def test_rotate_killed_between_its_steps_goes_on_when_run_again(used):
    content = (used.path.parent / "state.db.key").read_bytes()
    _, first = recipients.rotate(used.path, used.keys(), now=now)
    (used.path.parent / "state.db.key").write_bytes(content)  # as if killed before the key file was written
    assert opens(used, used.keys())
    _, second = recipients.rotate(used.path, used.keys(), now=now)
    assert first == second
    assert used.identity.read_text().count("AGE-SECRET-KEY-1") == 2


def test_rotate_needs_an_identity_file_of_ages(used, tmp_path):
    with used.identity.open("rb") as stream, pytest.raises(ConfigError, match="age's own form"):
        recipients.rotate(used.path, used.keys(ROADMAP_IDENTITY_FD=str(stream.fileno())), now=now)


def test_rekey_changes_the_data_key_and_loses_nothing(used, event):
    with used.open() as state, state.write() as tx:
        state.vectors()
        records.put_many(tx, [event(number) for number in range(1, 400)])
        tx.execute("CREATE TABLE life_note (text TEXT) STRICT")
        tx.executemany("INSERT INTO life_note VALUES (?)", [(f"word{number}",) for number in range(200)])
        tx.execute("DELETE FROM life_note WHERE rowid % 3 = 0")
        tx.execute("CREATE VIRTUAL TABLE life_words USING fts5 (text, content='life_note')")
        tx.execute("INSERT INTO life_words (life_words) VALUES ('rebuild')")
        tx.execute("CREATE VIRTUAL TABLE life_vector USING vec0(embedding float[2])")
        tx.execute("INSERT INTO life_vector (rowid, embedding) VALUES (7, '[1, 0]')")
    before, old = used.path.read_bytes(), keys.read(str(used.path), used.keys())
    rekey.rekey(used.path, used.keys())
    new = keys.read(str(used.path), used.keys())
    assert new.key != old.key
    assert new.next_key is None
    assert new.recipients == old.recipients
    assert used.path.read_bytes()[:8192] != before[:8192]
    with used.open("read") as state, state.read() as tx:
        state.vectors()
        assert len(list(records.find(tx))) == 399
        query = "SELECT text FROM life_note WHERE rowid = (SELECT rowid FROM life_words WHERE life_words MATCH ?)"
        assert tx.execute(query, ("word150",)).fetchall() == [("word150",)]
        assert tx.execute("SELECT rowid FROM life_vector").fetchall() == [(7,)]
    assert sorted(each.name for each in used.path.parent.iterdir()) == [
        "state.db",
        "state.db.key",
        "state.db.key.lock",
        "state.db.lock",
    ]


def test_rekey_waits_for_those_who_use_the_state(used):
    with used.open("read"), pytest.raises(RoadmapError) as failure:
        rekey.rekey(used.path, used.keys(), wait_s=0.1)
    assert failure.value.exit == 75


def test_a_rekey_that_stops_between_any_two_steps_leaves_a_state_that_opens(used):
    """The four moments, each made by hand as a kill would leave it."""
    path = str(used.path)
    for moment in ("key file names both", "copy half made", "copy made", "renamed"):
        content = keys.read(path, used.keys())
        content.next_key = bytes([len(moment)] * 32)
        keys.write(path, content)
        if moment == "copy half made":
            Path(path + ".rekey").write_bytes(os.urandom(5000))
        if moment in ("copy made", "renamed"):
            made, _ = rekey.connections.connect_ours(path, content.keys, wait_s=1)
            rekey.connections.copy(made, path + ".rekey", content.next_key, wait_s=1)
            made.close()
        if moment == "renamed":
            Path(path + ".rekey").replace(path)
        assert opens(used, used.keys()), moment
        with used.open():
            pass
        settled = keys.read(path, used.keys())
        assert settled.next_key is None
        assert settled.key == (content.next_key if moment == "renamed" else content.key)
        assert not Path(path + ".rekey").exists()
        assert opens(used, used.keys()), moment


def test_a_newer_key_file(used):
    place = used.path.parent / "state.db.key"
    place.write_text(json.dumps({**json.loads(place.read_text()), "version": 2}))
    with pytest.raises(ConfigError) as failure:
        used.open("read")
    assert failure.value.code == "key_newer"


SECRET, RECIPIENT = fresh()
GOOD = {"key": "ab" * 32, "recipients": [{"recipient": RECIPIENT, "label": "", "added_at": "2026-11-23T09:00:00.000Z"}]}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def source() -> keys.KeySource:
    made = keys.KeySource({"HOME": "/nowhere"})
    made._found = identity.parse(SECRET.encode(), "test", str)
    return made


SEALED = keys.sealed(keys.parse_payload(json.dumps(GOOD).encode(), "x"))


def outer(wrapped: object, version: object = 1) -> bytes:
    return json.dumps({"version": version, "wrapped": wrapped}).encode()


def only_config_errors(content: bytes) -> None:
    with suppress(ConfigError):
        keys.opened(keys.wrapped(content, "k"), "k", source())


def test_the_key_file_of_the_fuzzer_opens():
    assert keys.opened(keys.wrapped(SEALED, "k"), "k", source()).key == bytes.fromhex("ab" * 32)


@given(st.binary(max_size=400))
def test_fuzz_random_bytes(content):
    only_config_errors(content)


@given(ANYTHING, ANYTHING)
def test_fuzz_other_json(version, wrapped):
    only_config_errors(outer(wrapped, version))
    only_config_errors(json.dumps(wrapped).encode())


@given(st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_fuzz_mutated_key_file(data):
    content = bytearray(SEALED)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] = data.draw(st.integers(0, 255))
        else:
            del content[place : place + data.draw(st.integers(1, 80))]
        if not content:
            break
    only_config_errors(bytes(content))


@given(st.sampled_from(["key", "next_key", "recipients"]), ANYTHING)
def test_fuzz_mutated_payload(field, value):
    plain = json.dumps({**GOOD, field: value}).encode()
    wrapped = pyrage.encrypt(plain, [pyrage.x25519.Recipient.from_str(RECIPIENT)], armored=True)
    only_config_errors(outer(wrapped.decode()))


@given(st.binary(max_size=300) | st.text().map(str.encode))
def test_fuzz_identity_file(content):
    with suppress(ConfigError):
        identity.parse(content, "test", lambda: "word")


def test_deeply_nested_json():
    only_config_errors(b"[" * 100_000)
    only_config_errors(b'{"version":' + b"9" * 10_000 + b"}")
