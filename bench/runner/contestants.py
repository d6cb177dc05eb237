"""What is measured: servers, the indexes built in them, and the settings that trade recall for speed.

SPDX-License-Identifier: Apache-2.0
"""
from dataclasses import dataclass, field

OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>"}


@dataclass
class Sweep:
    """A setting and its values, in order of rising recall."""

    setting: str
    values: list
    whole: bool = False     # between two values lies another worth trying: a whole number, or a share
    least_k: bool = False   # a value below k returns fewer than k rows

    def values_for(self, k):
        values = [v for v in self.values if not self.least_k or v >= k]
        return values or [self.values[-1]]


# What is measured is the index: a planner that would rather compare every row must not.
BY_INDEX = "SET enable_seqscan = off;"


@dataclass
class Index:
    """One way to index the column; {ops} is the operator class."""

    name: str
    definition: str
    sweeps: list
    extra: str = BY_INDEX   # statements before every search


@dataclass
class Server:
    name: str
    conninfo: str
    indexes: list = field(default_factory=list)
    restart: object = None  # called with a value of shared_buffers, or None when we cannot restart it


def ivf_indexes(recall_targets, probes):
    sweeps = [Sweep("vector.recall_target", recall_targets)]
    if probes:
        sweeps.append(Sweep("ivf.probes", probes, whole=True))
    return [Index("ivf", "USING ivf (embedding {ops})", sweeps)]


def hnsw_indexes(ms, ef_constructions, ef_searches):
    return [
        Index(f"hnsw m={m} ef_construction={ef}",
              f"USING hnsw (embedding {{ops}}) WITH (m = {m}, ef_construction = {ef})",
              [Sweep("hnsw.ef_search", ef_searches, whole=True, least_k=True)])
        for m in ms for ef in ef_constructions
    ]


def ops(metric):
    return f"vector_{metric}_ops"


def search_sql(metric, k, distance=False):
    operator = OPERATORS[metric]
    columns = f"id, embedding {operator} $1::vector" if distance else "id"
    return f"SELECT {columns} FROM bench ORDER BY embedding {operator} $1::vector LIMIT {k}"
