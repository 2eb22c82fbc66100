"""Variants of the blend: rows of ``seeds/reference/channel_weights.csv``."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from sunorecsys.errors import SunorecsysError
from sunorecsys.landing import replacing
from sunorecsys.project import Project
from sunorecsys.reader import CHANNELS

STAGES = ("new", "light", "regular")
_COLUMNS = ["variant", "history_stage", "channel", "weight"]


def weights_file(project: Project) -> Path:
    """Return the seed with the weights of all variants."""
    return project.root / "seeds" / "reference" / "channel_weights.csv"


def names(project: Project) -> list[str]:
    """Return the variants that there are.

    Raises:
        SunorecsysError: the seed cannot be read.
    """
    return list(dict.fromkeys(row["variant"] for row in _rows(project)))


def write_weights(
    project: Project, variant: str, weights: Mapping[str, Mapping[str, float]]
) -> None:
    """Add a variant with its weights by history stage and channel, or replace it.

    Raises:
        SunorecsysError: the seed cannot be read or written.
    """
    rows = [row for row in _rows(project) if row["variant"] != variant]
    for stage in STAGES:
        for channel in CHANNELS:
            weight = f"{weights[stage][channel]:.3f}"
            rows.append(
                dict(zip(_COLUMNS, (variant, stage, channel, weight), strict=True))
            )
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = weights_file(project)
    try:
        with replacing(path) as aside:
            aside.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise SunorecsysError(
            f"{path} cannot be written: {error.strerror or error}. Make it writable."
        ) from error


def _rows(project: Project) -> list[dict[str, str]]:
    path = weights_file(project)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != _COLUMNS:
                raise SunorecsysError(
                    f"{path} has other columns than {', '.join(_COLUMNS)}. Mend it."
                )
            return [{name: row[name] or "" for name in _COLUMNS} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SunorecsysError(f"{path} cannot be read: {error}.") from error
