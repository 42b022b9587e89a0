"""Address books: versions 2.1 to 4.0 as phones and programs write them."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.core import schemas
from roadmap_cli.core.errors import DataError
from roadmap_cli.life.formats import content_pieces, contentlines, vcard
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.kinds.items import Source
from roadmap_cli.life.opening.opened import Opened
from roadmap_cli.life.opening.settings import Settings, Window

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SETTINGS = Settings("Europe/Berlin", Window(NOW, NOW), now=NOW)


def cards(*texts: str, encoding: str = "utf-8") -> list[dict[str, Any]]:
    data = "".join(f"BEGIN:VCARD\n{text}\nEND:VCARD\n" for text in texts).replace("\n", "\r\n").encode(encoding)
    found = []
    for item in vcard.read(data, Source.of("a.vcf", data, "vcard"), SETTINGS):
        assert not isinstance(item, DataError), item
        assert not list(schemas.problems(item)), item
        found.append(item)
    return found


def test_version_2_1_of_old_phones() -> None:
    (one,) = cards(
        "VERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg;;Dr.\n"
        "FN;CHARSET=UTF-8;QUOTED-PRINTABLE:Dr. J=C3=B6rg =\nM=C3=BCller\nTEL;CELL;PREF:+49 170 1\nEMAIL;INTERNET:A@B.org\n"
        "PHOTO;ENCODING=BASE64;JPEG:\n /9j/4AAQ\n AAA=\n\nBDAY:19700305"
    )
    assert (one["name"], one["given_name"], one["family_name"]) == ("Dr. Jörg Müller", "Jörg", "Müller")
    assert (one["phones"], one["emails"], one["birthday"]) == (["+491701"], ["a@b.org"], "1970-03-05")
    (latin,) = cards("VERSION:2.1\nN;CHARSET=ISO-8859-2:Łoś;Żaneta\nTEL:1", encoding="iso8859-2")
    assert latin["name"] == "Żaneta Łoś"


def test_version_3_of_apple_and_google() -> None:
    (one,) = cards(
        "VERSION:3.0\nN:Roe;Ann;;;\nFN:Ann Roe\nitem1.X-ABRELATEDNAMES;type=pref:Bob Roe\nitem1.X-ABLabel:_$!<Spouse>!$_\n"
        "item2.ADR;type=HOME:;;12 Main St\\, Apt 4;Springfield;IL;62701;USA\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-07-09\n"
        "CATEGORIES:Friends,Chess\\, blitz\nNICKNAME:Annie\nORG:ACME;Sales\nTITLE:Manager\nREV:2024-05-06T07:08:09Z\nUID:abc"
    )
    assert one["relations"] == [{"type": "spouse", "name": "Bob Roe"}]
    assert one["addresses"] == ["12 Main St, Apt 4, 62701 Springfield, IL, USA"]
    assert (one["birthday"], one["categories"]) == ("--07-09", ["Chess, blitz", "Friends"])
    assert (one["organization"], one["role"], one["uid"], one["at"][:10]) == (
        "ACME, Sales",
        "Manager",
        "abc",
        "2024-05-06",
    )


def test_version_4() -> None:
    one, group_left_out = (
        cards(
            "VERSION:4.0\nFN:ACME\nKIND:org\nTEL;VALUE=uri;TYPE=\"voice,home\":tel:+1-555;ext=5\nRELATED;TYPE=friend;VALUE=text:Jane\nBDAY:--0412",
            "VERSION:4.0\nFN:My friends\nKIND:group\nMEMBER:urn:uuid:1",
        ),
        None,
    )  # fmt: skip
    assert group_left_out is None
    assert len(one) == 1
    assert (one[0]["is_organization"], one[0]["phones"], one[0]["birthday"]) == (True, ["+1-555"], "--04-12")
    assert one[0]["relations"] == [{"type": "friend", "name": "Jane"}]


def test_the_same_card_is_the_same_contact_whenever_it_is_read() -> None:
    (one,) = cards("VERSION:3.0\nFN:Ann\nEMAIL:a@b.org")
    (two,) = cards("VERSION:3.0\nREV:20250101T000000Z\nFN:Ann\nEMAIL:A@b.org")
    assert one["id"] == two["id"]
    assert (one["at"], two["at"]) == ("2026-11-23T09:00:00.000Z", "2025-01-01T00:00:00.000Z")


def test_a_card_that_says_nothing_is_an_error_and_its_neighbours_are_read() -> None:
    data = b"BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\nBEGIN:VCARD\nFN:Ann\nBEGIN:VCARD\nFN:Bob\nEND:VCARD\n"
    found = list(vcard.read(data, Source.of("a.vcf", data, "vcard"), SETTINGS))
    assert str(found[0]) == "a.vcf:1: card has neither a name nor an address"
    assert [item["name"] for item in found[1:] if isinstance(item, dict)] == ["Ann", "Bob"]


def test_it_is_told_from_its_content() -> None:
    data = b"\xef\xbb\xbf\r\nBEGIN:VCARD\r\nFN:Ann\r\nEND:VCARD\r\n"
    assert reading.source_of(Opened.of("x", data)).format == "vcard"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b" ", b"\t", b"A:b", b"=", b"N;QUOTED-PRINTABLE:x=", b"\xc3", b"\xa4", b";", b""]
        ),
        max_size=30,
    ),
    st.integers(1, 9),
)
def test_a_stream_gives_the_same_lines_as_the_whole(pieces: list[bytes], size: int) -> None:
    """Wherever a file is cut for reading."""
    data = b"".join(pieces)
    whole = list(contentlines.stream_lines(io.BytesIO(data)))
    usual = content_pieces.CHUNK_BYTES
    content_pieces.CHUNK_BYTES = size
    try:
        assert list(contentlines.stream_lines(io.BytesIO(data))) == whole
    finally:
        content_pieces.CHUNK_BYTES = usual
