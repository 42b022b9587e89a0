"""How well a scan hears: speech edges, music, beats, loudness, and what it costs.

    PYTHONPATH=src:tools .venv/bin/python tools/bench/edl_hearing.py corpus development|held-out [--signal]
    … edl_hearing.py loudness      the meter against ffmpeg's ebur128
    … edl_hearing.py cost FILE     CPU of signals and models against `ffmpeg -f null`, for one file, in ms a second
    … edl_hearing.py reading       a real reading: phrases against the words a speech model hears in it

The corpus is made by tools/make_sound_corpus.py in --work (default: a folder under the temporary directory). Numbers of
the scan were chosen on `development`; `held-out` has other voices, languages, grooves, tempi and chords. `--signal`
leaves the models out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy

import make_sound_corpus as corpus
from roadmap_cli.edl import probe, programs
from roadmap_cli.edl.hearing import ears, listening, meter, rhythm, speech
from roadmap_cli.edl.hearing import heard as hearing

NEAR_S = 0.07


def heard_of(path: Path, chosen: ears.Ears) -> hearing.Heard:
    found = programs.find(os.environ["PATH"])
    media = probe.examine(found, path, "0" * 64)
    heard = listening.listen(found, media, chosen)
    assert heard is not None
    return heard


def matches(found: Sequence[float], truth: Sequence[float], near: float = NEAR_S) -> float:
    """F-measure of times, each matched once."""
    left = list(truth)
    hits = 0
    for time in found:
        best = min(left, key=lambda value: abs(value - time), default=None)
        if best is not None and abs(best - time) <= near:
            left.remove(best)
            hits += 1
    return 2 * hits / max(1, len(found) + len(truth))


def marked(spans: Iterable[tuple[float, float]], count: int) -> numpy.ndarray:
    """Which of the 10 ms places lie in spans (seconds)."""
    line = numpy.zeros(count, bool)
    for start, end in spans:
        line[int(start * 100) : int(end * 100)] = True
    return line


def f1(found: numpy.ndarray, truth: numpy.ndarray) -> tuple[float, float]:
    both = float((found & truth).sum())
    return both / max(1.0, float(found.sum())), both / max(1.0, float(truth.sum()))


def measure(part: str, work: Path, chosen: ears.Ears) -> dict[str, Any]:
    """All figures on a part of the corpus."""
    files = corpus.make(work / part, part)
    totals = {sort: numpy.zeros(3) for sort in ("speech", "music", "silence")}
    starts: list[float] = []
    ends: list[float] = []
    inside = edges = 0
    worst = 0.0
    beats: dict[str, list[float]] = {"click": [], "drums": [], "music": []}
    down: dict[str, list[float]] = {"drums": [], "music": []}
    tempo: dict[str, list[float]] = {"click": [], "drums": [], "music": []}
    told: list[str] = []
    for path in files:
        truth = json.loads(path.with_suffix(".json").read_text())
        heard = heard_of(path, chosen)
        spans = {sort: [(s.start_ms / 1000, s.end_ms / 1000) for s in heard.spans if s.sort == sort] for sort in totals}
        if path.name.startswith("mix"):
            count = heard.length_ms // 10
            for sort, sums in totals.items():
                got, want = marked(spans[sort], count), marked(truth[sort], count)
                sums += [float((got & want).sum()), float(got.sum()), float(want.sum())]
            words = truth["words"]
            for start, end in spans["speech"]:
                for edge in (start, end):
                    edges += 1
                    cut = [min(edge - a, b - edge) for a, b in words if a + 0.005 < edge < b - 0.005]
                    inside += bool(cut)
                    worst = max([worst, *cut])
            phrases = merged(truth["speech"])
            starts += nearest([s for s, _ in phrases], [s for s, _ in spans["speech"]])
            ends += nearest([e for _, e in phrases], [e for _, e in spans["speech"]])
        else:
            sort = path.name.split("-")[0]
            follow = max(heard.rhythms, key=lambda r: len(r.beats_ms), default=None)
            if follow is None:
                flux = numpy.frombuffer(heard.spectra.flux, numpy.float32)
                low = numpy.frombuffer(heard.spectra.low_flux, numpy.float32)
                follow = rhythm.follow(flux, low, heard.spectra.notes, 0, heard.length_ms)
            found = [beat / 1000 for beat in follow.beats_ms] if follow else []
            last = truth["beats"][-1]
            beats[sort].append(matches([b for b in found if b < last + 0.1], truth["beats"]))
            if sort in down:
                bars = [b / 1000 for b in follow.downbeats_ms] if follow else []
                down[sort].append(matches([b for b in bars if b < last + 0.1], truth["downbeats"]))
            off = (follow.tempo / truth["tempo"]) if follow else 0.0
            tempo[sort].append(off)
            told.append(
                f"{path.stem}: tempo {follow.tempo if follow else 0} of {truth['tempo']}, F {beats[sort][-1]:.2f}"
                + (f", downbeats {down[sort][-1]:.2f}" if sort in down else "")
            )
    result: dict[str, Any] = {"part": part, "models": list(chosen.names)}
    for sort, (both, got, want) in totals.items():
        result[f"{sort}_f1"] = round(2 * both / max(1.0, got + want), 3)
        result[f"{sort}_precision"], result[f"{sort}_recall"] = (
            round(both / max(1, got), 3),
            round(both / max(1, want), 3),
        )
    for name, values in (("start", starts), ("end", ends)):
        kept = [value for value in values if abs(value) <= 1.0]
        result[f"speech_{name}_ms"] = {
            "median": round(statistics.median(kept) * 1000), "p90_absolute": round(float(numpy.percentile(numpy.abs(kept), 90)) * 1000),
            "found_within_1_s": round(len(kept) / len(values), 3),
        }  # fmt: skip
    result["edges_inside_a_word"] = {
        "share": round(inside / max(1, edges), 4),
        "of": edges,
        "deepest_ms": round(worst * 1000),
    }
    for sort, values in beats.items():
        result[f"beat_f_{sort}"] = round(statistics.mean(values), 3)
        result[f"tempo_within_4_percent_{sort}"] = round(statistics.mean(abs(v - 1) <= 0.04 for v in tempo[sort]), 3)
        result[f"tempo_or_octave_{sort}"] = round(
            statistics.mean(
                min(abs(v / x - 1) for x in (1 / 3, 0.5, 2 / 3, 1, 1.5, 2, 3)) <= 0.04 for v in tempo[sort]
            ),
            3,
        )
    for sort, values in down.items():
        result[f"downbeat_f_{sort}"] = round(statistics.mean(values), 3)
    result["each"] = told
    return result


def merged(phrases: Sequence[Sequence[float]], pause: float = speech.PAUSE_MS / 1000) -> list[tuple[float, float]]:
    """Phrases that a pause parts, as the scan defines them."""
    found: list[list[float]] = []
    for start, end in phrases:
        if found and start - found[-1][1] < pause:
            found[-1][1] = end
        else:
            found.append([start, end])
    return [(start, end) for start, end in found]


def nearest(truth: Sequence[float], found: Sequence[float]) -> list[float]:
    """For each true time how far off the nearest found one is (found minus true)."""
    return [min((f - t for f in found), key=abs, default=9.0) for t in truth]


def loudness() -> dict[str, Any]:
    """The meter and ffmpeg's ebur128 on the same sound."""
    rng = numpy.random.default_rng(5)
    time = numpy.arange(20 * 48_000) / 48_000
    sine = lambda hertz, amplitude: amplitude * numpy.sin(2 * numpy.pi * hertz * time)  # noqa: E731
    cases = {
        "sine 997 Hz": numpy.stack([sine(997, 0.1)] * 2), "sine 40 Hz": numpy.stack([sine(40, 0.5)] * 2),
        "noise": rng.standard_normal((2, len(time))) * 0.05, "mono": sine(440, 0.2)[None],
        "bursts": numpy.stack([sine(300, 0.3) * (time % 3 < 0.5)] * 2),
        "quarter rate peaks": numpy.stack([0.7 * numpy.sin(numpy.pi / 2 * numpy.arange(len(time)) + numpy.pi / 4)] * 2),
        "5.1": rng.standard_normal((6, len(time))) * 0.03,
    }  # fmt: skip
    worst = {"integrated": 0.0, "moment": 0.0, "short": 0.0, "range": 0.0, "true_peak": 0.0}
    for name, sound in cases.items():
        channels = len(sound)
        data = sound.T.astype("<f4")
        command = ["ffmpeg", "-hide_banner", "-nostdin", "-f", "f32le", "-ar", "48000", "-ac", str(channels)]
        if channels == 6:
            command += ["-channel_layout", "5.1"]
        command += ["-i", "pipe:0", "-af", "ebur128=peak=true", "-f", "null", "-"]
        log = subprocess.run(command, input=data.tobytes(), capture_output=True, check=True).stderr.decode()
        end = log[log.rindex("Summary") :]
        value = lambda label: float(re.search(label + r":\s+(-?[\d.]+)", end)[1])  # noqa: E731, B023
        moments = [float(m) for m in re.findall(r"\bM:\s*(-?[\d.]+)", log)]
        shorts = [float(m) for m in re.findall(r"\bS:\s*(-?[\d.]+)", log)]
        read = meter.loudness(data.T)
        off = {
            "integrated": read.integrated_lufs - value("I"), "range": read.range_lu - value("LRA"),
            "moment": read.highest_moment_lufs - max(moments), "short": read.highest_short_lufs - max(shorts),
            "true_peak": read.true_peak_db - value("Peak"),
        }  # fmt: skip
        print(f"{name}: {read}  off { ({k: round(v, 2) for k, v in off.items()}) }")
        for key, wide in off.items():
            worst[key] = max(worst[key], abs(round(wide, 2)))
    return worst


