"""Messages as they come: right ones, wrong ones, hostile ones."""

from __future__ import annotations

import base64
import email
import email.header
import email.utils
import sysconfig
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_cli.mail import dates, foldernames, headers, replies, webtext
from roadmap_cli.mail.charsets import decode
from roadmap_cli.mail.message import Attachment, Failure, parse


def mail(head: str, body: bytes | str = b"text") -> bytes:
    return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + (body.encode() if isinstance(body, str) else body)


def test_who_to_whom_when_and_what():
    found = parse(
        mail(
            "From: =?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <JM@Example.ORG>\n"
            'To: "Smith, John" <john@x.org>, undisclosed: a@b.c, d@e.f;\n'
            "Cc: mary@x.org (Mary Jones),\n john@x.org\n"
            "Subject: =?ISO-8859-1?Q?Gr=FC=DFe?= =?ISO-8859-1?Q?_aus?= Berlin\n"
            "Date: Mon, 5 Jan 2026 10:00:00 +0100 (CET)\n"
            "Message-ID: <abc@x>\nReferences: <a@b>\n\t<c@d>\nIn-Reply-To: <c@d>",
            "Hello\r\n",
        )
    )
    assert found.sender == ("Jörg Müller", "jm@example.org")
    assert found.recipients == [
        ("Smith, John", "john@x.org"),
        ("", "a@b.c"),
        ("", "d@e.f"),
        ("Mary Jones", "mary@x.org"),
    ]
    assert found.subject == "Grüße aus Berlin"
    assert found.at == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert (found.message_id, found.references, found.in_reply_to) == ("abc@x", ["a@b", "c@d"], ["c@d"])
    assert found.text == "Hello"


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("Mon, 5 Jan 2026 10:00:00 +0100", "2026-01-05T09:00:00"),
        ("5 Jan 26 10:00 EST", "2026-01-05T15:00:00"),
        ("Mon Jan  5 10:00:00 2026", "2026-01-05T10:00:00"),
        ("Mon, 05-Jan-2026 10:00:00 GMT", "2026-01-05T10:00:00"),
        ("2026-01-05T10:00:00+02:00", "2026-01-05T08:00:00"),
        ("2026-01-05 10:00:00 -0500", "2026-01-05T15:00:00"),
        ("Mo, 5 Mär 2026 10:00:00 +0100", "2026-03-05T09:00:00"),
        ("Mon, 5 Jan 2026 9:5:7 PM +0000", "2026-01-05T21:05:07"),
        ("Monday, January 5, 2026 10:00 AM", "2026-01-05T10:00:00"),
        ("Mon, 5 Jan 2026 24:00:00 +0000", "2026-01-05T00:00:00"),
        ("Thu, 31 Dec 1998 23:59:60 +0000", "1998-12-31T23:59:59"),
        ("Fri, 21 Nov 97 09:55:06 -0600", "1997-11-21T15:55:06"),
        ("Mon, 5 Jan 2026 10:00:00 GMT+0200", "2026-01-05T08:00:00"),
        ("Mon, 5 Jan 2026 10:00:00 +9900", "2026-01-05T10:00:00"),
        ("31/12/2025 10:00", "2025-12-31T10:00:00"),
    ],
)
def test_dates_as_programs_write_them(text: str, stamp: str):
    found = dates.moment(text)
    assert found is not None
    assert found.replace(tzinfo=None).isoformat() == stamp


@pytest.mark.parametrize(
    "text", ["", "yesterday", "Mon, 99 Foo 2026", "1 Jan 0001 00:00", "5 Jan 2999 10:00:00", "\0" * 50]
)
def test_what_is_no_date(text: str):
    assert dates.moment(text) is None


