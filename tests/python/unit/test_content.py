"""Content vectors: their dot product is the weighted sum of the parts' cosines."""

import numpy as np
import pyarrow as pa
import pytest

from sunorecsys import content, text
from sunorecsys.errors import SunorecsysError

SETTINGS = {
    "text_dimensions": 16,
    "text_weight": 0.7,
    "genre_weight": 0.2,
    "numbers_weight": 0.1,
    "audio_weight": 0.4,
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


def heard(embeddings):
    return pa.table(
        {
            "song_index": pa.array(range(len(embeddings)), pa.int32()),
            "embedding": pa.array(embeddings, pa.list_(pa.float32())),
        }
    )


NO_AUDIO = heard([])


def vectors(table, audio=NO_AUDIO, **settings):
    found = content.song_vectors(table, audio, **{**SETTINGS, **settings})
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
    table = content.song_vectors(features([4, 0, 5, 1, 3, 2]), NO_AUDIO, **SETTINGS)
    assert table["song_index"].to_pylist() == list(range(6))
    found = np.array(table["embedding"].to_pylist())
    # not text: its terms depend on nothing but the texts in order of songs
    np.testing.assert_allclose(found, vectors(features()), atol=1e-7)


def test_songs_without_any_genre():
    table = features().set_column(2, "genre_index", pa.nulls(6, pa.int32()))
    assert vectors(table).shape == (6, 20)


def test_audio_counts_by_how_a_song_differs_from_the_mean_sound():
    without = vectors(features())
    # the middle is (3, 0): one song to the left of it, two to the right
    sounds = [[1, 0], None, [4, 0], [4, 0], None, None]
    found = vectors(features(), heard(sounds))
    similarity = found @ found.T
    expected = 0.6 * (without @ without.T)
    expected[2:4, 2:4] += 0.4
    expected[0, 0] += 0.4
    expected[0, 2:4] -= 0.4
    expected[2:4, 0] -= 0.4
    np.testing.assert_allclose(similarity, expected, atol=1e-6)


def test_songs_nobody_could_hear_are_what_they_were_without_audio():
    silent = heard([None] * 6)
    np.testing.assert_array_equal(vectors(features(), silent), vectors(features()))


def test_a_share_of_audio_above_one_is_an_error():
    with pytest.raises(SunorecsysError, match=r"content_audio_weight is 1\.5"):
        vectors(features(), audio_weight=1.5)
