"""The ffmpeg programs: found once, started without a shell, their failures turned into one clear line.

Every input is named with the ``file:`` protocol and only local protocols are allowed, so that a playlist cannot reach
the network and a file name cannot be read as an option.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from roadmap_cli.core.errors import CannotCreate, DataError, RoadmapError, TryLater, Unavailable

#: Options of one input or output; an option without a value has None.
Options = dict[str, str | int | None]
#: Filters in order: name and options.
Chain = list[tuple[str, dict[str, str | int]]]

_PROTOCOLS = "file,pipe,crypto,data"
#: Options of every ffmpeg input.
LOCAL_ONLY: Options = {"protocol_whitelist": _PROTOCOLS}
#: What may be opened: containers and streams that hold their pictures and sounds themselves. ffmpeg asks this list when
#: it knows a file's format by its first bytes, before that format opens anything. So what is called a film brings in
#: nothing else that lies here: no list of files (concat, hls, dash, imf, sdp, vobsub), no script, no device.
_SELF_CONTAINED = """
mov matroska webm avi mpegts mpeg mxf asf asf_o flv live_flv ogg nut wtv rm gxf lxf dv ivf nuv pva r3d swf mv mlv mtv
m4v h261 h263 h264 hevc vc1 vc1test av1 obu avs2 avs3 cavsvideo mpegvideo mjpeg mjpeg_2000 mpjpeg dirac dnxhd
yuv4mpegpipe ingenient kux vivo smjpeg film_cpk filmstrip flic amv anm cine bink smk roq ea wc3movie 4xm thp xmv
wav w64 aiff au caf aac ac3 eac3 ac4 mp3 flac ape wv tak tta shn alac amr amrnb amrwb dts dtshd truehd mlp dsf iff loas
mpc mpc8 voc gsm qcp ircam sox spdif rso pvf nistsphere adx aptx aptx_hd sbc xwma oma ace libopenmpt libgme
apng gif svg_pipe png_pipe jpeg_pipe jpegxl_pipe jpegls_pipe j2k_pipe webp_pipe bmp_pipe tiff_pipe gif_pipe psd_pipe
exr_pipe dpx_pipe ppm_pipe pgm_pipe pam_pipe pbm_pipe qoi_pipe ico
"""
#: How lists and scripts begin, and what they are called.
_BEGINNINGS = (
    (b"ffconcat", "a list of files for ffmpeg"), (b"#EXTM3U", "a list of files (m3u)"),
    (b"<MPD", "a list of files (DASH)"), (b"<CompositionPlaylist", "a list of files (IMF)"),
    (b"<AssetMap", "a list of files (IMF)"), (b"v=0", "a list of streams (SDP)"), (b"# VobSub", "a list of subtitles"),
)  # fmt: skip
#: How long ffprobe may look at a file before it is given up: what is sound is known in a second.
_PROBE_S = 120.0
_QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error"]
_KEPT_BYTES = 64 * 1024
#: What ffmpeg says of a file that it could not write to its end: up to version 5 it then ends with 0 all the same.
_UNFINISHED = re.compile(rb"Error (?:closing file|writing trailer)")
_TAG = re.compile(r"^\[[^]]* @ 0x[0-9a-f]+\] ")


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of ffmpeg and ffprobe, and the version that encodes."""

    ffmpeg: str
    ffprobe: str

    def version(self) -> str:
        """The first line of ``ffmpeg -version``: part of what decides how an encoded segment looks."""
        done = subprocess.run([self.ffmpeg, "-version"], capture_output=True, check=False)
        return done.stdout.decode(errors="replace").partition("\n")[0]

    def filters(self) -> frozenset[str]:
        """The filters this ffmpeg was built with."""
        done = subprocess.run([self.ffmpeg, "-hide_banner", "-filters"], capture_output=True, check=False)
        lines = (line.split() for line in done.stdout.decode(errors="replace").splitlines())
        return frozenset(words[1] for words in lines if len(words) > 2 and "->" in words[2])


