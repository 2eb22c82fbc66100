"""Text vectors: any language, any size, the same bytes every time."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sunorecsys import text


def embed(texts, dimensions=8):
    return text.embed(texts, dimensions=dimensions, seed=42)


def catalogue(count):
    """Return texts of five topics whose words never mix."""
    topics = [[f"topic{topic}word{word}" for word in range(12)] for topic in range(5)]
    random = np.random.default_rng(3)
    return [
        " ".join(random.choice(topics[number % 5], size=8)) for number in range(count)
    ]


def test_texts_of_one_topic_are_near_and_of_two_topics_far():
    vectors = embed(catalogue(200), dimensions=16)
    similar = vectors @ vectors.T - 2 * np.eye(200)
    topics = np.arange(200) % 5
    assert (topics[similar.argmax(axis=1)] == topics).all()
    assert np.abs(similar[np.not_equal.outer(topics, topics)]).mean() < 0.05


def test_every_text_with_words_has_length_one():
    vectors = embed([*catalogue(150), "", "  ", "!?! ...", "[]"], dimensions=16)
    np.testing.assert_allclose(np.linalg.norm(vectors[:150], axis=1), 1, rtol=1e-5)
    assert not vectors[150:].any()


@pytest.mark.parametrize(
    ("one", "near", "far"),
    [
        ("夜空の星を見上げて", "星空を見上げる夜", "雨の街で泣いている"),
        ("밤하늘의 별을 보며", "별을 보는 밤하늘", "빗속에서 울었다"),
        ("我爱你的眼睛", "你的眼睛我最爱", "山上有一条河"),
    ],
)
def test_languages_without_spaces_are_compared_by_character(one, near, far):
    vectors = embed([one, near, far], dimensions=64)
    assert vectors[0] @ vectors[1] > 0.3 > vectors[0] @ vectors[2]


def test_case_and_signs_do_not_count():
    vectors = embed(["Neon, RAIN!", "neon rain", "other words"])
    assert vectors[0] @ vectors[1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("texts", [[], [""], ["", "", ""], ["...", "—"]])
def test_without_words_all_vectors_are_zero(texts):
    vectors = embed(texts)
    assert vectors.shape == (len(texts), 8)
    assert vectors.dtype == np.float32
    assert not vectors.any()


def test_one_text():
    vectors = embed(["rain on a tin roof"])
    assert vectors.shape == (1, 8)
    assert np.linalg.norm(vectors) == pytest.approx(1, abs=1e-6)


def test_fewer_terms_than_dimensions_keep_exact_similarities():
    # terms a, b and c of two texts each, no pairs of words: cosines are exact
    vectors = text.embed(["aa", "bb", "aa"], dimensions=50, seed=1)
    np.testing.assert_allclose(
        vectors @ vectors.T, [[1, 0, 1], [0, 1, 0], [1, 0, 1]], atol=1e-6
    )


def test_more_dimensions_than_texts_or_terms_can_fill():
    vectors = text.embed(["one two three four", "five six seven"], dimensions=6, seed=1)
    assert vectors.shape == (2, 6)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(2), atol=1e-6)


def test_200_kb_lyrics_are_embedded_beside_short_ones():
    long = "river stone lantern " * 10_000
    vectors = embed([long, "river stone", "engine neon", *catalogue(10)])
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]


@pytest.mark.parametrize("count", [20, 300])
def test_the_same_texts_give_the_same_bytes(count):
    texts = catalogue(count)
    assert embed(texts).tobytes() == embed(list(texts)).tobytes()


def test_a_term_of_one_text_counts_only_in_a_small_catalogue():
    small = embed(["unheard of", "another one"], dimensions=32)
    assert small[0].any()
    large = embed(["unheardof", *catalogue(120)], dimensions=32)
    assert not large[0].any()


def test_blas_stays_on_one_thread_for_a_model_that_runs_beside():
    with threadpool_limits(2, user_api="blas"):
        embed(catalogue(200))
        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        assert pools
        assert {pool["num_threads"] for pool in pools} == {1}
