"""How well audio_features tells real AI-generated music apart, on labelled clips.

The 28 tracks of immich-memories-music (ACE-Step, MIT licence) are labelled by mood and
by acoustic or electronic sound; each is cut into clips of ten seconds.

    pip install --target /tmp/music --no-deps immich-memories-music
    python python/benchmarks/audio.py /tmp/music/immich_memories_music/tracks

``--fit`` writes the parameters that audio_features standardises with: mean and standard
deviation over the same clips, without their labels.
"""

import argparse
import csv
import sys
import time
from pathlib import Path

import numpy as np

from sunorecsys import audio
from sunorecsys.encoders import audio_features
from sunorecsys.vectors import Matrix

_CLIPS = 6


def main() -> None:
    """Measure, or fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    paths = sorted(arguments.tracks.rglob("*.opus"))
    rate = audio_features.AudioFeatures.sample_rate
    clips = [audio.windows(path, sample_rate=rate, most=_CLIPS) for path in paths]
    if arguments.fit:
        fit(np.array([audio_features.measure(w) for clip in clips for w in clip]))
        return
    encoder = audio_features.AudioFeatures()
    begun = time.monotonic()
    songs = encoder.embed_audio(clips)
    seconds = time.monotonic() - begun
    moods = np.array([path.parent.name for path in paths])
    sounds = np.array([path.stem.split("_")[1] for path in paths])
    windows = encoder.embed_audio([window[None] for clip in clips for window in clip])
    track = np.repeat(np.arange(len(paths)), [len(clip) for clip in clips])
    print(f"{len(paths)} tracks of {_CLIPS} windows in {seconds:.1f} s")
    for what, labels in (("mood", moods), ("sound", sounds)):
        own = songs @ songs.T - 9 * np.eye(len(songs))
        print(f"{what}: nearest other track {score(own, labels, labels):.2f}, ", end="")
        print(f"by chance {chance(labels):.2f}")
    same = windows @ windows.T - 9 * np.eye(len(windows))
    print(f"window: its own track {score(same, track, track):.2f}")


def score(similarity: Matrix, asked: Matrix, labels: Matrix) -> float:
    """Return the share whose nearest neighbor has their label."""
    return float((labels[similarity.argmax(axis=1)] == asked).mean())


def chance(labels: Matrix) -> float:
    """Return the share of other tracks with the same label."""
    n = len(labels)
    return float(np.mean([((labels == label).sum() - 1) / (n - 1) for label in labels]))


def fit(measured: Matrix) -> None:
    """Write the parameters as CSV."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["block", "name", "mean", "standard_deviation"])
    rows = zip(
        audio_features.names(),
        measured.mean(axis=0),
        measured.std(axis=0),
        strict=True,
    )
    for (block, name), mean, deviation in rows:
        writer.writerow([block, name, f"{mean:.6g}", f"{max(deviation, 1e-6):.6g}"])


if __name__ == "__main__":
    main()
