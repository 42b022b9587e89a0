"""Generated sound whose truth is known: speech at known times, music of known beats, noise, and mixes of them.

Speech is espeak-ng, word by word, so that each word's first and last sample are known. Music is MMA accompaniment
played by FluidSynth with the TimGM6mb sound font: `development` and `held out` share no groove, tempo or chord.
usage: make_sound_corpus.py FOLDER [--part development|held-out]      (apt-get install espeak-ng mma fluidsynth)
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

RATE = 48_000
PROGRAMS = ("espeak-ng", "mma", "fluidsynth")
#: groove, beats a minute, beats a bar.
GROOVES = {
    "development": [
        ("BasicRock", 96, 4), ("PopBallad", 72, 4), ("Swing", 140, 4), ("BossaNova", 126, 4), ("Waltz", 150, 3),
        ("Polka", 112, 4), ("Folk", 104, 4), ("Bluegrass", 118, 4), ("Samba", 100, 4), ("Trance", 132, 4),
        ("JazzWaltz", 160, 3), ("Rhumba", 110, 4), ("60sRock", 136, 4), ("Ballad", 76, 4), ("Beguine", 116, 4),
        ("Bolero", 84, 4), ("Blues", 90, 4), ("Bubblerock", 144, 4), ("Calypso", 114, 4), ("ChaCha", 122, 4),
        ("Charleston", 180, 4), ("CountryBlues", 94, 4), ("Dixie", 164, 4), ("EasySwing", 124, 4), ("FolkBallad", 80, 4),
        ("Foxtrot", 128, 4), ("GuitarBallad", 66, 4), ("Hillcountry", 106, 4), ("Hymn", 88, 4), ("Jive", 156, 4),
        ("LatinWaltz", 138, 3), ("Lullaby", 92, 3), ("ModernJazz", 172, 4), ("Rockballad", 70, 4),
        ("SlowBlues", 62, 4), ("Twist", 158, 4), ("VieneseWaltz", 174, 3), ("WesternSwing", 150, 4), ("Zydeco", 126, 4),
    ],
    "held-out": [
        ("50sRock", 148, 4), ("8Beat", 121, 4), ("CountrySwing", 168, 4), ("Mambo", 97, 4), ("FolkRock", 109, 4),
        ("SlowCountry", 78, 4), ("FrenchWaltz", 143, 3), ("March", 115, 4), ("SoftRock", 87, 4), ("Salsa", 92, 4),
        ("Merengue", 124, 4), ("CountryWaltz", 135, 3), ("Ska", 130, 4), ("Tango", 118, 4), ("Ragtime", 101, 4),
        ("PianoBallad", 69, 4),
    ],
}  # fmt: skip
CHORDS = {
    "development": ["C Am F G", "Dm G C C", "Em C G D", "A F#m D E"],
    "held-out": ["F Dm Bb C", "Gm Cm D7 Gm", "E C#m A B", "Bb Eb F7 Bb", "Am G F E"],
}
VOICES = {
    "development": ["en-us", "en-gb+f3", "de", "fr+f2"],
    "held-out": ["en-us+f4", "en-gb-scotland", "es", "it+m3"],
}
WORDS = {
    "en": "the river carried light across seven quiet fields and nobody asked who had opened this old door before night"
    " when captains whistle soft answers fall past stones while children count every train that stops here twice",
    "de": "der lange weg führt über sieben stille felder und niemand fragt wer die alte tür vor der nacht geöffnet hat",
    "fr": "la lumière passe sur sept champs tranquilles et personne ne demande qui ouvre cette vieille porte avant la nuit",
    "es": "la luz cruza siete campos tranquilos y nadie pregunta quién abrió esta vieja puerta antes de la noche",
    "it": "la luce attraversa sette campi tranquilli e nessuno chiede chi ha aperto questa vecchia porta prima di notte",
}


@dataclass
class Truth:
    """What a file holds, in seconds."""

    speech: list[tuple[float, float]] = field(default_factory=list)
    words: list[tuple[float, float]] = field(default_factory=list)
    music: list[tuple[float, float]] = field(default_factory=list)
    silence: list[tuple[float, float]] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    downbeats: list[float] = field(default_factory=list)
    tempo: float = 0.0
    parts: list[tuple[str, float, float]] = field(default_factory=list)


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def word(text: str, voice: str, speed: int) -> numpy.ndarray:
    """One spoken word, float32 at 48 kHz, from its first to its last audible sample."""
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text], capture_output=True, check=True
    ).stdout
    start = spoken.index(b"data") + 8
    sound = (
        numpy.frombuffer(spoken[start : len(spoken) - (len(spoken) - start) % 2], "<i2").astype(numpy.float32) / 32768
    )
    sound = resampled(sound, 22_050)
    # espeak-ng ends a word with a breath of its own at -50 dB, a fifth of a second later: that is no part of it.
    step = RATE // 200
    blocks = sound[: len(sound) // step * step].reshape(-1, step)
    power = numpy.sqrt((blocks**2).mean(axis=1))
    loud = numpy.flatnonzero(power > 0.015 * power.max())
    return sound[loud[0] * step : (loud[-1] + 1) * step]


def resampled(sound: numpy.ndarray, rate: int) -> numpy.ndarray:
    """To 48 kHz, by the spectrum."""
    count = round(len(sound) * RATE / rate)
    spectrum = numpy.fft.rfft(sound)
    wanted = numpy.zeros(count // 2 + 1, complex)
    wanted[: min(len(spectrum), len(wanted))] = spectrum[: len(wanted)]
    return (numpy.fft.irfft(wanted, count) * count / len(sound)).astype(numpy.float32)


class Speaker:
    """Speaks phrases of known words; each word is made once."""

    def __init__(self, voice: str, rng: numpy.random.Generator):
        self.voice, self.rng = voice, rng
        self.words = WORDS[voice[:2]].split()
        self.speed = int(rng.integers(140, 190))
        self._said: dict[str, numpy.ndarray] = {}

    def phrase(self) -> tuple[numpy.ndarray, list[tuple[int, int]]]:
        """Two to nine words with 0 to 130 ms between them: the sound and each word's first and last sample."""
        parts: list[numpy.ndarray] = []
        spans = []
        place = 0
        for number in range(int(self.rng.integers(2, 10))):
            if number:
                gap = int(self.rng.integers(0, int(0.13 * RATE)))
                parts.append(numpy.zeros(gap, numpy.float32))
                place += gap
            text = str(self.rng.choice(self.words))
            if text not in self._said:
                self._said[text] = word(text, self.voice, self.speed)
            parts.append(self._said[text])
            spans.append((place, place + len(self._said[text])))
            place += len(self._said[text])
        return numpy.concatenate(parts), spans


