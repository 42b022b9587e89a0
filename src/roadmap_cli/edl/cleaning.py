"""How a cut's own sound is cleaned: mains hum, hiss, sharp s sounds, and a lift of the voice, as ffmpeg's filters.

The one place of these numbers: what feedback measures is what a render does, and what an exported project or script
does in another program.
"""

from __future__ import annotations

from roadmap_cli.edl.edit import Sound
from roadmap_cli.edl.programs import Chain


def hum(base_hz: float) -> Chain:
    """Notches at mains hum and its harmonics, wider further up: recorders drift in proportion."""
    return [("bandreject", {"f": f"{base_hz * n:g}", "width_type": "h", "w": str(2 + n)}) for n in range(1, 6)]


def hiss(strength_db: float, noise_db: float = 0.0) -> Chain:
    """Noise reduction by so many decibels. With the level of the noise known it is not followed: 5 dB better.

    (afftdn's own tracking takes speech for noise, and takes out 1.5 dB of 12 at a level of -38.)
    """
    level = {"nf": f"{min(max(noise_db, -80.0), -20.0):g}"} if noise_db else {"nf": "-45", "tn": "1"}
    return [("afftdn", {"nr": f"{strength_db:g}", **level})]


def sharp_s(share: float) -> Chain:
    """Sibilance held down, 0 to 1."""
    return [("deesser", {"i": f"{share:g}"})]


def presence(lift_db: float) -> Chain:
    """Where consonants lie, an octave around 2.8 kHz, lifted by so many decibels."""
    return [("equalizer", {"f": "2800", "width_type": "o", "width": "1", "gain": f"{lift_db:g}"})]


def chain(sound: Sound) -> Chain:
    """All of it in order, for a cut's own sound; empty if nothing is asked for."""
    found = hum(sound.hum_hz) if sound.hum_hz else []
    found += hiss(sound.denoise_db, sound.noise_db) if sound.denoise_db else []
    found += sharp_s(sound.deess) if sound.deess else []
    found += presence(sound.presence_db) if sound.presence_db else []
    return found
