"""A hybrid music recommender built as SQL tables."""

__version__ = "0.1.0"