def cpu(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(list(command), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cost(path: Path) -> dict[str, Any]:
    """CPU in ms for a second of sound, this process and ffmpeg's together."""
    chosen = ears.find(os.environ, words=False)
    found = programs.find(os.environ["PATH"])
    media = probe.examine(found, path, "0" * 64)

    def own(which: ears.Ears) -> tuple[float, listening.Heard]:
        before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        heard = listening.listen(found, media, which)
        after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        assert heard is not None
        return sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True)), heard

    own(chosen)
    sound = cpu(["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-vn", "-f", "null", "-"])
    signals, heard = min((own(ears.Ears()) for _ in range(3)), key=lambda pair: pair[0])
    whole, _ = min((own(chosen) for _ in range(3)), key=lambda pair: pair[0])
    seconds = heard.length_ms / 1000
    result: dict[str, Any] = {"seconds": seconds, "ms_a_second": {
        "decode of the sound": round(sound / seconds * 1000, 2), "signals with decode": round(signals / seconds * 1000, 2),
        "models": round((whole - signals) / seconds * 1000, 2),
    }, "hour_of_sound_cpu_s": {"signals": round(signals / seconds * 3600, 1), "models": round((whole - signals) / seconds * 3600, 1)}}  # fmt: skip
    if media.has_picture:
        picture = cpu(["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-an", "-f", "null", "-"])
        result["ms_a_second"]["decode of the picture"] = round(picture / seconds * 1000, 2)
        result["signals beyond decode, share of the decode of both"] = round((signals - sound) / (picture + sound), 4)
        result["models, share of the decode of both"] = round((whole - signals) / (picture + sound), 4)
    return result


