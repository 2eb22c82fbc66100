"""The content of a release as hashes, to find out whether a file is still whole."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# rows that are hashed at a time
_ROWS = 20_480


def quoted_name(name: str) -> str:
    """Return a name as SQL reads it."""
    return '"' + name.replace('"', '""') + '"'


def fingerprint(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int, str]:
    """Return how many rows a table has, and a hash of all of them in their order.

    Args:
        connection: where the table is; it must preserve the order of rows.
        table: its name in SQL, quoted where that is needed.

    Raises:
        duckdb.Error: a part of the table cannot be read.
    """
    rows = 0
    streams: dict[str, Any] = defaultdict(hashlib.sha256)
    try:
        for batch in connection.sql(f"from {table}").to_arrow_reader(_ROWS):
            rows += batch.num_rows
            for name, values in zip(batch.schema.names, batch.columns, strict=True):
                for part, content in _parts(values):
                    streams[f"{name} {part}"].update(content)
    except OSError as error:
        # how Arrow hands on what DuckDB says of a damaged block
        raise duckdb.IOException(str(error)) from error
    digest = hashlib.md5(usedforsecurity=False)
    for stream in sorted(streams):
        digest.update(f"{stream} {streams[stream].hexdigest()}\n".encode())
    return rows, digest.hexdigest()


def _parts(values: pa.Array) -> Iterator[tuple[str, bytes | pa.Buffer]]:
    """Yield what values are made of, which batches they come in aside.

    That is which are null, the lengths of lists and texts, and what these hold, or the
    numbers themselves; each goes on with the next batch.
    """
    yield "valid", _memory(values.is_valid())
    values, kind = values.drop_null(), values.type
    if pa.types.is_string(kind):
        yield "lengths", _memory(pc.binary_length(values))
        yield "texts", _texts(values)
    elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        yield "lengths", _memory(pc.list_value_length(values).cast(pa.int32()))
        for part, content in _parts(values.flatten()):
            yield f"items {part}", content
    else:
        yield "values", _memory(values)


def _memory(values: pa.Array) -> bytes | pa.Buffer:
    """Return values of one width, none of them null, as they lie in memory."""
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    if len(values) == 0:
        return b""
    width = values.type.byte_width
    return values.buffers()[1].slice(values.offset * width, len(values) * width)


def _texts(values: pa.Array) -> bytes | pa.Buffer:
    """Return texts, none of them null, one after the other in UTF-8."""
    if len(values) == 0:
        return b""
    _, offsets, texts = values.buffers()
    ends = np.frombuffer(offsets, np.int32)[values.offset :][: len(values) + 1]
    return texts.slice(ends[0], ends[-1] - ends[0])


def tables(release: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the tables of which build_info keeps a hash."""
    ((names,),) = release.execute(
        "select list_sort(map_keys(content_hashes)) from build_info"
    ).fetchall()
    return list(names)


def differing(release: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, bool]]:
    """Yield each table with whether it differs from what the build wrote.

    This reads every row: about 3 seconds at a million plays.

    Raises:
        duckdb.Error: a part of the file cannot be read.
    """
    for name in tables(release):
        ((rows, digest),) = release.execute(
            "select row_counts[$1], content_hashes[$1] from build_info", [name]
        ).fetchall()
        yield name, fingerprint(release, quoted_name(name)) != (rows, digest)
