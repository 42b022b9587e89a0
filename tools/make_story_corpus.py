"""Films whose scenes and story beats are known: made places, set-ups that come back, speech, music, and scripted energy.

usage: tools/make_story_corpus.py FOLDER [--films N] [--from SEED] [--step N]

Each film tells a setup, one to three turns, a peak and a resolution, each of one or more scenes. A scene is a place
(a made one, or a piece of a picture of examples/*.mp4, graded by the seed) seen from two to four set-ups that come back,
with a sound of its own (often, but not always, another than the scene's before it). The script gives each beat an
energy, which sets how long shots last, how fast the camera and figures move, how loud and how dense the music is, and
how much is spoken (by espeak-ng). None of these follows it exactly: each is varied by chance.

Even seeds are for development: thresholds are chosen on them. Odd seeds are for reports.
Beside each film N.mp4 lies N.json: first frames of scenes, frames of shots, and beats with role and frames.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import wave
from pathlib import Path
from typing import Any

import cv2
import numpy

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT, FPS, RATE = 320, 180, 25, 16_000
SENTENCES = (
    "I did not think that you would come.", "The train leaves at seven, and nobody waits.", "Look at the river.",
    "We have been here before, you know.", "Nobody told me about the letter.", "It is colder than yesterday.",
    "Where did you put the keys?", "She said that it was finished.", "Then we should go now.", "Listen to me.",
    "There is something in the garden.", "I remember the house quite well.", "That cannot be true.", "Please wait here.",
)  # fmt: skip


class Maker:
    """Makes one film by its seed."""

    def __init__(self, seed: int, photographs: list[Any]) -> None:
        self.draw = random.Random(seed)
        self.numbers = numpy.random.default_rng(seed)
        self.photographs = photographs
        self.frame = 0
        self.shots: list[tuple[int, int]] = []
        self.scenes: list[int] = []
        self.sound: list[Any] = []
        self.ambience = self._ambience()
        self.phase = 0.0

    def script(self) -> list[tuple[str, float, int]]:
        """Beats in order: role, energy, number of scenes."""
        draw = self.draw
        low = draw.uniform(0.1, 0.3)
        beats = [("setup", low, draw.randint(1, 3))]
        energy = low
        for _ in range(draw.choice([1, 1, 2, 2, 3])):
            energy = draw.uniform(0.45, 0.65) if energy < 0.4 else draw.uniform(0.15, 0.35)
            beats.append(("turn", energy, draw.randint(1, 2)))
        beats.append(("peak", draw.uniform(0.85, 1.0), draw.randint(1, 2)))
        beats.append(("resolution", draw.uniform(0.05, 0.4), draw.randint(1, 2)))
        return beats

    def make(self, folder: Path, seed: int) -> None:
        told = []
        with tempfile.TemporaryDirectory() as scratch:
            picture = Path(scratch) / "picture.mp4"
            command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s",
                       f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-", "-c:v", "libx264", "-preset", "ultrafast",
                       "-crf", "20", "-pix_fmt", "yuv420p", str(picture)]  # fmt: skip
            with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
                assert encoder.stdin
                for role, energy, scenes in self.script():
                    start = self.frame
                    for _ in range(scenes):
                        for rgb in self.scene(energy, Path(scratch)):
                            encoder.stdin.write(rgb.tobytes())
                    told.append({"role": role, "energy": round(energy, 3), "in_frame": start, "out_frame": self.frame})
            sound = Path(scratch) / "sound.wav"
            self._write(sound)
            subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(picture), "-i", str(sound), "-c:v",
                            "copy", "-c:a", "aac", "-b:a", "96k", str(folder / f"{seed}.mp4")], check=True)  # fmt: skip
        truth = {"fps": f"{FPS}/1", "frames": self.frame, "scenes": self.scenes, "shots": self.shots, "beats": told}
        (folder / f"{seed}.json").write_text(json.dumps(truth))

    def scene(self, energy: float, scratch: Path) -> Any:
        """The pictures of a scene of eight to twenty-two seconds; its sound is kept for later."""
        draw = self.draw
        self.scenes.append(self.frame)
        length = round(draw.uniform(8, 22) * FPS)
        if draw.random() < 0.7:
            self.ambience = self._ambience()
        sides = [self._place() for _ in range(draw.choice([1, 1, 2]))]
        setups = []
        for number in range(draw.randint(2, 4)):
            side = sides[number % len(sides)]
            scale = draw.choice([1.0, 0.7, 0.45])
            width, height = round(WIDTH * 2 * scale), round(HEIGHT * 2 * scale)
            setups.append((
                side, draw.randrange(side.shape[1] - width), draw.randrange(side.shape[0] - height), width, height,
                self._figure() if draw.random() < 0.7 else None,
            ))  # fmt: skip
        usual = 5.5 * (1 - energy) + 0.9 * energy
        left, before = length, -1
        while left > 0:
            frames = max(12, round(draw.lognormvariate(0, 0.35) * usual * FPS))
            if left - frames < 18:
                frames = left
            choice = draw.choice([n for n in range(len(setups)) if n != before] or [0])
            before = choice
            self.shots.append((self.frame, self.frame + frames))
            yield from self._shot(setups[choice], frames, energy)
            self.frame += frames
            left -= frames
        self.sound.append(self._sound(length, energy, scratch))

    def _shot(self, setup: Any, frames: int, energy: float) -> Any:
        side, x, y, width, height, figure = setup
        draw = self.draw
        speed = draw.uniform(0.5, 1.5) * (0.3 + 5 * energy)
        angle = draw.uniform(0, 2 * numpy.pi)
        shake = 3.0 * energy * draw.uniform(0.5, 1.5)
        grain = self.numbers.normal(0, 3, (8, HEIGHT, WIDTH, 1)).astype(numpy.float32)
        for n in range(frames):
            swing = speed * 12 * numpy.sin(n / 12)
            left = x + swing * numpy.cos(angle) + self.numbers.normal(0, shake)
            top = y + swing * numpy.sin(angle) * 0.5 + self.numbers.normal(0, shake)
            left = min(max(0.0, left), side.shape[1] - width - 1.0)
            top = min(max(0.0, top), side.shape[0] - height - 1.0)
            scale = WIDTH / width
            matrix = numpy.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
            rgb = cv2.warpAffine(side, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR).astype(numpy.float32)
            if figure is not None:
                self._draw(rgb, figure, n, energy, scale)
            yield numpy.clip(rgb + grain[n % 8], 0, 255).astype(numpy.uint8)

    def _draw(self, rgb: Any, figure: Any, n: int, energy: float, scale: float) -> None:
        colour, skin, place = figure
        size = 40 * scale
        x = place * WIDTH + 25 * (0.2 + energy) * numpy.sin(n * (0.08 + 0.25 * energy))
        y = HEIGHT * 0.55
        cv2.ellipse(rgb, (int(x), int(y + 1.9 * size)), (int(size * 0.9), int(size * 1.3)), 0, 0, 360, colour, -1)
        cv2.ellipse(rgb, (int(x), int(y)), (int(size * 0.42), int(size * 0.55)), 0, 0, 360, skin, -1)

    def _figure(self) -> Any:
        skin = self.draw.choice([(222, 180, 150), (150, 105, 80), (240, 205, 180), (95, 65, 50)])
        return tuple(self.draw.randrange(256) for _ in range(3)), skin, self.draw.uniform(0.25, 0.75)

    def _place(self) -> Any:
        """A picture 1280 wide and 720 high, float32."""
        draw = self.draw
        if self.photographs and draw.random() < 0.5:
            whole = draw.choice(self.photographs)
            height, width = whole.shape[:2]
            part = draw.uniform(0.6, 1.0)
            top, left = (draw.randrange(max(1, round(side * (1 - part)))) for side in (height, width))
            piece = whole[top : top + round(height * part), left : left + round(width * part)]
            piece = cv2.resize(piece, (1280, 720), interpolation=cv2.INTER_CUBIC).astype(numpy.float32)
            piece = piece[:, ::-1] if draw.random() < 0.5 else piece
            return numpy.clip(piece * [draw.uniform(0.6, 1.2) for _ in range(3)], 0, 255).astype(numpy.float32)
        colours = self.numbers.uniform(20, 235, (4, 3))
        field = sum(
            cv2.resize(self.numbers.normal(0, 1, (size, size * 2)), (1280, 720), interpolation=cv2.INTER_CUBIC)
            / (n + 1)
            for n, size in enumerate((3, 6, 12, 48))
        )
        share = ((field - field.min()) / (field.max() - field.min()))[:, :, None]
        picture = (colours[0] * share + colours[1] * (1 - share)).astype(numpy.float32)
        floor = draw.randrange(380, 600)
        picture[floor:] = picture[floor:] * 0.4 + colours[2] * 0.6
        for _ in range(draw.randint(8, 24)):
            colour = [float(value) for value in self.numbers.uniform(0, 255, 3)]
            x, y = draw.randrange(1280), draw.randrange(720)
            across, down = draw.randrange(20, 220), draw.randrange(20, 220)
            if draw.random() < 0.6:
                cv2.rectangle(picture, (x, y), (x + across, y + down), colour, -1 if draw.random() < 0.7 else 6)
            else:
                cv2.ellipse(picture, (x, y), (across // 2, down // 2), draw.randrange(180), 0, 360, colour, -1)
        return cv2.GaussianBlur(picture, (0, 0), 1.2)

    def _ambience(self) -> tuple[float, float, float]:
        """Level, colour (0 bright to 1 dull), and hum of a place's sound."""
        return 10 ** (self.draw.uniform(-58, -34) / 20), self.draw.uniform(0, 0.97), self.draw.choice([0, 0, 60, 120])

    def _sound(self, frames: int, energy: float, scratch: Path) -> Any:
        draw = self.draw
        count = frames * RATE // FPS
        level, dull, hum = self.ambience
        noise = self.numbers.normal(0, 1, count)
        spectrum = numpy.fft.rfft(noise) / (1 + (numpy.arange(count // 2 + 1) / count * RATE / 300) ** 2) ** (dull / 1)
        noise = numpy.fft.irfft(spectrum, count)
        sound = level * noise / max(1e-9, float(noise.std()))
        times = (numpy.arange(count) + self.phase) / RATE
        if hum:
            sound += level * numpy.sin(2 * numpy.pi * hum * times)
        if draw.random() < 0.25 + energy:
            sound += self._music(times, energy)
        if draw.random() < 0.9 - 0.6 * energy:
            self._speech(sound, energy, scratch)
        self.phase += count
        return sound

    def _music(self, times: Any, energy: float) -> Any:
        """Chords and a drum: louder and denser with energy."""
        draw = self.draw
        root = 110 * 2 ** (draw.randrange(12) / 12)
        beat = 60 / (70 + 80 * energy * draw.uniform(0.8, 1.2))
        gain = 10 ** ((-34 + 20 * energy * draw.uniform(0.8, 1.2)) / 20)
        chord = sum(numpy.sin(2 * numpy.pi * root * ratio * times) for ratio in (1, 1.25, 1.5, 2)) / 4
        since = times % (beat if energy > 0.4 else 2 * beat)
        drum = numpy.exp(-since * 18) * numpy.sin(2 * numpy.pi * 70 * since) * (0.4 + 2 * energy)
        hat = (times % (beat / 2 if energy > 0.7 else beat) < 0.03) * self.numbers.normal(0, 0.4 * energy, len(times))
        return gain * (chord + drum + hat)

    def _speech(self, sound: Any, energy: float, scratch: Path) -> None:
        """Sentences with pauses between them; louder and closer with energy."""
        draw, place = self.draw, round(0.5 * RATE)
        voice = draw.choice(["en-us+m3", "en-gb+f2", "en-us+f4", "en-gb+m1"])
        gain = 0.12 * (1 + energy)
        while place < len(sound) - RATE:
            path = scratch / "speech.wav"
            words = ["espeak-ng", "-v", voice, "-s", str(round(140 + 60 * energy)), "-w", str(path)]
            subprocess.run([*words, draw.choice(SENTENCES)], check=True)
            with wave.open(str(path)) as file:
                spoken = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16) / 32768
                spoken = numpy.interp(
                    numpy.arange(0, len(spoken), file.getframerate() / RATE), numpy.arange(len(spoken)), spoken
                )
            spoken = spoken[: len(sound) - place]
            sound[place : place + len(spoken)] += gain * spoken
            place += len(spoken) + round(draw.uniform(0.3, 2.5 - 1.5 * energy) * RATE)

    def _write(self, path: Path) -> None:
        sound = numpy.concatenate(self.sound)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes((numpy.clip(sound, -0.99, 0.99) * 32767).astype(numpy.int16).tobytes())


def photographs() -> list[Any]:
    """A picture of each shot of the example clips."""
    found = []
    for name, numbers in (("bikes", (15, 50, 120, 160, 210)), ("bigbuckbunny", (10, 120))):
        for number in numbers:
            command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(ROOT / "examples" / f"{name}.mp4"), "-vf",
                       f"select=eq(n\\,{number}),scale=1280:720", "-frames:v", "1", "-pix_fmt", "rgb24", "-f",
                       "rawvideo", "-"]  # fmt: skip
            data = subprocess.run(command, check=True, capture_output=True).stdout
            found.append(numpy.frombuffer(data, numpy.uint8).reshape(720, 1280, 3))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--step", type=int, default=1, help="2: every other seed, so that all are even or odd")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    pictures = photographs()
    for seed in range(given.first, given.first + given.films * given.step, given.step):
        Maker(seed, pictures).make(given.folder, seed)


if __name__ == "__main__":
    main()
