"""How good recommendations are."""

from sunorecsys.evaluation.metrics import evaluate_recommender

__all__ = ("evaluate_recommender",)
