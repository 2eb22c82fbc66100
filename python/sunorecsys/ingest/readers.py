"""Files as streams of Arrow batches: the fields of a kind, as the text of the file.

A batch has the schema of ``fields.Plan.schema``. ``position`` is the line of a text
file, the item of a JSON list or the row of a Parquet file, from 1. ``problem`` says
why a row could not be read, and ``content`` is its start as it stands in the file
(null for Parquet, where the checks make it up from the fields).
"""

import codecs
import csv
import gzip
import io
import json
import operator
import re
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sunorecsys.errors import SunorecsysError
from sunorecsys.ingest.fields import JOINED, LISTED, Plan

# What batches are read from.
_Stream = BinaryIO | gzip.GzipFile
# A batch and how much of the file is read with it, from 0 to 1.
Chunk = tuple[pa.RecordBatch, float]

_BATCH_ROWS = 65_536
_BATCH_BYTES = 32 * 1024 * 1024
# The start of a refused row that is kept.
_CONTENT = 500
# Longer fields are not read to the end: a quote that nobody closes would otherwise
# take in the rest of the file. Fields from 1 MB are refused by the checks.
_CSV_FIELD = 16 * 1024 * 1024

_NOT_UTF8 = "row is not valid UTF-8"
_NOT_JSON = "row is not valid JSON"
_NOT_AN_OBJECT = "row is not an object"

_JSON_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BETWEEN_IDS = re.compile(r"[\s,|]+")

# Numbers stay the digits of the file: ids keep all of them, and the checks decide
# what is a number. Raw control characters inside strings are let through.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)


class _MisfitError(Exception):
    """A value has a form that its field cannot have."""


def read(file: Path, plan: Plan) -> Iterator[Chunk]:
    """Yield the rows of ``file`` in batches.

    Raises:
        SunorecsysError: the file as a whole cannot be read, or lacks a column. What
            was yielded before is then not to be used.
    """
    try:
        with file.open("rb") as raw:
            yield from _read(file, raw, plan)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SunorecsysError(
            f"{file} is not a whole gzip file: {error}. Export it again."
        ) from error
    except OSError as error:
        raise SunorecsysError(
            f"{file} cannot be read: {error.strerror or error}."
        ) from error


def _read(file: Path, raw: BinaryIO, plan: Plan) -> Iterator[Chunk]:
    size = max(file.stat().st_size, 1)
    suffix = file.suffix.lower()
    stream: _Stream = raw
    if _peek(raw, 2) == b"\x1f\x8b":
        stream = gzip.GzipFile(fileobj=raw)
        suffix = Path(file.stem).suffix.lower()

    def share() -> float:
        return min(raw.tell() / size, 1.0)

    start = _peek(stream, 4096)
    if start.startswith(b"PAR1") or suffix in (".parquet", ".pq"):
        yield from _parquet(file, stream, plan)
        return
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SunorecsysError(f"{file} is UTF-16 text. Save it as UTF-8.")
    if start.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
        start = start[len(codecs.BOM_UTF8) :]
    if not start.strip():
        raise SunorecsysError(f"{file} is empty.")
    if start.lstrip()[:1] in (b"[", b"{") or suffix in (".jsonl", ".ndjson"):
        if _has_json_lines(stream, suffix):
            yield from _json_lines(file, stream, plan, share)
        else:
            yield from _json_document(file, stream, plan)
    elif suffix == ".json":
        raise SunorecsysError(f"{file} is not JSON: it starts with neither [ nor {{.")
    elif suffix in (".csv", ".tsv") or _is_table(start):
        yield from _csv(file, stream, plan, share)
    else:
        raise SunorecsysError(
            f"{file} has an unknown format. JSON, JSON Lines, CSV and Parquet are read."
        )


def _peek(stream: _Stream, size: int) -> bytes:
    start = stream.tell()
    head = stream.read(size)
    stream.seek(start)
    return head


def _is_table(start: bytes) -> bool:
    first_line = start.split(b"\n", 1)[0]
    return b"\0" not in start and any(mark in first_line for mark in b",;\t")


