"""Text vectors without a download: TF-IDF on words, folded by a truncated SVD."""

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from sunorecsys.vectors import Matrix, unit_rows, use_one_blas_thread

# Chinese, Japanese and Korean do not separate words: each character is a token there,
# and the pairs of characters among the two-word terms stand for words.
_TOKENS = r"(?u)[぀-ヿ㐀-鿿가-힣豈-﫿]|[^\W_぀-ヿ㐀-鿿가-힣豈-﫿]+"

# Terms in one text only say nothing about similarity, once there are enough texts.
_TEXTS_FOR_RARE_TERMS = 100
_MAX_TERMS = 100_000


def embed(texts: list[str], *, dimensions: int, seed: int) -> Matrix:
    """Return one unit vector per text, shape (texts, dimensions), float32.

    Terms are words and pairs of neighboring words, weighted by TF-IDF with a
    logarithmic term count, folded by a randomized truncated SVD (latent semantic
    analysis, Deerwester et al. 1990). Where the texts have no more terms than
    dimensions, the terms themselves are the dimensions. A text without words becomes
    a vector of zeros.
    """
    empty = np.zeros((len(texts), dimensions), dtype=np.float32)
    vectorizer = TfidfVectorizer(
        token_pattern=_TOKENS,
        ngram_range=(1, 2),
        sublinear_tf=True,
        min_df=2 if len(texts) >= _TEXTS_FOR_RARE_TERMS else 1,
        max_features=_MAX_TERMS,
        dtype=np.float32,
    )
    try:
        terms = vectorizer.fit_transform(texts)
    except ValueError:
        # no text holds a term that counts
        return empty
    if terms.shape[1] <= dimensions:
        folded = terms.toarray()
    else:
        use_one_blas_thread()
        folded = TruncatedSVD(
            n_components=min(dimensions, *terms.shape), n_iter=4, random_state=seed
        ).fit_transform(terms)
    empty[:, : folded.shape[1]] = unit_rows(folded)
    return empty
