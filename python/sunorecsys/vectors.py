"""Vectors as Arrow columns, and one place that bounds the threads of BLAS."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from threadpoolctl import threadpool_limits

Matrix = npt.NDArray[Any]


def use_one_blas_thread() -> None:
    """Keep BLAS on one thread: sums keep their order, and ALS keeps its speed.

    The setting belongs to the process and stays: two models that run side by side and
    each restored what they found would lift it for each other.
    """
    threadpool_limits(limits=1, user_api="blas")


def column(matrix: Matrix) -> pa.Array:
    """Return the rows of a matrix (n, dimensions) as fixed-size lists."""
    dimensions = matrix.shape[1]
    values = pa.array(np.ascontiguousarray(matrix).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(values, dimensions)


def matrix(vectors: pa.ChunkedArray, dimensions: int, dtype: Any) -> Matrix:
    """Return a column of equally long lists as a matrix (n, dimensions)."""
    if len(vectors) == 0:
        return np.zeros((0, dimensions), dtype=dtype)
    chunk = vectors.combine_chunks()
    values: Matrix = chunk.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(chunk), -1)


def unit_rows(rows: Matrix) -> Matrix:
    """Return the rows at length 1; a row of zeros stays."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)