class _Batches:
    """Collects rows until they make a batch."""

    def __init__(self, plan: Plan) -> None:
        self._schema = plan.schema
        self._fields = len(self._schema) - 3
        self._rows: list[tuple[Any, ...]] = []
        self._size = 0
        self.count = 0

    def add(self, position: int, content: str, values: Sequence[Any]) -> None:
        self._rows.append((position, None, content[:_CONTENT], *values))
        self._size += len(content)
        self.count += 1

    def refuse(self, position: int, content: str, problem: str) -> None:
        shown = content[:_CONTENT].encode("utf-8", "replace").decode()
        self._rows.append((position, problem, shown, *[None] * self._fields))
        self._size += len(shown)
        self.count += 1

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= _BATCH_ROWS or self._size >= _BATCH_BYTES

    def take(self) -> pa.RecordBatch:
        try:
            batch = self._batch()
        except UnicodeEncodeError:
            # a lone surrogate, which JSON can escape and UTF-8 cannot hold
            rows, self._rows = self._rows, []
            for row in rows:
                if any(_has_surrogate(value) for value in row):
                    self.refuse(row[0], row[2], _NOT_UTF8)
                else:
                    self._rows.append(row)
            batch = self._batch()
        self._rows, self._size = [], 0
        return batch

    def _batch(self) -> pa.RecordBatch:
        columns = list(zip(*self._rows, strict=True)) or [()] * len(self._schema)
        return pa.record_batch(
            [
                pa.array(column, field.type)
                for column, field in zip(columns, self._schema, strict=True)
            ],
            schema=self._schema,
        )


def _has_surrogate(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_surrogate(item) for item in value)
    return isinstance(value, str) and _SURROGATE.search(value) is not None


def _first(values: Sequence[Any]) -> Any:
    """Return the first value that is not blank, else the first that is there."""
    present = [value for value in values if value is not None]
    for value in present:
        if not isinstance(value, str) or value.strip():
            return value
    return present[0] if present else None


def _ids(value: Any) -> list[str | None] | None:
    """Return the ids in a list of ids, a list of songs or a text of ids."""
    if value is None:
        return None
    if isinstance(value, str):
        return [part for part in _BETWEEN_IDS.split(value) if part]
    if isinstance(value, list):
        return [_id(item) for item in value]
    raise _MisfitError(f"{LISTED} is not a list")


def _id(item: Any) -> str | None:
    if isinstance(item, Mapping):
        clip = item.get("clip")
        inside = [item.get("song_id"), item.get("id")]
        return _id(
            _first([*inside, clip.get("id") if isinstance(clip, dict) else None])
        )
    if isinstance(item, list):
        raise _MisfitError(f"{LISTED} holds a list")
    return None if item is None else str(item)


# --- CSV