def played(groove: str, tempo: int, chords: str, bars: int) -> numpy.ndarray:
    """An accompaniment, float32 [2, n] at 48 kHz; beat k is at k * 60 / tempo seconds."""
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.mma"
        names = chords.split()
        lines = [f"{number + 1} {names[number % len(names)]}" for number in range(bars)]
        song.write_text(f"Tempo {tempo}\nGroove {groove}\n" + "\n".join(lines) + "\n")
        made = subprocess.run(["mma", str(song)], capture_output=True, text=True, check=False)
        if made.returncode:
            raise SystemExit(f"mma {groove}: {made.stdout[-300:]}")
        fonts = sorted(Path("/usr/share/sounds/sf2").glob("*.sf2"))
        subprocess.run(
            ["fluidsynth", "-ni", "-q", "-r", str(RATE), "-g", "0.6", "-F", f"{folder}/song.wav", "-O", "s16",
             str(fonts[0]), f"{folder}/song.mid"],
            capture_output=True, check=True,
        )  # fmt: skip
        with wave.open(f"{folder}/song.wav") as file:
            data = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).T
    sound = data.astype(numpy.float32) / 32768
    return sound * (0.35 / max(1e-6, float(numpy.abs(sound).max())))


def noise(sort: str, count: int, rng: numpy.random.Generator) -> numpy.ndarray:
    """Ambient sound of a sort, RMS 0.02."""
    white = rng.standard_normal(count)
    spectrum = numpy.fft.rfft(white)
    hertz = numpy.fft.rfftfreq(count, 1 / RATE) + 1
    shapes = {
        "room": hertz**-0.6, "wind": 1 / (1 + (hertz / 200) ** 2), "rain": hertz / (hertz + 3000),
        "traffic": 1 / (1 + (hertz / 500) ** 1.2),
    }  # fmt: skip
    sound = numpy.fft.irfft(spectrum * shapes[sort], count)
    if sort in {"wind", "traffic"}:
        slow = numpy.interp(
            numpy.arange(count),
            numpy.arange(0, count + RATE, RATE),
            rng.uniform(0.3, 1, count // RATE + 2)[: len(numpy.arange(0, count + RATE, RATE))],
        )
        sound *= slow
    return (0.02 * sound / numpy.sqrt(numpy.mean(sound**2))).astype(numpy.float32)


def mix(part: str, seed: int) -> tuple[numpy.ndarray, Truth]:
    """A minute or so: speech alone, in noise and over music, music alone, noise, silence. float32 [2, n]."""
    rng = numpy.random.default_rng([seed, part == "held-out"])
    speaker = Speaker(VOICES[part][seed % len(VOICES[part])], rng)
    groove, tempo, bar = GROOVES[part][seed % 12]
    song = played(groove, tempo, CHORDS[part][seed % len(CHORDS[part])], 24 * 4 // bar)
    truth = Truth()
    pieces: list[numpy.ndarray] = []
    at = 0
    order = [
        "speech",
        "speech+noise",
        "music",
        "noise",
        "silence",
        "speech+music",
        "music",
        "speech+loud noise",
        "noise",
    ]
    rng.shuffle(order)
    song_at = 0
    for sort in order:
        seconds = rng.uniform(5, 10)
        count = int(seconds * RATE)
        piece = numpy.zeros((2, count), numpy.float32)
        piece += rng.standard_normal((2, count)).astype(numpy.float32) * (0 if sort == "silence" else 2e-4)
        if sort.startswith("speech"):
            place = int(rng.uniform(0.3, 0.8) * RATE)
            pause = 0
            while True:
                phrase, words = speaker.phrase()
                if place + len(phrase) > count - RATE // 4:
                    break
                if sort == "speech" and place - pause >= 0.3 * RATE:
                    truth.silence.append(((at + pause) / RATE, (at + place) / RATE))
                piece[:, place : place + len(phrase)] += phrase * 0.5
                truth.speech.append(((at + place) / RATE, (at + place + len(phrase)) / RATE))
                truth.words += [((at + place + a) / RATE, (at + place + b) / RATE) for a, b in words]
                pause = place + len(phrase)
                place += len(phrase) + int(rng.uniform(0.4, 1.5) * RATE)
            if sort == "speech" and count - pause >= 0.3 * RATE:
                truth.silence.append(((at + pause) / RATE, (at + count) / RATE))
        truth.parts.append((sort, at / RATE, (at + count) / RATE))
        spoken = float(numpy.sqrt(numpy.mean(piece**2))) or 0.05
        if "noise" in sort:
            sound = noise(str(rng.choice(["room", "wind", "rain", "traffic"])), count, rng)
            decibels = {"noise": 0.0, "speech+noise": -18.0, "speech+loud noise": -9.0}[sort]
            level = 0.03 if sort == "noise" else spoken * 10 ** (decibels / 20)
            piece += sound / 0.02 * level
        if "music" in sort:
            if song_at + count > song.shape[1]:
                song_at = 0
            sound = song[:, song_at : song_at + count].copy()
            song_at += count
            fade = RATE // 20
            sound[:, :fade] *= numpy.linspace(0, 1, fade)
            sound[:, -fade:] *= numpy.linspace(1, 0, fade)
            if sort == "speech+music":
                sound *= spoken * 10 ** (-12 / 20) / max(1e-6, float(numpy.sqrt(numpy.mean(sound**2))))
            piece[:, : sound.shape[1]] += sound
            truth.music.append((at / RATE, (at + count) / RATE))
        if sort == "silence":
            truth.silence.append((at / RATE, (at + count) / RATE))
        pieces.append(piece)
        at += count
    return numpy.concatenate(pieces, axis=1), truth


def music(part: str, number: int, bars: int = 16) -> tuple[numpy.ndarray, Truth]:
    """A piece of music and its beats."""
    groove, tempo, bar = GROOVES[part][number]
    sound = played(groove, tempo, CHORDS[part][number % len(CHORDS[part])], bars)
    step = 60 / tempo
    beats = [beat * step for beat in range(bars * bar)]
    return sound, Truth(beats=beats, downbeats=beats[::bar], tempo=float(tempo))


def clicks(tempo: float, seconds: float = 20.0, *, drums: bool = False, seed: int = 0) -> tuple[numpy.ndarray, Truth]:
    """A click track, or a drum pattern of kick, snare and hat in four."""
    rng = numpy.random.default_rng(seed)
    count = int(seconds * RATE)
    sound = rng.standard_normal(count).astype(numpy.float32) * 1e-4
    beats = numpy.arange(0.3, seconds - 0.2, 60 / tempo)
    time = numpy.arange(int(0.15 * RATE)) / RATE
    kick = numpy.sin(2 * numpy.pi * (50 * time + 8 * (1 - numpy.exp(-30 * time)))) * numpy.exp(-25 * time)
    snare = rng.standard_normal(len(time)) * numpy.exp(-30 * time) * 0.5
    hat = rng.standard_normal(len(time)) * numpy.exp(-90 * time) * 0.15
    click = numpy.sin(2 * numpy.pi * 2000 * time) * numpy.exp(-120 * time)
    for number, beat in enumerate(beats):
        hits = [(beat, click)]
        if drums:
            hits = [(beat, kick if number % 4 in {0, 2} else snare), (beat, hat), (beat + 30 / tempo, hat)]
            if number % 4 == 0:
                hits.append((beat, kick))
        for at, hit in hits:
            place = int(at * RATE)
            length = min(len(hit), count - place)
            sound[place : place + length] += 0.4 * hit[:length].astype(numpy.float32)
    return sound[None], Truth(beats=beats.tolist(), downbeats=beats[::4].tolist(), tempo=tempo)


def write(path: Path, sound: numpy.ndarray) -> None:
    """A 16-bit WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(sound))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((numpy.clip(sound.T, -1, 1) * 32767).astype("<i2").tobytes())


def make(folder: Path, part: str) -> list[Path]:
    """A part of the corpus in a folder: WAV files, each with its truth beside it. What is there is left."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs: list[tuple[str, Any]] = [(f"mix-{seed:02}", lambda seed=seed: mix(part, seed)) for seed in range(12)]
    jobs += [(f"music-{n:02}-{GROOVES[part][n][0]}", lambda n=n: music(part, n)) for n in range(len(GROOVES[part]))]
    tempi: Sequence[float] = (
        (60, 84, 97, 120, 133.3, 150, 176) if part == "development" else (66, 78, 91.5, 110, 128, 141, 165)
    )
    for tempo in tempi:
        jobs.append((f"click-{tempo}", lambda tempo=tempo: clicks(tempo)))
        jobs.append((f"drums-{tempo}", lambda tempo=tempo: clicks(tempo, drums=True, seed=int(tempo))))
    made = []
    for name, job in jobs:
        path = folder / f"{name}.wav"
        made.append(path)
        if path.exists() and path.with_suffix(".json").exists():
            continue
        sound, truth = job()
        write(path, sound)
        path.with_suffix(".json").write_text(json.dumps(truth.__dict__))
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", choices=("development", "held-out"), default="development")
    options = parser.parse_args()
    if missing():
        raise SystemExit(f"not installed: {', '.join(missing())}")
    print(*make(options.folder, options.part), sep="\n")