def find(path: str | None) -> Programs:
    """Look for the programs on a search path. Raises Unavailable with the command that installs them."""
    found = {name: shutil.which(name, path=path) for name in ("ffmpeg", "ffprobe")}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        raise Unavailable(f"{missing[0]} is not installed", hint="apt-get install ffmpeg", code="no_ffmpeg")
    return Programs(str(found["ffmpeg"]), str(found["ffprobe"]))


def local(path: str | Path) -> str:
    """A file's name as ffmpeg must be given it."""
    return f"file:{path}"


def source(path: Path, index: int, options: Options, filters: Chain) -> Any:
    """One stream of a file, by its index, through filters: an ffmpeg-python node."""
    import ffmpeg

    return through(ffmpeg.input(local(path), **options)[str(index)], filters)


def spelled(filters: Chain) -> list[str]:
    """Filters as they are written in a graph."""
    return [f"{name}={':'.join(f'{option}={value}' for option, value in told.items())}" for name, told in filters]


def through(stream: Any, filters: Chain) -> Any:
    """A node followed by filters."""
    for name, options in filters:
        stream = stream.filter(name, **options)
    return stream


def arguments(programs: Programs, stream: Any, *options: str) -> list[str]:
    """The argument list of a graph built with ffmpeg-python, with `options` before all else."""
    import ffmpeg

    built: list[str] = ffmpeg.get_args(stream)
    return [programs.ffmpeg, *_QUIET, *options, *built]


def probe(programs: Programs, path: Path, *entries: str) -> bytes:
    """What ffprobe says of a file and its format, in JSON. Raises DataError with its reason if it cannot read it."""
    command = [*_probing(programs, path), "-of", "json", *entries, "-show_format", local(path)]
    try:
        return run(command, f"{path}", limit_s=_PROBE_S)
    except DataError as error:
        if "not on whitelist" in error.message:
            raise _refused(path) from None
        raise


def _probing(programs: Programs, path: Path) -> list[str]:
    """How ffprobe is begun: it opens the file and no other one. A pattern of names (%03d) is a list, too."""
    formats = _SELF_CONTAINED.split() + ([] if "%" in path.name else ["image2"])
    limits = ["-protocol_whitelist", _PROTOCOLS, "-format_whitelist", ",".join(formats)]
    return [programs.ffprobe, "-v", "error", *limits]


def _refused(path: Path) -> DataError:
    """What to say of a file whose format is none that may be opened."""
    if "%" in path.name:
        words, hint = "its name means a series of files to ffmpeg", "give it a name without %"
        return DataError(f"{path}: {words}", hint=hint, code="a_list")
    with path.open("rb") as file:
        start = file.read(4096)
    for sign, what in _BEGINNINGS:
        if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(sign) or (sign.startswith(b"<") and sign in start):
            return DataError(f"{path}: no film, but {what}", hint="name the files themselves", code="a_list")
    return DataError(f"{path}: of a format that is not read here", hint="make it a .mp4 or .mkv", code="bad_media")


def stamps(programs: Programs, path: Path, index: int) -> Iterator[int]:
    """The presentation time stamps of a stream's packets in the order of the file, read as they come."""
    command = [*_probing(programs, path), "-select_streams", str(index)]
    command += ["-show_entries", "packet=pts", "-of", "csv=p=0", local(path)]
    with started(command, str(path), stderr=subprocess.DEVNULL) as process:
        for line in process.stdout or ():
            text = line.strip().rstrip(b",")
            if text.lstrip(b"-").isdigit():
                yield int(text)