class _Lines:
    """The lines of a CSV file, of which those of a broken record can be read again."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self._number = 0
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._again:
            line = self._again.popleft()
        else:
            encoded = self._stream.readline()
            if not encoded:
                raise StopIteration
            line = encoded.decode("utf-8", "surrogateescape")
        self._number += 1
        self.taken.append(line)
        return line

    @property
    def position(self) -> int:
        return self._number - len(self.taken) + 1

    def give_up_first(self) -> None:
        """Let the lines after the first be read again, as records of their own."""
        self._again.extendleft(reversed(self.taken[1:]))
        self._number -= len(self.taken) - 1
        del self.taken[1:]


def _csv(
    file: Path, stream: _Stream, plan: Plan, share: Callable[[], float]
) -> Iterator[Chunk]:
    first_line = _peek_line(stream)
    delimiter = max(",;\t", key=lambda mark: first_line.count(mark.encode()))
    csv.field_size_limit(_CSV_FIELD)
    lines = _Lines(stream)
    records = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(records)]
    except csv.Error as error:
        raise SunorecsysError(f"{file} has a broken first line: {error}.") from error
    if any(map(_has_surrogate, header)):
        raise SunorecsysError(f"{file} is not UTF-8 text. Save it as UTF-8.")
    found = {
        name for names in plan.sources.values() for name in names if name in header
    }
    for name in sorted(found):
        if header.count(name) > 1:
            raise SunorecsysError(f"{file} has two columns {name}. Rename one.")
    plan.require(found, file=str(file), has=header)
    takers = [
        _csv_taker(
            field, [header.index(name) for name in plan.sources[field] if name in found]
        )
        for field in plan.fields
    ]
    batches = _Batches(plan)
    while True:
        lines.taken.clear()
        problem = None
        row: list[str] = []
        try:
            row = next(records)
        except StopIteration:
            break
        except csv.Error as error:
            problem = f"row has broken quotes ({error})"
        if problem is None and not row:
            continue
        if problem is None and len(row) != len(header):
            problem = f"row has {len(row)} fields, the header has {len(header)}"
        if problem is not None:
            lines.give_up_first()
        content = "".join(lines.taken).rstrip("\r\n")
        if _SURROGATE.search(content):
            problem = _NOT_UTF8
        if problem is not None:
            batches.refuse(lines.position, content, problem)
        else:
            batches.add(lines.position, content, [take(row) for take in takers])
        if batches.is_full:
            yield batches.take(), share()
    if not batches.count:
        raise SunorecsysError(f"{file} has no rows.")
    yield batches.take(), 1.0


def _csv_taker(field: str, places: list[int]) -> Callable[[list[str]], Any]:
    """Return what takes the value of a field from a record."""
    if field == LISTED:
        return lambda row: _ids(_first([row[place] for place in places]))
    if len(places) == 1:
        return operator.itemgetter(places[0])
    if not places:
        return lambda row: None
    return lambda row: _first([row[place] for place in places])


def _peek_line(stream: _Stream) -> bytes:
    start = stream.tell()
    line = stream.readline()
    stream.seek(start)
    return line


# --- JSON


class _Objects:
    """Turns JSON objects into rows and remembers which names they had."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._fields = [
            (field, [(name, name.split(".")) for name in plan.sources[field]])
            for field in plan.fields
        ]
        self._found: set[str] = set()
        # a dictionary, because it keeps the order of the file
        self._names: dict[str, None] = {}
        self.batches = _Batches(plan)

    def add(self, position: int, content: str, row: Any) -> None:
        if not isinstance(row, dict):
            self.batches.refuse(position, content, _NOT_AN_OBJECT)
            return
        for name, value in row.items():
            self._names[name] = None
            if isinstance(value, dict):
                self._names.update((f"{name}.{inner}", None) for inner in value)
        try:
            values = [
                _json_value(field, self._values(row, names))
                for field, names in self._fields
            ]
        except _MisfitError as misfit:
            self.batches.refuse(position, content, str(misfit))
        else:
            self.batches.add(position, content, values)

    def _values(self, row: dict[str, Any], names: list[tuple[str, list[str]]]) -> Any:
        values = []
        for name, path in names:
            holder: Any = row
            if name not in row:
                for part in path[:-1]:
                    holder = holder.get(part) if isinstance(holder, dict) else None
                if not isinstance(holder, dict) or path[-1] not in holder:
                    continue
                values.append(holder[path[-1]])
            else:
                values.append(row[name])
            self._found.add(name)
        return values

    def require(self, file: Path) -> None:
        if not self.batches.count:
            raise SunorecsysError(f"{file} has no rows.")
        # without a single object there are only refused rows, and no names to miss
        if self._names:
            self._plan.require(self._found, file=str(file), has=self._names)


def _json_value(field: str, values: list[Any]) -> Any:
    if field == LISTED:
        return _ids(_first(values))
    value = _first(values)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and field in JOINED:
        return ", ".join(str(item) for item in value if item is not None)
    if isinstance(value, dict | list):
        raise _MisfitError(
            f"{field} is {'an object' if isinstance(value, dict) else 'a list'}"
        )
    return str(value)


def _has_json_lines(stream: _Stream, suffix: str) -> bool:
    """Tell JSON Lines from one JSON document, from the first two lines with text."""
    start = stream.tell()
    filled = (line for line in stream if line.strip())
    first, second = next(filled, b""), next(filled, b"")
    named = suffix in (".jsonl", ".ndjson")
    if not second and not named:
        is_lines = False
    elif _is_json(first):
        # a list or an object with nothing after it reads alike both ways
        is_lines = bool(second) or first.lstrip()[:1] not in (b"[", b"{")
    elif named:
        is_lines = first.strip() not in (b"[", b"{")
    else:
        is_lines = (
            second.lstrip()[:1] == b"{" and first.strip() != b"[" and _is_json(second)
        )
    stream.seek(start)
    return is_lines


