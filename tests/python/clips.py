"""Music of four styles, synthesised: tempo, timbre and harmony differ."""

from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE = 44_100
SECONDS = 12
STYLES = ("house", "ballad", "metal", "ambient")


def clip(style: str, seed: int, seconds: float = SECONDS) -> np.ndarray:
    """Return mono samples; key, tempo and level differ by the seed."""
    random = np.random.default_rng([STYLES.index(style), seed])
    t = np.arange(int(seconds * RATE)) / RATE
    key = 110 * 2 ** (random.integers(12) / 12)

    def beats(per_minute, decay):
        since = t % (60 / (per_minute * random.uniform(0.96, 1.04)))
        return np.exp(-decay * since)

    def chord(steps, tone):
        return sum(tone(key * 2 ** (step / 12)) for step in steps) / len(steps)

    if style == "house":
        kick = beats(126, 25) * np.sin(2 * np.pi * 55 * t)
        hats = beats(252, 60) * random.normal(size=len(t)) * 0.3
        pad = chord((0, 3, 7, 10), lambda f: np.sign(np.sin(2 * np.pi * f * t)) * 0.2)
        mixed = kick + hats + pad
    elif style == "ballad":
        strike = beats(66, 2.5)
        mixed = strike * chord(
            (0, 4, 7),
            lambda f: sum(np.sin(2 * np.pi * f * n * t) / n**2 for n in (1, 2, 3, 4)),
        )
    elif style == "metal":
        riff = chord((0, 7, 12), lambda f: np.tanh(8 * np.sin(2 * np.pi * f * t)))
        drums = beats(180, 20) * random.normal(size=len(t))
        mixed = riff * (0.4 + 0.6 * beats(360, 12)) + drums
    else:
        slow = 1 + 0.3 * np.sin(2 * np.pi * t / random.uniform(6, 9))
        mixed = slow * chord((0, 2, 7, 14), lambda f: np.sin(2 * np.pi * f * t))
    noise = random.normal(size=len(t)) * 0.002
    return (mixed / np.abs(mixed).max() * random.uniform(0.4, 0.9) + noise).astype(
        np.float32
    )


def write(folder: Path, song_id: str, style: str, seed: int, ending="flac") -> Path:
    """Write a clip as a song's audio."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{song_id}.{ending}"
    samples = clip(style, seed)
    if ending == "opus":
        # Opus has rates of its own
        samples = soxr.resample(samples, RATE, 48_000)
        soundfile.write(path, samples, 48_000, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, samples, RATE)
    return path
