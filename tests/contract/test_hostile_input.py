"""What somebody who means harm may hand to us: each of these once got further than it should have."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from roadmap_cli.agent.testing import bench
from roadmap_cli.cli.terminal import visible
from roadmap_cli.core import markup, schemas
from roadmap_cli.core.errors import DataError, Unavailable
from roadmap_cli.edl import gathering, programs
from roadmap_cli.edl.exchange import importing, reading_otio, timeline
from roadmap_cli.life.ingest import detection, reading
from roadmap_cli.life.opening import opened
from roadmap_cli.models.installing import torchfile
from roadmap_cli.slm.sync.remotes import s3, webdav
from roadmap_cli.wf.language import loading

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Each entity is ten of the one before: ten lines come to 10¹⁰ letters.
LAUGHS = "<!DOCTYPE a [<!ENTITY e0 'ha'>" + "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_with_a_document_type_is_refused_before_an_entity_grows(encoding: str) -> None:
    bomb = f'<?xml version="1.0" encoding="{encoding}"?>{LAUGHS}]><a>&e9;</a>'.encode(encoding)
    outside = b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"
    for data in (bomb, outside):
        for read in (markup.root, lambda data: webdav.entries(data, "c", "c"), s3.listed):
            with pytest.raises(markup.DocumentTypeError):
                read(data)
    for data in (b"", b"<a>", b"<a>&x;</a>", b'<?xml version="1.0" encoding="no-such"?><a/>'):
        with pytest.raises(ValueError, match="is not XML"):
            markup.root(data)
    assert markup.root(b"<a><!-- <!DOCTYPE --><b>1</b></a>").findtext("b") == "1"


def test_a_list_of_a_server_that_has_no_end_is_not_followed() -> None:
    class Circle(s3.S3):
        def __init__(self) -> None:
            self.base, self.prefix, self.asked = "https://x.example", "", 0

        def _ask(self, *_: object, **__: object) -> tuple[object, bytes]:
            self.asked += 1
            page = b"<L><IsTruncated>true</IsTruncated><Contents><Key>k</Key><Size>1</Size></Contents>"
            return None, page + b"<NextContinuationToken>t</NextContinuationToken></L>"

        def _expect(self, *_: object) -> None:
            return

        def _host(self) -> str:
            return "x.example"

    remote = Circle()
    with pytest.raises(Unavailable, match="no end"):
        remote.files()
    assert remote.asked == 2


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "\x9b2J", "\x07", "a\u202eb", "a\u061cb", "a\u2028b", "a\u2066b", "\x1b]52;c;ZWNobw==\x07"]
)
def test_data_steers_no_terminal(text: str) -> None:
    assert visible(text).isprintable()


def test_a_kind_longer_than_a_file_name_has_no_schema() -> None:
    assert [problem.field for problem in schemas.problems({"kind": f"a.{'b' * 5000}", "id": "x", "at": "y"})] == [
        "kind"
    ]


def test_what_is_called_a_film_brings_in_no_other_file(tmp_path: Path) -> None:
    found = programs.find("/usr/bin:/bin")
    piece = tmp_path / "piece.ts"
    subprocess.run(
        [found.ffmpeg, "-loglevel", "error", "-i", EXAMPLES / "bikes.mp4", "-t", "0.5", "-c", "copy", piece], check=True
    )
    lists = {
        "hls.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npiece.ts\n#EXT-X-ENDLIST\n",
        "concat.mp4": "ffconcat version 1.0\nfile piece.ts\n",
        "away.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    }
    assert programs.probe(found, piece, "-show_streams")
    os.mkfifo(tmp_path / "endless.ts")  # whoever opens it waits for ever
    lists |= {name.replace(".", "-waits."): text.replace("piece", "endless") for name, text in lists.items()}
    lists |= {
        "dash.mp4": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
        "<AdaptationSet><Representation id='1' bandwidth='1'><BaseURL>endless.ts</BaseURL></Representation>"
        "</AdaptationSet></Period></MPD>\n",
        "sdp.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
        "lines.mp4": "# VobSub index file, v7 (do not modify this line!)\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        started = time.monotonic()
        with pytest.raises(DataError, match=r"no film, but a list of"):
            programs.probe(found, tmp_path / name, "-show_streams")
        assert time.monotonic() - started < 60
    shutil.copy(piece, tmp_path / "piece%01d.png")
    with pytest.raises(DataError, match="its name means a series of files"):
        programs.probe(found, tmp_path / "piece%01d.png", "-show_streams")


def test_a_file_that_ffprobe_never_comes_to_the_end_of_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.mp4")
    with pytest.raises(DataError, match=r"ffprobe has not come to an end in 0\.2 s"):
        programs.run(["ffprobe", f"file:{tmp_path / 'endless.mp4'}"], "endless.mp4", limit_s=0.2)


def test_what_is_packed_to_fill_the_machine_is_left_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "SMALLEST_BOMB_BYTES", 1 << 20)
    zeros = bytes(8 << 20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("calendar.ics", zeros)
    with pytest.raises(DataError) as found:
        reading.unpacked(opened.Opened.of("f.gz", gzip.compress(zeros)))
    assert found.value.code == "too_large"
    with pytest.raises(DataError) as found:
        detection.detect(opened.Opened.of("f.zip", packed.getvalue()))
    assert found.value.code == "too_large"
    plain = opened.Opened.of("f.gz", gzip.compress((EXAMPLES / "life/calendar.ics").read_bytes() * 200))
    assert reading.source_of(reading.unpacked(plain) or plain).format == "ical"


def test_a_pickle_of_five_bytes_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"\x80\x02}r\xff\xff\xff\x7f.")
    with pytest.raises(DataError, match="too large"):
        torchfile.read(path)
    path.write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00trueR.")
    with pytest.raises(DataError):
        torchfile.read(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DataError):
        torchfile.read(path)


def test_a_timeline_that_breaks_the_library_breaks_nothing_else(tmp_path: Path) -> None:
    broken = {"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "Timeline-1"}
    deep = b'{"a":' * 50_000
    cyclic = {
        "OTIO_SCHEMA": "Timeline.1",
        "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [broken, {"OTIO_SCHEMA": "Track.1", "children": [broken]}]},
    }
    for data in (json.dumps(broken).encode(), deep, json.dumps(cyclic).encode(), b"\xff"):
        with pytest.raises(DataError) as found:
            reading_otio.read(data, tmp_path)
        assert found.value.code == "bad_project"


def test_records_that_are_no_edit_are_told_and_not_stumbled_over(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_text('{"id":"edl_1"}\n')
    with pytest.raises(DataError, match=r"plan\.jsonl:1|kind"):
        importing.records_of(tmp_path / "plan.jsonl")
    plan = {"kind": "edl.plan", "id": "p", "fps": "25/1", "width": 64, "height": 36}
    cut = {"kind": "edl.cut", "id": "c", "plan_id": "p", "source_id": "s", "in_frame": 0, "out_frame": 9, "fps": "25/1",
           "speed": "1/1", "timeline_in_frame": 0, "timeline_out_frame": 9}  # fmt: skip
    source = {"kind": "edl.source", "id": "s", "path": "/a.mp4", "fps": "25/1", "frames": 10}
    assert timeline.read(gathering.needed([plan, cut, source])).clips
    for wrong in ({"frames": None}, {"frames": 10**12}, {"fps": "x"}, {"path": 1}):
        with pytest.raises(DataError):
            timeline.read(gathering.needed([plan, cut, {**source, **wrong}]))


def test_a_script_of_an_edit_opens_files_only_and_runs_nothing() -> None:
    from roadmap_cli.edl.exchange import ffmpeg_script

    plan = {"kind": "edl.plan", "id": "p", "fps": "25/1", "width": 64, "height": 36, "intent": "x\n touch owned\n"}
    cut = {"kind": "edl.cut", "id": "c", "plan_id": "p", "source_id": "s", "in_frame": 0, "out_frame": 9, "fps": "25/1",
           "speed": "1/1", "timeline_in_frame": 0, "timeline_out_frame": 9, "reason": "$(touch owned)\rtouch owned"}  # fmt: skip
    for name in (
        "http://127.0.0.1/x.mp4",
        "concat:/etc/passwd|/etc/group",
        "-version",
        "$(touch owned)';touch owned;'",
    ):
        source = {
            "kind": "edl.source",
            "id": "s",
            "path": name,
            "fps": "25/1",
            "frames": 10,
            "streams": [{"type": "video"}],
        }
        script = ffmpeg_script.export(timeline.read(gathering.needed([plan, cut, source])), "held").data.decode()
        found = subprocess.run(["sh", "-s", "out.mp4"], input=script.replace("exec ", "printf '%s\\n' "), text=True, capture_output=True, check=False)  # fmt: skip
        assert found.returncode == 0, found.stderr
        words = found.stdout.split("\n")
        assert words[words.index("-i") + 1] == f"file:{Path(name)}"
        assert words[words.index("-i") - 2] == "-protocol_whitelist"
        assert not Path("owned").exists()


def test_a_film_that_never_ends_is_none(tmp_path: Path) -> None:
    from roadmap_cli.core.errors import InputMissing
    from roadmap_cli.edl import probe
    from roadmap_cli.edl.exchange import project

    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (Path("/dev/zero"), tmp_path / "pipe.mp4"):
        with pytest.raises(InputMissing, match="no plain file"):
            probe.content_hash(path)
        assert project.file_hash(path) == ""
    assert probe.content_hash(EXAMPLES / "bikes.mp4")


def test_code_that_is_tried_says_what_it_likes_to_the_one_who_tries_it() -> None:
    for line in (b"[" * 100_000, b"no", b"3", b"\xff"):
        assert bench.answered(line) is None
    assert bench.answered(b'{"exit":0}') == {"exit": 0}


def test_a_pattern_of_many_stars_is_judged_in_time() -> None:
    import random
    import re
    import time

    from roadmap_cli.wf.language import scope
    from roadmap_cli.wf.rights import scope as rights

    begin = time.process_time()
    for sort in scope.SORTS:
        assert not scope.covers(f"{sort}:{'*a' * 40}", f"{sort}:{'a' * 200}b")
        assert scope.covers(f"{sort}:{'**' * 90}", f"{sort}:{'a' * 200}")
    assert not rights.within(f"run:{'a' * 200}b", [f"run:{'*a' * 40}"])
    assert time.process_time() - begin < 5
    chance = random.Random(7)
    for _ in range(3000):  # the same as the regular expression it stands for
        pattern = "".join(chance.choice(("a", "/", "*", "**")) for _ in range(chance.randrange(6)))
        text = "".join(chance.choice("a/*") for _ in range(chance.randrange(6)))
        made = "".join({"*": "[^/]*", "**": ".*"}.get(part, re.escape(part)) for part in re.split(r"(\*\*?)", pattern))
        assert scope.matches(pattern, text, stops="/") == bool(re.fullmatch(made, text, re.DOTALL)), (pattern, text)


def test_a_template_names_a_file_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(
        f"workflow: w\nversion: 1\nsteps:\n  - {{name: s, role: data, command: [x], effects: [read], files: ['{'n' * 5000}']}}\n"
    )
    assert any(finding.code == "missing_file" for finding in loading.check(path)[1])


def test_a_journal_includes_nothing_at_all() -> None:
    from datetime import UTC, datetime

    from roadmap_cli.life.kinds.items import Source
    from roadmap_cli.life.opening.settings import Settings, Window

    at = datetime(2026, 11, 23, tzinfo=UTC)
    settings = Settings("UTC", Window(at, at), None)
    for line in (b"include \n", b"!include\t\n", b"include ../../../../etc/passwd\n"):
        found = list(reading.items(opened.Opened.of("j", line), Source("j", "", 0, "ledger"), settings))
        assert [item.code for item in found if isinstance(item, DataError)], found


def test_no_dress_of_a_record_steers_a_terminal() -> None:
    """A record that passes through and one that is read, in each dress, on a terminal; in a pipe they are untouched."""
    import pty
    import select

    from roadmap_cli.cli import render

    evil = "\x1b]0;owned\x07\x9b2J\u202e\u061c[red]x[/red]"
    record = {"kind": evil, "id": evil, "at": evil, "text": evil}
    line = json.dumps(record, ensure_ascii=False).encode()
    for dress in ("json", "plain", "pretty"):
        leader, follower = pty.openpty()
        with os.fdopen(follower, "wb", buffering=0) as stream:
            made = {
                "json": lambda stream: render.JsonOutput(stream),
                "plain": lambda stream: render.PlainOutput(stream, ("id", "text")),
                "pretty": lambda stream: render.PrettyOutput(
                    stream, {"COLUMNS": "200"}, "never", ("text",), True, None
                ),
            }[dress](stream)
            made.write(record)
            made.raw(line)
            made.write({"kind": evil, "other": evil})
            made.close()
            data = b""
            while select.select([leader], [], [], 0.1)[0]:
                data += os.read(leader, 65536)
            shown = data.decode()
        os.close(leader)
        assert shown.replace("\r\n", "").replace("\t", "").isprintable(), dress
        assert "[red]x[/red]" in shown
        if dress == "json":
            assert [json.loads(each) for each in shown.splitlines()[:2]] == [record, record]
    source, sink = os.pipe()
    with os.fdopen(sink, "wb", buffering=0) as stream:
        render.JsonOutput(stream).raw(line)
    assert os.read(source, 65536) == line + b"\n"
    os.close(source)
