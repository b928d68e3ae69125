"""Parquet files whose bytes follow from their rows alone. The only module that imports pyarrow.

Row groups are cut by number and size of rows, all settings are fixed and no time is written, so the
same rows give the same file wherever the same pyarrow writes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from podium.client.errors import BadRequest

from .fields import BYTES, FLAG, INTEGER, NUMBER, TEXT, Field

Row = tuple[Any, ...]

_TYPES: Mapping[str, pa.DataType] = {
    INTEGER: pa.int64(),
    NUMBER: pa.float64(),
    TEXT: pa.string(),
    FLAG: pa.bool_(),
    BYTES: pa.binary(),
}
_ROWS_A_GROUP = 65_536
_BYTES_A_GROUP = 32 * 1024 * 1024
_ROWS_READ = 2_000


class HashedFile:
    """A new file that is written once from its beginning to its end, and digested meanwhile."""

    closed = False

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("xb")
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()
        self.closed = True

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Writer:
    """One Parquet file: rows of ``fields`` or ready columns, in row groups."""

    def __init__(self, file: HashedFile, fields: Sequence[Field]) -> None:
        self.rows = 0
        self._schema = schema_of(fields)
        self._texts = [at for at, each in enumerate(fields) if each.kind in (TEXT, BYTES)]
        self._held: list[Row] = []
        self._weight = 0
        # Integers as differences, floats byte by byte, and what repeats once: a third of plain.
        numbers = {each.name: each.kind for each in fields if each.kind in (INTEGER, NUMBER)}
        encodings = {INTEGER: "DELTA_BINARY_PACKED", NUMBER: "BYTE_STREAM_SPLIT"}
        self._writer = pq.ParquetWriter(
            pa.PythonFile(file, mode="w"),
            self._schema,
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=3,
            use_dictionary=[each.name for each in fields if each.kind in (TEXT, BYTES)],
            column_encoding={name: encodings[kind] for name, kind in numbers.items()},
            write_statistics=True,
            store_schema=False,
        )

    def add(self, row: Row) -> None:
        self._held.append(row)
        self._weight += sum(len(row[at] or b"") for at in self._texts)
        if len(self._held) == _ROWS_A_GROUP or self._weight >= _BYTES_A_GROUP:
            self._flush()

    def add_group(self, columns: Sequence[Any]) -> None:
        """A whole row group from arrays of the same length."""
        pairs = zip(columns, self._schema, strict=True)
        arrays = [pa.array(column, each.type) for column, each in pairs]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        self.rows += table.num_rows

    def close(self) -> None:
        if self._held or not self.rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        rows, self._held, self._weight = self._held, [], 0
        self.add_group(list(zip(*rows, strict=True)) if rows else [()] * len(self._schema))


def repeated(names: Sequence[str], sizes: Sequence[int]) -> pa.Array:
    """A column of each name as often as its size says."""
    codes = np.repeat(np.arange(len(names), dtype=np.int32), sizes)
    return pa.DictionaryArray.from_arrays(codes, pa.array(names, pa.string())).cast(pa.string())


def schema_of(fields: Sequence[Field]) -> pa.Schema:
    return pa.schema(
        [pa.field(each.name, _TYPES[each.kind], nullable=each.nullable) for each in fields]
    )


def read_rows(path: Path, fields: Sequence[Field]) -> Iterator[list[dict[str, Any]]]:
    """The rows, some thousands at a time, by name; a field that the file lacks is left out."""
    with _opened(path) as file:
        found = {each.name for each in file.schema_arrow}
        if unknown := sorted(found - {each.name for each in fields}):
            raise BadRequest(
                f"{path.name} has a column {unknown[0]!r} that this Podium does not know. "
                "Install the Podium that wrote the export (pip install --upgrade podium)."
            )
        wanted = schema_of([each for each in fields if each.name in found])
        for batch in file.iter_batches(batch_size=_ROWS_READ):
            yield _cast(batch, wanted, path).to_pylist()


def count_rows(path: Path) -> int:
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def first_rows(
    path: Path, *, rows: int, columns: int
) -> tuple[tuple[int, int], list[str], list[list[Any]]]:
    """How many rows and columns there are, and of the first ones the names and the values.

    Of a column so much is read at a time as its pages hold, and by this thread alone.
    """
    with _opened(path, buffer_size=1 << 16) as file:
        names = file.schema_arrow.names
        found = (int(file.metadata.num_rows), len(names))
        shown = names[:columns]
        for batch in file.iter_batches(rows, columns=shown, use_threads=False):
            values = [column.to_pylist() for column in batch.columns]
            return found, batch.schema.names, [list(row) for row in zip(*values, strict=True)]
        return found, shown, []


def read_groups(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows of one row group after the other, whatever columns there are."""
    with _opened(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number).to_pylist()


def read_columns(path: Path, fields: Sequence[Field]) -> Iterator[list[Any]]:
    """The columns of one batch of rows after the other: texts as lists, numbers as arrays."""
    wanted = schema_of(fields)
    with _opened(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS_A_GROUP):
            columns = _cast(batch, wanted, path).columns
            yield [
                column.to_pylist()
                if pa.types.is_string(column.type)
                else column.to_numpy(zero_copy_only=False)
                for column in columns
            ]


def _cast(batch: pa.RecordBatch, wanted: pa.Schema, path: Path) -> pa.RecordBatch:
    try:
        return batch.select(wanted.names).cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
        raise BadRequest(f"{path.name} does not hold what its name says: {error}.") from None


@contextmanager
def _opened(path: Path, *, buffer_size: int = 0) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, buffer_size=buffer_size) as file:
            yield file
    except pa.ArrowInvalid as error:
        raise BadRequest(f"{path.name} is no Parquet file: {error}. Export again.") from None