def _is_json(line: bytes) -> bool:
    try:
        _JSON.decode(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True


def _json_lines(
    file: Path, stream: _Stream, plan: Plan, share: Callable[[], float]
) -> Iterator[Chunk]:
    objects = _Objects(plan)
    batches = objects.batches
    for position, encoded in enumerate(stream, start=1):
        if not encoded.strip():
            continue
        try:
            line = encoded.decode("utf-8").strip()
            objects.add(position, line, _JSON.decode(line))
        except UnicodeDecodeError:
            batches.refuse(position, encoded.decode("utf-8", "replace"), _NOT_UTF8)
        except (ValueError, RecursionError):
            batches.refuse(position, line, _NOT_JSON)
        if batches.is_full:
            yield batches.take(), share()
    objects.require(file)
    yield batches.take(), 1.0


def _json_document(file: Path, stream: _Stream, plan: Plan) -> Iterator[Chunk]:
    text = stream.read().decode("utf-8", "surrogateescape")
    has_broken_text = _SURROGATE.search(text) is not None
    objects = _Objects(plan)
    batches = objects.batches
    try:
        items = _items(text, plan.kind)
        for position, (start, end, value) in enumerate(items, start=1):
            content = text[start:end]
            if has_broken_text and _SURROGATE.search(content):
                batches.refuse(position, content, _NOT_UTF8)
            else:
                objects.add(position, content, value)
            if batches.is_full:
                yield batches.take(), end / len(text)
    except json.JSONDecodeError as error:
        cut = not text[error.pos :].strip() or error.msg.startswith("Unterminated")
        raise SunorecsysError(
            f"{file} is not valid JSON at line {error.lineno}, column {error.colno}: "
            f"{error.msg}. "
            + (
                "It seems to be cut off; export it again."
                if cut
                else "Correct it there."
            )
        ) from error
    except RecursionError as error:
        raise SunorecsysError(f"{file} is nested too deeply to be read.") from error
    objects.require(file)
    yield batches.take(), 1.0


_Span = tuple[int, int, Any]


def _items(text: str, kind: str) -> Iterator[_Span]:
    """Yield start, end and value of the rows of a JSON document.

    They are the items of a list, the items of the list under ``kind`` in an object,
    or else the object itself.
    """
    at = _skip(text, 0)
    if text[at] == "[":
        end = yield from _list_items(text, at)
    else:
        end = yield from _object_items(text, at, kind)
    if _skip(text, end) != len(text):
        raise json.JSONDecodeError("Extra data", text, _skip(text, end))


def _list_items(text: str, at: int) -> Generator[_Span, None, int]:
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        value, end = _JSON.raw_decode(text, at)
        yield at, end, value
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return at + 1
        at = _skip(text, _expect(text, at, ","))


def _object_items(text: str, start: int, kind: str) -> Generator[_Span, None, int]:
    has_list = False
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        name, at = _JSON.raw_decode(text, at)
        at = _skip(text, _expect(text, _skip(text, at), ":"))
        if name == kind and text[at : at + 1] == "[":
            has_list = True
            at = yield from _list_items(text, at)
        else:
            at = _JSON.raw_decode(text, at)[1]
        at = _skip(text, at)
        if text[at : at + 1] != "}":
            at = _skip(text, _expect(text, at, ","))
    if not has_list:
        yield start, at + 1, _JSON.raw_decode(text, start)[0]
    return at + 1


def _skip(text: str, at: int) -> int:
    space = _JSON_SPACE.match(text, at)
    return space.end() if space else at


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"Expecting '{mark}' delimiter", text, at)
    return at + 1


# --- Parquet


def _parquet(file: Path, stream: _Stream, plan: Plan) -> Iterator[Chunk]:
    try:
        # Arrow reads a file here and there, which gzip makes slow
        is_packed = isinstance(stream, gzip.GzipFile)
        whole = io.BytesIO(stream.read()) if is_packed else stream
        parquet = pq.ParquetFile(whole)
        yield from _parquet_batches(file, parquet, plan)
    except _MisfitError as misfit:
        raise SunorecsysError(f"{file} cannot be read: {misfit}.") from misfit
    except pa.ArrowException as error:
        raise SunorecsysError(
            f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}"
        ) from error
    except duckdb.Error as error:
        raise SunorecsysError(
            f"{file} has a column of a type that cannot be read: "
            f"{str(error).splitlines()[0]}"
        ) from error


def _parquet_batches(
    file: Path, parquet: pq.ParquetFile, plan: Plan
) -> Iterator[Chunk]:
    schema = parquet.schema_arrow
    paths: dict[str, list[str]] = {}
    for names in plan.sources.values():
        for name in names:
            path = _parquet_path(schema, name)
            if path is not None:
                paths[name] = path
    plan.require(paths, file=str(file), has=_parquet_names(schema))
    rows = parquet.metadata.num_rows
    if not rows:
        raise SunorecsysError(f"{file} has no rows.")
    groups = range(parquet.metadata.num_row_groups)
    size = sum(parquet.metadata.row_group(group).total_byte_size for group in groups)
    batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * rows // max(size, 1)))
    # names by number: DuckDB does not tell names apart by case
    numbers = {name: f"c{number}" for number, name in enumerate(paths)}
    read = 0
    with duckdb.connect(
        config={"threads": 1, "python_enable_replacements": False}
    ) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for batch in parquet.iter_batches(
            batch_rows, columns=[".".join(path) for path in paths.values()]
        ):
            columns = {"position": pa.array(np.arange(read, read + len(batch)) + 1)}
            is_broken = np.zeros(len(batch), dtype=bool)
            for name, path in paths.items():
                column, broken = _readable(_inner(batch, path))
                columns[numbers[name]] = column
                is_broken |= broken
            columns["is_broken"] = pa.array(is_broken)
            types = {name: columns[number].type for name, number in numbers.items()}
            connection.register("batch", pa.table(columns))
            texts = connection.sql(_texts(plan, numbers, types)).to_arrow_table()
            read += len(batch)
            for part in texts.cast(plan.schema).to_batches():
                yield part, read / rows


