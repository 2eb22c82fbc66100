"""Lists by RecTools from the rows of `peers.py`, in an environment that has RecTools.

    python rectools_lists.py MATRIX.npz NEIGHBORS FACTORS ITERATIONS

The file holds user, song and weight. Prints the seconds that neighbors with a list for
each listener took, and the same for ALS. RecTools wants another numpy than sunorecsys,
so this imports nothing of it.
"""

import json
import resource
import sys
import time

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import ImplicitALSWrapperModel, ImplicitItemKNNWrapperModel


def main(file: str, neighbors: int, factors: int, iterations: int) -> None:
    """Fit and recommend to everybody, twice."""
    rows = np.load(file)
    dataset = Dataset.construct(
        pd.DataFrame(
            {
                Columns.User: rows["user"],
                Columns.Item: rows["song"],
                Columns.Weight: rows["weight"],
                Columns.Datetime: pd.Timestamp("2025-01-01"),
            }
        )
    )
    models = {
        "neighbor_lists": ImplicitItemKNNWrapperModel(CosineRecommender(K=neighbors)),
        "factor_lists": ImplicitALSWrapperModel(
            AlternatingLeastSquares(
                factors=factors, iterations=iterations, random_state=42, num_threads=2
            )
        ),
    }
    everybody = np.unique(rows["user"])
    seconds = {}
    for name, model in models.items():
        started = time.monotonic()
        model.fit(dataset)
        model.recommend(everybody, dataset, k=neighbors, filter_viewed=True)
        seconds[name] = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(seconds | {"gb": peak / 1e6}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
