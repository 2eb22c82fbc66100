"""A hybrid music recommender built as SQL tables."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sunorecsys.recommender import HybridRecommender

__version__ = "0.1.0"
__all__ = ["HybridRecommender", "__version__"]


def __getattr__(name: str) -> Any:
    # a build imports this package for every Python model, and needs no reader
    if name == "HybridRecommender":
        from sunorecsys.recommender import HybridRecommender

        return HybridRecommender
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