def test_without_a_date_the_first_server_tells_it():
    found = parse(
        mail(
            "Received: from b by c; Tue, 6 Jan 2026 10:00:00 +0000\n"
            "Received: from a by b; Mon, 5 Jan 2026 10:00:00 +0000\nDate: never\nFrom: a@b.c"
        )
    )
    assert (found.at, found.dated_by) == (datetime(2026, 1, 5, 10, tzinfo=UTC), "received")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"attachment; filename*=utf-8''%e2%82%ac%20rates.pdf", "€ rates.pdf"),
        (b"attachment; filename*0*=utf-8''%e2%82; filename*1*=%ac; filename*2=.pdf", "€.pdf"),
        (b"attachment; filename*1=b.pdf; filename*0=a", "ab.pdf"),
        (b'attachment; filename="=?utf-8?B?4oKsLnBkZg==?="', "€.pdf"),
        (b'attachment; filename="a;b\\"c.pdf"', 'a;b"c.pdf'),
        (b"attachment; filename=two words.pdf", "two words.pdf"),
        (b'attachment; filename="not closed.pdf', "not closed.pdf"),
        ("attachment; filename=grün.pdf".encode("latin-1"), "grün.pdf"),
        (b"attachment; filename*=nonsense''%ff.pdf", "ÿ.pdf"),
    ],
)
def test_names_of_files(value: bytes, name: str):
    assert headers.parameters(value)["filename"] == name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", "€"),  # one character in two words
        (b"=?utf-8?Q?a?= =?iso-8859-1?Q?=E4?=", "aä"),
        (b"=?utf-8?q?with_space?= plain", "with space plain"),
        (b"=?nonsense?Q?=FC?=", "ü"),
        (b"=?utf-8?B?!!!?= x", "x"),
        (b"=?utf-8?Q?not closed", "=?utf-8?Q?not closed"),
        ("über".encode("latin-1"), "über"),
        ("über".encode(), "über"),
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?utf-8*en?Q?r=C3=A9?=", "ré"),
    ],
)
def test_encoded_words(value: bytes, text: str):
    assert headers.words(value).strip() == text


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"\x93x\x94", "iso-8859-1", "“x”"),  # Windows-1252 under another name, as everywhere
        ("привет".encode("koi8-r"), "koi8-r", "привет"),
        ("日本".encode("cp932"), "shift_jis", "日本"),
        (b"gr\xfcn", "us-ascii", "grün"),
        (b"gr\xfcn", "utf-8", "grün"),
        (b"gr\xc3\xbcn", "us-ascii", "grün"),
        (b"gr\xc3\xbcn \xff", "utf-8", "grün \ufffd"),
        ("日本".encode("euc_jp") + b"\xff", "euc-jp", "日本\ufffd"),
        (b"\xef\xbb\xbfx", "latin-1", "x"),
        (b"x", "rot13", "x"),
        (b"x", "punycode", "x"),
        (b"a\x00b", None, "a\ufffdb"),
        (b"+2AA-", "utf-7", "\ufffd"),
    ],
)
def test_wrong_character_sets(data: bytes, charset: str | None, text: str):
    assert decode(data, charset) == text


NESTED = b"""From: a@b.c
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

SGVsbG8gd29ybGQ=
--inner
Content-Type: text/html

<p>Hello <b>world</b></p>
--inner--
--outer
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment
Content-Transfer-Encoding: base64

QUJDREVGRw==
--outer
Content-Type: application/ms-tnef; name="winmail.dat"

x
--outer
Content-Type: message/rfc822

Subject: inside
From: x@y.z

The inner text
--outer--
epilogue
"""


def test_parts_attachments_and_mails_within():
    found = parse(NESTED)
    assert found.text == "Hello world"
    assert found.attachments == [
        Attachment("a.pdf", "application/pdf", 7),
        Attachment("winmail.dat", "application/ms-tnef", 1),
        Attachment("inside", "message/rfc822", 43),
    ]
    assert found.quoted == "inside\nThe inner text"


@pytest.mark.parametrize(
    "data",
    [
        NESTED.replace(b"--outer--\nepilogue\n", b""),  # cut off
        NESTED.replace(b'boundary="outer"', b"charset=x"),  # not declared
        NESTED.replace(b"\n", b"\r\n"),
        NESTED.replace(b"--inner--\n", b""),
        NESTED.replace(b"SGVsbG8gd29ybGQ=", b"SGVsbG8gd29ybGQ"),  # padding lost
        NESTED.replace(b"SGVsbG8gd29ybGQ=", b"SGVs!bG8g*d29y\nbGQ=\n-- "),
    ],
    ids=["cut", "undeclared", "crlf", "unclosed", "padding", "noise"],
)
def test_broken_structures_are_read(data: bytes):
    found = parse(data)
    assert found.text.startswith("Hello world")
    assert found.attachments[0].name == "a.pdf"


