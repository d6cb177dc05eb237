"""OmenDB as an algorithm of ann-benchmarks (BaseANN's interface).

The folder ann_benchmarks/algorithms/omendb holds this file, config.yml,
__init__.py and runner/postgres.py.  The server is the one that the environment
names (PGHOST, PGPORT, PGUSER, PGDATABASE), with the extension to be had in it.

SPDX-License-Identifier: Apache-2.0
"""
import struct

from ..base.module import BaseANN
from .postgres import Connection

_METRICS = {"angular": ("cosine", "<=>"), "euclidean": ("l2", "<->")}
_ROWS_A_CHUNK = 256


def _vector(values):
    """A vector in its binary format: dimensions, a zero, the values, big-endian."""
    if hasattr(values, "astype"):
        return struct.pack(">HH", len(values), 0) + values.astype(">f4").tobytes()
    return struct.pack(f">HH{len(values)}f", len(values), 0, *values)


class OmenDB(BaseANN):
    def __init__(self, metric, method_param=None):
        if metric not in _METRICS:
            raise NotImplementedError(f"no index for the metric {metric}")
        self._metric, self._operator = _METRICS[metric]
        self._options = dict(method_param or {})
        self._recall_target = None
        self._wanted = None
        self._results = None
        self._db = Connection("")

    def fit(self, X):
        dim = len(X[0])
        options = ", ".join(f"{name} = {value}" for name, value in self._options.items())
        self._db.rows("CREATE EXTENSION IF NOT EXISTS vector")
        self._db.rows("DROP TABLE IF EXISTS items")
        self._db.rows(f"CREATE TABLE items (id bigint, embedding vector({dim}))")
        self._db.copy_in("COPY items FROM STDIN WITH (FORMAT binary)", self._copy_chunks(X))
        self._db.rows(f"CREATE INDEX items_idx ON items USING ivf (embedding vector_{self._metric}_ops)"
                      + (f" WITH ({options})" if options else ""))
        self._db.rows("VACUUM ANALYZE items")

    @staticmethod
    def _copy_chunks(X):
        yield b"PGCOPY\n\377\r\n\0" + bytes(8)
        for first in range(0, len(X), _ROWS_A_CHUNK):
            chunk = bytearray()
            for i in range(first, min(first + _ROWS_A_CHUNK, len(X))):
                vector = _vector(X[i])
                chunk += struct.pack(">hiqi", 2, 8, i, len(vector)) + vector
            yield bytes(chunk)
        yield b"\377\377"

    def set_query_arguments(self, recall_target):
        self._recall_target = recall_target
        self._db.rows(f"SET vector.recall_target = {recall_target}")

    def query(self, v, n):
        if n != self._wanted:
            self._db.rows("DEALLOCATE ALL")
            self._db.prepare("nearest", f"SELECT id FROM items ORDER BY embedding {self._operator} $1::vector LIMIT {n}")
            self._wanted = n
        return self._db.prepared_ids("nearest", _vector(v))

    def batch_query(self, X, n):
        self._results = [self.query(v, n) for v in X]

    def get_batch_results(self):
        return self._results

    def get_memory_usage(self):
        """Kilobytes, as the interface wants them: the index on disk."""
        return int(self._db.value("SELECT pg_relation_size('items_idx')")) / 1024

    def done(self):
        self._db.close()

    def __str__(self):
        return f"OmenDB(ivf, recall_target={self._recall_target}, {self._options})"
