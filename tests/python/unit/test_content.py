"""Content vectors: their dot product is the weighted sum of the parts' cosines."""

import numpy as np
import pyarrow as pa
import pytest

from sunorecsys import content, text
from sunorecsys.errors import SunorecsysError

SETTINGS = {
    "text_dimensions": 16,
    "dimensions": 40,
    "text_weight": 0.7,
    "genre_weight": 0.2,
    "numbers_weight": 0.1,
    "seed": 42,
}
TEXTS = ["rock, guitar, loud", "rock, drums", "", None, "techno, synth", "rock, guitar"]
GENRES = [0, 0, 3, None, 3, 1]
DURATIONS = [0.0, 0.5, 1.0, 0.25, None, 0.0]
QUALITIES = [0.1, 0.9, 0.5, None, None, 0.1]


def features(order=range(6)):
    order = list(order)
    return pa.table(
        {
            "song_index": pa.array(order, pa.int32()),
            "text": pa.array([TEXTS[i] for i in order], pa.string()),
            "genre_index": pa.array([GENRES[i] for i in order], pa.int32()),
            "duration_percentile": pa.array(
                [DURATIONS[i] for i in order], pa.float64()
            ),
            "quality_percentile": pa.array([QUALITIES[i] for i in order], pa.float64()),
        }
    )


def vectors(table, **settings):
    found = content.song_vectors(table, **{**SETTINGS, **settings})
    return np.array(found["embedding"].to_pylist())


def cosine_of_numbers(one, other):
    """Return half the cosine of the angle between durations, and of qualities."""
    total = 0.0
    for values in (DURATIONS, QUALITIES):
        if values[one] is not None and values[other] is not None:
            total += np.cos((values[one] - values[other]) * np.pi / 2) / 2
    return total


def test_a_dot_product_is_the_weighted_sum_of_the_parts():
    found = vectors(features())
    words = text.embed([value or "" for value in TEXTS], dimensions=16, seed=42)
    for one in range(6):
        for other in range(6):
            same_genre = GENRES[one] is not None and GENRES[one] == GENRES[other]
            expected = (
                0.7 * float(words[one] @ words[other])
                + 0.2 * same_genre
                + 0.1 * cosine_of_numbers(one, other)
            )
            assert found[one] @ found[other] == pytest.approx(expected, abs=1e-6)


def test_a_complete_song_has_length_one_and_an_empty_one_zeros():
    found = vectors(features())
    assert np.linalg.norm(found[0]) == pytest.approx(1, abs=1e-6)
    no_text_no_genre = 0.1 * 0.5
    assert found[3] @ found[3] == pytest.approx(no_text_no_genre, abs=1e-6)


def test_rows_follow_the_song_index():
    table = content.song_vectors(features([4, 0, 5, 1, 3, 2]), **SETTINGS)
    assert table["song_index"].to_pylist() == list(range(6))
    found = np.array(table["embedding"].to_pylist())
    # not text: its terms depend on nothing but the texts in order of songs
    np.testing.assert_allclose(found, vectors(features()), atol=1e-7)


def test_too_many_genres_are_an_error_that_names_the_setting():
    # 16 for text, 4 genres (0 to 3) and 4 for numbers
    assert vectors(features(), dimensions=24).shape == (6, 24)
    with pytest.raises(
        SunorecsysError, match=r"24 places for 4 genres.*dimensions is 23"
    ):
        vectors(features(), dimensions=23)


def test_songs_without_any_genre():
    table = features().set_column(2, "genre_index", pa.nulls(6, pa.int32()))
    assert vectors(table, dimensions=20).shape == (6, 20)