def test_invitations_reports_and_notes_of_servers():
    found = parse(
        b"From: mailer-daemon@x.org\nAuto-Submitted: auto-replied\nList-Id: A list <l.x.org>\n"
        b"Authentication-Results: mx; dkim=fail (bad; dkim=pass) header.d=x; spf=pass; dkim=pass\n"
        b"Content-Type: multipart/report; boundary=b\n\n--b\n\nIt failed\n--b\nContent-Type: message/delivery-status\n\n"
        b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; Joe@X.org\nAction: failed\nStatus: 5.1.1 (no)\n--b\n"
        b"Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n--b--\n"
    )
    assert found.failures == [Failure("joe@x.org", "failed", "5.1.1")]
    assert found.checks == {"dkim": "pass", "spf": "pass"}
    assert (found.list_id, found.is_automatic, found.text) == ("l.x.org", True, "It failed")
    assert found.calendars == [b"BEGIN:VCALENDAR"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree"),
        ("<style>p{}</style><script>if (a < b) alert('<p>no</p>')</script>yes", "yes"),
        ('<div style="display:none">hidden <div>deep</div></div>shown', "shown"),
        ('<img src="http://t.example/p.gif" width=1 height=1 alt="x">text', "text"),
        ("<a href='http://t.example/?id=1'>link</a>", "link"),
        ("<blockquote>old<blockquote>older</blockquote></blockquote>new", "> old\n> > older\nnew"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("a &lt; b &amp;&nbsp;c &#8364; &bogus;", "a < b & c € &bogus;"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ('<p title="a > b">x</p>', "x"),
        ("<head><title>t</title><body>no end of head", "no end of head"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        ('<div style="display:none">never closed', "never closed"),
        ("<!-- c --><p>x<!-- unclosed", "x"),
    ],
)
def test_text_of_pages(source: str, text: str):
    assert webtext.plain(source) == text


@pytest.mark.parametrize(
    ("text", "new", "quoted", "signature"),
    [
        ("Hi\n\nOn Mon, Jan 5, 2026 Joe <j@x.org> wrote:\n> old\n", "Hi", "On Mon, Jan 5, 2026 Joe <j@x.org> wrote:\n> old", ""),
        ("> question?\nanswer\n> another?\nyes", "answer\nyes", "> question?\n> another?", ""),
        ("Hallo\n-- \nJoe\nTel. 1", "Hallo", "", "--\nJoe\nTel. 1"),
        ("Ok\n\nSent from my iPhone", "Ok", "", "Sent from my iPhone"),
        ("Ok\n\nVon meinem iPhone gesendet\n\n> Am 5.1.2026 um 10:00 schrieb Joe:\n> x", "Ok", "> Am 5.1.2026 um 10:00 schrieb Joe:\n> x", "Von meinem iPhone gesendet"),
        ("Danke!\n\nVon: Joe\nGesendet: Montag\nAn: Mary\nBetreff: x\n\nalt", "Danke!", "Von: Joe\nGesendet: Montag\nAn: Mary\nBetreff: x\n\nalt", ""),
        ("fyi\n\n---------- Forwarded message ---------\nFrom: x\n\nbody", "fyi", "---------- Forwarded message ---------\nFrom: x\n\nbody", ""),
        ("oui\n\nLe 5 janv. 2026 à 10:00, Joe <j@x.org> a écrit :\n\nvieux", "oui", "Le 5 janv. 2026 à 10:00, Joe <j@x.org> a écrit :\n\nvieux", ""),
        ("Note: from 5 to 6 I was away:\n- a\n- b", "Note: from 5 to 6 I was away:\n- a\n- b", "", ""),
        ("x\n_______________________________________________\nusers mailing list\nhttps://x/listinfo", "x", "", "_______________________________________________\nusers mailing list\nhttps://x/listinfo"),
        ("好的\n\n在 2026年1月5日,Joe 写道:\n> 旧", "好的", "在 2026年1月5日,Joe 写道:\n> 旧", ""),
    ],
)  # fmt: skip
def test_new_text_quotation_and_signature(text: str, new: str, quoted: str, signature: str):
    found = replies.divide(text)
    assert (found.new, found.quoted, found.signature) == (new, quoted, signature)


@given(st.text(alphabet="ab>-_ \n:@1", max_size=200))
def test_no_line_is_lost(text: str):
    found = replies.divide(text)
    said = sorted(
        line.strip()
        for piece in (found.new, found.quoted, found.signature)
        for line in piece.split("\n")
        if line.strip()
    )
    assert said == sorted(line.strip() for line in text.split("\n") if line.strip())


def test_flowed_text():
    found = parse(
        mail("From: a@b.c\nContent-Type: text/plain; format=flowed", "one \r\ntwo\r\n> quoted \r\n> on\r\n-- \r\nme")
    )
    assert (found.text, found.quoted, found.signature) == ("one two", "> quoted on", "--\nme")


@given(st.text(min_size=1, max_size=60).filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text)))
def test_names_of_folders_survive(name: str):
    assert foldernames.readable(foldernames.written(name)) == name


# -- hostile ---------------------------------------------------------------------------------------------------------