def reading(work: Path) -> dict[str, Any]:
    """Phrases of a real reading against the words a speech model hears there (their times are good to 50 ms or so)."""
    place = work / "two_cities.wav"
    if not place.exists():
        work.mkdir(parents=True, exist_ok=True)
        subprocess.run(["pip", "download", "--no-deps", "-q", "-d", str(work), "moonshine-voice==0.1.5"], check=True)
        with zipfile.ZipFile(next(work.glob("moonshine_voice*.whl"))) as wheel:
            place.write_bytes(wheel.read("moonshine_voice/assets/two_cities.wav"))
    from roadmap_cli.edl.hearing.heard import Word
    from roadmap_cli.models import speech_text

    # The words are heard in plain windows of 22 s, knowing nothing of the phrases.
    heard = heard_of(place, ears.find(os.environ, words=False))
    weights = speech_text.installed(os.environ)
    assert weights is not None, "slm-models pull whisper-base; pip install ctranslate2"
    data = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(place), "-ac", "1", "-ar", "16000", "-f", "f32le", "-"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    sound = numpy.frombuffer(data, numpy.float32)
    model = speech_text.Transcriber(weights)
    before = resource.getrusage(resource.RUSAGE_SELF)
    said = []
    for start in range(0, len(sound), 22 * 16_000):
        for word in model.hear(sound[start : start + 22 * 16_000]):
            at = start / 16
            said.append(
                Word(word.text, round(at + word.start_s * 1000), round(at + word.end_s * 1000), word.confidence)
            )
    after = resource.getrusage(resource.RUSAGE_SELF)
    spans = [span for span in heard.spans if span.sort == "speech"]
    inside = [
        (edge, word.text) for span in spans for edge in (span.start_ms, span.end_ms) for word in said
        if word.start_ms + 60 < edge < word.end_ms - 60
    ]  # fmt: skip
    covered = sum(any(s.start_ms - 60 <= w.start_ms and w.end_ms <= s.end_ms + 60 for s in spans) for w in said)
    return {
        "seconds": heard.length_ms / 1000, "phrases": len(spans), "words": len(said), "words_inside_phrases": covered,
        "edges_deep_inside_a_word": inside, "text": " ".join(word.text for word in said)[:300],
        "words_cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("corpus", "loudness", "cost", "reading"))
    parser.add_argument("which", nargs="?", default="development")
    parser.add_argument("--signal", action="store_true")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "edl-hearing")
    options = parser.parse_args()
    if options.what == "corpus":
        chosen = ears.Ears() if options.signal else ears.find(os.environ, words=False)
        told = measure(options.which, options.work, chosen)
    elif options.what == "loudness":
        told = loudness()
    elif options.what == "cost":
        told = cost(Path(options.which))
    else:
        told = reading(options.work)
    print(json.dumps({"kind": "bench.figure", "name": f"edl_hearing.{options.what}"} | told))
