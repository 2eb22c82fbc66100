"""The import path of earlier versions: ``HybridRecommender`` is `sunorecsys`'s own."""

from sunorecsys.recommender import HybridRecommender

__all__ = ["HybridRecommender"]