BAD = [
    b"",
    b"\n",
    b"\0" * 1000,
    b":" * 1000,
    b"From: " + b"a" * 3_000_000,
    b"To: " + b"x@y.z, " * 200_000,
    b"To: " + b"(" * 500_000,
    b"To: " + b'"' * 500_001,
    b"To: " + b"<" * 500_000,
    b"Subject: " + b"=?utf-8?Q?a?=" * 100_000,
    b"Subject: " + b"=?utf-8?B?" * 100_000,
    b"References: " + b"<a@b> " * 100_000,
    b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 100_000,
    b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--aa\n" * 300_000,
    b"Content-Type: multipart/mixed; " + b"a=b; " * 200_000 + b"\n\nx",
    b'Content-Type: multipart/mixed; boundary="' + b"\\" * 500_000 + b"\n\nx",
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)),
    b"Content-Type: message/rfc822\n\n" * 20_000,
    b"Content-Type: text/html\n\n" + b"<" * 1_000_000,
    b"Content-Type: text/html\n\n" + b"<a " * 500_000,
    b'Content-Type: text/html\n\n' + b'<a "' * 300_000,
    b"Content-Type: text/html\n\n" + b"<blockquote>" * 200_000 + b"x",
    b"Content-Type: text/html\n\n" + b"<script>" * 200_000,
    b"Content-Type: text/html\n\n" + b"<!--" * 300_000,
    b"Content-Type: text/html\n\n" + b"</" * 500_000,
    b"Content-Type: text/html\n\n" + b"<div hidden>" * 200_000,
    b"Content-Type: text/html\n\n" + b"&#" * 500_000 + b"&#99999999999999;",
    b"From: a@b.c\n\n" + b"On 1 x wrote:\n" * 200_000,
    b"From: a@b.c\n\n" + b"> x\n\n" * 200_000,
    b"From: a@b.c\n\n" + b"From: x\nTo: y\n" * 100_000,
    b"From: a@b.c\n\n" + b"1 " * 500_000 + b":",
    b"Date: " + b"1" * 100_000,
    b"Date: " + b"( " * 100_000,
    b"Content-Type: text/plain; charset=utf-7\n\n" + b"+" * 1_000_000,
    b"Content-Transfer-Encoding: base64\nFrom: a@b.c\n\n" + b"=" * 500_000,
    b"Content-Transfer-Encoding: x-uuencode\nFrom: a@b.c\n\n" + b"M\n" * 300_000,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_hostile_mails_take_bounded_time(data: bytes):
    began = time.process_time()
    parse(data)
    assert time.process_time() - began < 3


SEEDS = [NESTED, BAD[13][:500], BAD[15][:300], mail("From: =?utf-8?Q?x?= <a@b.c>\nDate: Mon, 5 Jan 2026 10:00:00 +0100", "> a\n-- \nb"),
         mail('Content-Type: text/html; charset="x"', "<p style='display:none'>&amp;<!-- "),
         mail("Content-Transfer-Encoding: base64", base64.b64encode(b"abc" * 20))]  # fmt: skip
WORDS = [b"\r\n\r\n", b"\n", b"--outer", b"--outer--", b"=?utf-8?B?", b"?=", b"charset*0*=", b"''", b"%", b"<", b">", b'"', b"\\", b"(", b";", b",", b":",
         b"\xff\xfe", b"\0", b"Content-Type: message/rfc822\n\n", b"Content-Type: multipart/x; boundary=\n", b"boundary=\"\"", b"base64", b"=", b"\xc3"]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_bytes_make_it_raise(data: st.DataObject):
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(content)))
        if data.draw(st.booleans()):
            content[at:at] = data.draw(st.sampled_from(WORDS))
        else:
            del content[at : at + data.draw(st.integers(1, 30))]
    found = parse(bytes(content))
    for text in (found.subject, found.text, found.quoted, found.sender[0], *(each.name for each in found.attachments)):
        text.encode()  # no lone surrogates: it can be stored


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes):
    parse(data)


def odd_mails() -> list[Path]:
    """The mails of CPython's own tests, where this Python brings them."""
    folder = Path(sysconfig.get_path("stdlib")) / "test/test_email/data"
    return sorted(folder.glob("msg_*.txt"))


@pytest.mark.skipif(not odd_mails(), reason="this Python was installed without its tests")
def test_the_standard_library_reads_the_same_in_odd_mails():
    for path in odd_mails():
        data = path.read_bytes()
        peer = email.message_from_bytes(data)
        found = parse(data)
        try:
            subject = str(email.header.make_header(email.header.decode_header(peer["subject"] or "")))
        except (UnicodeError, LookupError):
            continue
        assert found.subject == " ".join(subject.split()), path.name
        dates = email.utils.parsedate_to_datetime(peer["date"]) if peer["date"] else None
        if dates is not None and found.dated_by == "date":
            assert found.at == (dates if dates.tzinfo else dates.replace(tzinfo=UTC)), path.name
        files = [part for part in peer.walk() if part.get_content_maintype() not in ("text", "multipart", "message")]
        files = [part for part in files if not part.get_content_type().endswith("-signature")]
        names = {name for name in (part.get_filename() for part in files) if name and name.isascii()}
        assert {name.rpartition("/")[2] for name in names} <= {each.name for each in found.attachments}, path.name
