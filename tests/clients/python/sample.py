"""sample.py - rows for every client test, what is nearest to one of them, and TAP.

Distances are computed here with numpy in double precision, from the definition
of each operator: what the server answers is compared with that.

SPDX-License-Identifier: Apache-2.0
"""
import os
import random
import sys
from importlib.metadata import version

import numpy

DIMENSIONS = 24
ROW_COUNT = 800
CATEGORY_COUNT = 8

seed = int(os.environ.get("OMENDB_TEST_SEED", "20"))
count = 0


class Row:
    """One row: a dense vector, one with few non-zero elements, bits, a category."""

    def __init__(self, row_id, rng):
        self.id = row_id
        self.category = row_id % CATEGORY_COUNT
        # Multiples of 1/64 are the same in float2, float4 and float8.
        self.dense = numpy.array([rng.randrange(-64, 65) / 64 for _ in range(DIMENSIONS)])
        self.sparse = numpy.where(numpy.array([rng.random() for _ in range(DIMENSIONS)]) < 0.2, self.dense, 0.0)
        self.sparse[row_id % DIMENSIONS] = 0.5
        self.bits = numpy.array([rng.random() < 0.5 for _ in range(DIMENSIONS)])
        self.bits[0] = True


def rows(first_id=1, row_count=ROW_COUNT):
    rng = random.Random(seed * 1000003 + first_id)
    return [Row(first_id + at, rng) for at in range(row_count)]


def l2(a, b):
    return float(numpy.sqrt(((a - b) ** 2).sum()))


def negative_inner_product(a, b):
    return -float((a * b).sum())


def cosine(a, b):
    return 1 - float((a * b).sum() / numpy.sqrt((a * a).sum() * (b * b).sum()))


def l1(a, b):
    return float(numpy.abs(a - b).sum())


def hamming(a, b):
    return float((a != b).sum())


def jaccard(a, b):
    return 1 - float((a & b).sum() / (a | b).sum())


def ranked(some_rows, column, distance, query):
    """(distance, id) of each row, nearest first."""
    return sorted((distance(getattr(row, column), query), row.id) for row in some_rows)


def ok(good, name):
    global count
    count += 1
    print(f"{'ok' if good else 'not ok'} - {os.environ.get('CLIENT', 'python')}: {name}", flush=True)


def same_distances(answers, expected, name):
    """Each answer, a pair of id and distance, is a row at that distance, in order."""
    truth = {row_id: distance for distance, row_id in expected}
    answers = list(answers)
    good = len(answers) > 0
    good = good and all(abs(distance - truth[row_id]) < 1e-5 for row_id, distance in answers)
    good = good and all(a[1] <= b[1] + 1e-6 for a, b in zip(answers, answers[1:]))
    good = good and len({row_id for row_id, _ in answers}) == len(answers)
    ok(good, name)


def nearest(answers, expected, name, least=9, k=10):
    """Of the k answers at least `least` are among the k nearest (ties count)."""
    answers = list(answers)
    bound = expected[k - 1][0] + 1e-6
    hits = sum(1 for distance, row_id in expected if distance <= bound and row_id in answers)
    ok(len(answers) == k and len(set(answers)) == k and hits >= least, f"{name} ({min(hits, k)} of {k})")


def done(*packages):
    print(f"1..{count}")
    print(f"# {os.environ.get('CLIENT', 'python')}: seed {seed}; Python {sys.version.split()[0]}, "
          + ", ".join(f"{package} {version(package)}" for package in packages), flush=True)