def _parquet_path(schema: pa.Schema, name: str) -> list[str] | None:
    """Return where a name with dots lies: a column, or a field inside structs."""
    if name in schema.names:
        return [name]
    head, *rest = name.split(".")
    if not rest or schema.names.count(head) != 1:
        return None
    inner = schema.field(head).type
    for part in rest:
        if not pa.types.is_struct(inner) or inner.get_field_index(part) < 0:
            return None
        inner = inner.field(part).type
    return [head, *rest]


def _parquet_names(schema: pa.Schema) -> list[str]:
    names = []
    for field in schema:
        names.append(field.name)
        if pa.types.is_struct(field.type):
            names.extend(f"{field.name}.{inner.name}" for inner in field.type)
    return names


def _inner(batch: pa.RecordBatch, path: list[str]) -> pa.Array:
    column = batch.column(path[0])
    for part in path[1:]:
        # flatten, unlike field, carries the nulls of the struct into its fields
        column = column.flatten()[column.type.get_field_index(part)]
    return column


def _readable(column: pa.Array) -> tuple[pa.Array, Any]:
    """Return a column that DuckDB can read, and which of its values it could not.

    These are texts that are not UTF-8. Times become text here: one that DuckDB cannot
    hold would otherwise stop the file instead of its row.
    """
    broken = np.zeros(len(column), dtype=bool)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = column.view(
            pa.string() if pa.types.is_binary(column.type) else pa.large_string()
        )
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp(column.type.unit)).cast(pa.string())
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values: list[str | None] = []
        for row, value in enumerate(column.cast(pa.large_binary())):
            try:
                values.append(None if value.as_py() is None else value.as_py().decode())
            except UnicodeDecodeError:
                values.append(None)
                broken[row] = True
        column = pa.array(values, pa.large_string())
    return column, broken


def _texts(plan: Plan, numbers: Mapping[str, str], types: Mapping[str, Any]) -> str:
    """Return the query that makes text of the columns c0, c1 … of a batch."""
    expressions = [
        "position",
        f"case when is_broken then '{_NOT_UTF8}' end as problem",
        "null::varchar as content",
    ]
    for field in plan.fields:
        names = [name for name in plan.sources[field] if name in numbers]
        texts = [_text(field, numbers[name], types[name]) for name in names]
        if not texts:
            value = "null::varchar[]" if field == LISTED else "null::varchar"
        elif len(texts) == 1:
            value = texts[0]
        elif field == LISTED:
            value = f"coalesce({', '.join(texts)})"
        else:
            filled = [f"case when trim({text}) <> '' then {text} end" for text in texts]
            value = f"coalesce({', '.join([*filled, *texts])})"
        expressions.append(f"{value} as {field}")
    return f"select {', '.join(expressions)} from batch"  # noqa: S608 no values


def _text(field: str, column: str, kind: Any) -> str:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if field != LISTED:
        if is_list and field in JOINED:
            return f"array_to_string({column}::varchar[], ', ')"
        if is_list or pa.types.is_struct(kind):
            raise _MisfitError(
                f"the column for {field} holds {kind}, not one value per row; "
                f"name another with --column {field}=…"
            )
        return f"{column}::varchar"
    if not is_list:
        return (
            f"list_filter(regexp_split_to_array({column}::varchar, '[\\s,|]+'), "
            "lambda part: part <> '')"
        )
    if not pa.types.is_struct(kind.value_type):
        return f"{column}::varchar[]"
    for name in ("song_id", "id"):
        if kind.value_type.get_field_index(name) >= 0:
            return f"list_transform({column}, lambda song: song.{name}::varchar)"
    raise _MisfitError(f"the songs of the playlists have no id; they are {kind}")
