"""Cards, revisions, segments and signatures: what goes in comes out, and nothing else does."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrage import x25519

from roadmap_cli.core.errors import DataError, RoadmapError, UsageError
from roadmap_cli.slm.sync import cards, changes, clock, revision, segment
from roadmap_cli.slm.sync.cards import Signer
from roadmap_cli.slm.sync.remotes import sigv4

ME, IDENTITY = Signer(bytes(range(32))), x25519.Identity.generate()
OTHER, STRANGER = Signer(bytes(32)), x25519.Identity.generate()
CARD = ME.card("laptop", str(IDENTITY.to_public()))
HEAD = segment.Head(CARD.device_id, 1, "", cards=(CARD,), to=(CARD.device_id,))


def version(text: str, *parents: str, **more: object) -> revision.Revision:
    body = orjson.dumps({"kind": "slm.prompt", "id": "slm_1", "at": "2026-11-23T09:00:00.000Z", "text": text}).decode()
    return revision.made("slm_1", "slm.prompt", parents, body, device_id=CARD.device_id, clock="c", **more)


def sealed(*revisions: revision.Revision, head: segment.Head = HEAD, signer: Signer = ME) -> bytes:
    return segment.sealed(head, list(revisions), signer, [CARD.recipient])


# -- cards -------------------------------------------------------------------------------------------------------------


def test_a_card_survives_being_pasted_and_wrapped():
    assert cards.of_text(CARD.text) == CARD
    assert cards.of_text(f"\n {CARD.text[:40]}\n{CARD.text[40:]} \n") == CARD
    assert len(CARD.text) < 250
    assert cards.same_fingerprint(CARD.fingerprint, CARD.fingerprint.lower().replace("-", " "))
    assert cards.of_plain(CARD.plain()) == CARD


@given(st.integers(0, 2**32), st.sampled_from("ABCDwxyz0189-_"))
def test_a_changed_card_is_refused(place, letter):
    at = len(cards.PREFIX) + place % (len(CARD.text) - len(cards.PREFIX))
    changed = CARD.text[:at] + letter + CARD.text[at + 1 :]
    try:
        found = cards.of_text(changed)
    except UsageError:
        return
    assert found == CARD  # the last letter of base64 may hold bits that count for nothing


@settings(max_examples=40)
@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda data: cards.PREFIX + data.hex()))
def test_what_is_no_card_is_said_to_be_none(text):
    with pytest.raises(UsageError, match="not a device card"):
        cards.of_text(text)


# -- revisions ---------------------------------------------------------------------------------------------------------


def test_a_revision_is_named_by_its_content_alone():
    one = version("a")
    assert one.name == version("a").name
    assert version("b", one.name).number == 2
    assert version("b", one.name).name != version("b", one.name, merged=True).name
    assert version("x", "2-" + "b" * 32, "2-" + "a" * 32) == version("x", "2-" + "a" * 32, "2-" + "b" * 32)
    swapped = '{"text":"a","at":"2026-11-23T09:00:00.000Z","id":"slm_1","kind":"slm.prompt"}'
    assert revision.digest(swapped) == one.body_hash


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.text() | st.integers(-(2**53), 2**53) | st.none() | st.booleans(),
        max_size=5,
    ),
    st.lists(st.from_regex(r"[1-9][0-9]{0,3}-[0-9a-f]{32}", fullmatch=True), max_size=4, unique=True),
    st.booleans(),
)
def test_a_revision_survives_the_wire(fields, parents, merged):
    body = orjson.dumps({**fields, "kind": "slm.prompt", "id": "slm_ü", "at": "now"}).decode()
    for text in (body, None):
        made = revision.made("slm_ü", "slm.prompt", tuple(parents), text, merged=merged, device_id="d", clock="c")
        assert revision.of_plain(orjson.loads(orjson.dumps(made.plain()))) == made


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    )
)
def test_any_json_in_place_of_a_revision_is_a_data_error(value):
    with pytest.raises(DataError):
        revision.of_plain(value)


@given(
    st.sampled_from(["id", "kind", "rev", "parents", "device", "clock", "body", "body_hash", "deleted", "merged"]),
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()),
)
def test_a_changed_field_of_a_revision_is_noticed(name, value):
    made = version("a")
    plain = orjson.loads(orjson.dumps(made.plain()))
    plain[name] = value
    try:
        found = revision.of_plain(plain)
    except DataError:
        return
    assert (found.name, found.body_hash) == (made.name, made.body_hash)


# -- segments ----------------------------------------------------------------------------------------------------------


def test_padme_leaks_little():
    for length in (1, 255, 256, 257, 1000, 4095, 4096, 100_000, 10**6, 10**7):
        assert length <= segment.padded(length)
        assert segment.padded(length) <= max(256, length * 1.12)
        assert segment.padded(segment.padded(length)) == segment.padded(length)
    assert len({segment.padded(length) for length in range(100_000, 200_000)}) < 40
    # Of the paper's table: for L = 9, e = 3, s = 2: one bit is cleared, and so on.
    assert [segment.padded(length) for length in (257, 258, 272, 273)] == [272, 272, 272, 288]


def test_a_segment_comes_back_and_shows_nothing():
    versions = [version(f"CANARY {number}") for number in range(20)]
    data = sealed(*versions)
    head, found = segment.opened(data, IDENTITY, CARD.verify_key)
    assert (head, found) == (HEAD, versions)
    for text in (b"CANARY", b"slm_1", b"slm.prompt", b"laptop", CARD.device_id.encode()):
        assert text not in data


def test_another_key_does_not_open_and_does_not_sign():
    data = sealed(version("a"))
    with pytest.raises(segment.NotForUs):
        segment.opened(data, STRANGER, CARD.verify_key)
    with pytest.raises(DataError, match="not signed"):
        segment.opened(sealed(version("a"), signer=OTHER), IDENTITY, CARD.verify_key)


#: One for all examples: age puts something of random length into the head.
WHOLE = sealed(version("a"))


@settings(max_examples=150)
@given(st.data())
def test_no_change_of_a_segment_goes_unnoticed(data):
    whole = WHOLE
    at = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert"]))
    changed = {
        "flip": whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :],
        "cut": whole[:at],
        "insert": whole[:at] + b"\n" + whole[at:],
    }[kind]
    with pytest.raises(DataError):
        segment.opened(changed, IDENTITY, CARD.verify_key)


@given(st.binary(max_size=400))
def test_rubbish_in_the_encryption_is_a_data_error(rubbish):
    import pyrage

    frames = [rubbish, segment.MAGIC + rubbish]
    payload = rubbish
    signature = ME.sign(b"roadmap sync segment 1\0" + payload)
    frames.append(segment.MAGIC + signature + len(payload).to_bytes(8, "big") + payload)
    for frame in frames:
        with pytest.raises(RoadmapError):
            segment.opened(pyrage.encrypt(frame, [IDENTITY.to_public()]), IDENTITY, CARD.verify_key)


@given(
    st.sampled_from(sorted(HEAD.plain())),
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.lists(st.integers() | st.text(), max_size=3)
    | st.dictionaries(st.text(max_size=4), st.integers() | st.lists(st.integers()), max_size=2),
)
def test_a_head_of_another_shape_is_a_data_error_or_harmless(name, value):
    with contextlib.suppress(DataError):
        segment._head({**HEAD.plain(), name: value})


def test_a_bomb_is_not_blown_up(monkeypatch):
    monkeypatch.setattr(segment, "_MOST_PLAIN", 10_000)
    with pytest.raises(DataError, match="too large"):
        segment.opened(sealed(*[version("x" * 5000) for _ in range(4)]), IDENTITY, CARD.verify_key)


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_the_clock_grows_and_is_not_dragged_into_the_future():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    ticking = clock.Clock()
    values = [ticking.tick(now) for _ in range(70_000)]
    assert values == sorted(set(values))
    ticking.hear("ffffffffffff-0000", now)
    assert clock.moment(ticking.tick(now)).startswith("2026-11-23")
    assert clock.moment("no value") is None


def test_kinds_are_chosen_by_name_family_or_all():
    assert changes.matches(["slm.*"], "slm.reply")
    assert not changes.matches(["slm.*"], "slmx.reply")
    assert changes.matches(["life.event"], "life.event")
    assert changes.matches(["*"], "anything.at_all")


EXAMPLE = {
    "key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "region": "us-east-1",
    "service": "s3",
}
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
BODY = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"


@pytest.mark.parametrize(
    ("method", "path", "headers", "payload", "signature"),
    [
        ("GET", "/test.txt", {"Range": "bytes=0-9"}, EMPTY, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("PUT", "/test$file.text", {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}, BODY, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        ("GET", "/?lifecycle", {}, EMPTY, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("GET", "/?max-keys=2&prefix=J", {}, EMPTY, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)  # fmt: skip
def test_signatures_are_those_that_amazon_publishes(method, path, headers, payload, signature):
    """Amazon S3 API Reference, "Signature Calculations for the Authorization Header", examples."""
    got = sigv4.signed(
        method,
        f"https://examplebucket.s3.amazonaws.com{path}",
        headers={**headers, "x-amz-content-sha256": payload},
        payload_sha256=payload,
        at=datetime(2013, 5, 24, tzinfo=UTC),
        **EXAMPLE,
    )
    assert got["Authorization"].endswith(f"Signature={signature}")