def run(command: Sequence[str], what: str, data: bytes | None = None, limit_s: float | None = None) -> bytes:
    """Run a program to its end on `data` and return its standard output.

    Raises as `failure` says, and DataError if it has not ended after `limit_s` seconds.
    """
    with started(command, what, stdin=subprocess.DEVNULL if data is None else subprocess.PIPE) as process:
        try:
            output, problems = process.communicate(data, timeout=limit_s)
        except subprocess.TimeoutExpired:
            slow = f"{what}: {Path(command[0]).name} has not come to an end in {limit_s:g} s"
            raise DataError(slow, hint="is the file whole, and its disk there?", code="too_slow") from None
    check(problems, what, process.returncode)
    return output


@contextmanager
def started(command: Sequence[str], what: str, **pipes: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program; whatever happens in the block, it is over when the block is.

    Raises Unavailable if it cannot be started.
    """
    settings: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    try:
        process = subprocess.Popen(list(command), **(settings | pipes))
    except OSError as error:
        raise Unavailable(f"cannot start {Path(command[0]).name} for {what}: {error.strerror}") from None
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        process.wait()


def keep(problems: bytearray, line: bytes) -> None:
    """Keep a line of what a program complains about: the first ones, and each that tells of a file left unfinished."""
    if len(problems) < _KEPT_BYTES or _UNFINISHED.search(line):
        problems += line


def check(problems: bytes, what: str, code: int, into: object = None) -> None:
    """Raise as `failure` if a program has failed, or has not finished a file, by its exit code or its complaints."""
    if code or _UNFINISHED.search(problems):
        raise failure(problems, what, code, into)


def failure(problems: bytes, what: str, code: int = 1, into: object = None) -> RoadmapError:
    """One line about a program that failed, from its own words: no room is 73, anything else the data's fault (65).

    `what` was read, and `into` was written (by default the same).
    """
    if code == -signal.SIGXFSZ:
        return CannotCreate(f"cannot write {into or what}: file too large", code="cannot_write")
    if code < 0:
        return TryLater(f"{what}: ffmpeg was ended by {signal.Signals(-code).name}", code="ended")
    text = problems.decode(errors="replace")
    for sign in ("No space left on device", "Permission denied", "Read-only file system", "File too large"):
        if sign in text:
            return CannotCreate(f"cannot write {into or what}: {sign.lower()}", code="cannot_write")
    if _UNFINISHED.search(problems):
        return CannotCreate(f"cannot write {into or what}: it was not finished", code="cannot_write")
    return DataError(f"{what}: {reason(text)}", code="bad_media")


def reason(text: str) -> str:
    """The telling line among a program's complaints: the first, without its tag and the file's name."""
    lines = [_TAG.sub("", line).strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "ffmpeg failed without a word"
    line = lines[0]
    if line.startswith("file:"):
        line = line.rpartition(": ")[2]
    return line[:1].lower() + line[1:].rstrip(".")


class Drained:
    """A program whose output is read while a thread keeps what it complains about."""

    def __init__(self, process: subprocess.Popen[bytes], what: str, hear: Callable[[str], None] | None) -> None:
        self._process = process
        self._what = what
        self._hear = hear
        self._problems = bytearray()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def stdout(self) -> IO[bytes]:
        """What the program writes."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stdin(self) -> IO[bytes]:
        """What the program reads, if it was started with a pipe."""
        assert self._process.stdin is not None
        return self._process.stdin

    def finish(self) -> str:
        """Wait for the end and return its complaints. Raises as `failure` says if it failed."""
        self._process.wait()
        self._listener.join()
        check(bytes(self._problems), self._what, self._process.returncode)
        return self._problems.decode(errors="replace")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if self._hear:
                self._hear(line.decode(errors="replace"))
            keep(self._problems, line)


@contextmanager
def drained(
    command: Sequence[str], what: str, *, hear: Callable[[str], None] | None = None, **pipes: Any
) -> Iterator[Drained]:
    """Start a program whose standard output is read as it comes; `hear` gets each line of its standard error."""
    with started(command, what, **pipes) as process:
        yield Drained(process, what, hear)
