"""lsa.py - texts to vectors without a model: latent semantic analysis.

A stand-in for an embedding model, so that the examples run anywhere: words
weighed by tf-idf, reduced by a singular value decomposition of the texts at hand.
It knows that words belong together when they occur in the same texts, and
nothing else.  In an application of yours, a sentence-embedding model stands here.

SPDX-License-Identifier: Apache-2.0
"""
import math
import re
from collections import Counter

import numpy

STOP = set("a an and are as at be but by for from has have how i in is it its of on or that the this to was what "
           "when where which who with".split())


def words(text):
    """Lower case, plural and -ing endings off, stop words out."""
    found = []
    for word in re.findall(r"[a-z0-9]+", text.lower()):
        if word not in STOP and len(word) > 1:
            for ending in ("ing", "es", "ed", "s"):
                if word.endswith(ending) and len(word) - len(ending) >= 4:
                    word = word[:-len(ending)]
                    break
            found.append(word)
    return found


class LatentSemantics:
    """Trained on texts; embeds these and others into `dimensions` numbers of unit length."""

    def __init__(self, texts, dimensions):
        counts = [Counter(words(text)) for text in texts]
        frequency = Counter(word for count in counts for word in count)
        self.place = {word: at for at, word in enumerate(sorted(w for w in frequency if frequency[w] > 1))}
        self.weight = numpy.array([math.log(len(texts) / frequency[word]) for word in self.place])
        matrix = numpy.stack([self._row(count) for count in counts])
        # Few texts, so the exact decomposition will do; of the texts' products, which is the smaller matrix.
        small = matrix @ matrix.T if len(texts) < len(self.place) else matrix.T @ matrix
        values, vectors = numpy.linalg.eigh(small)
        keep = numpy.argsort(values)[::-1][:dimensions]
        basis = vectors[:, keep]
        if len(texts) < len(self.place):
            basis = matrix.T @ basis / numpy.sqrt(numpy.maximum(values[keep], 1e-12))
        self.basis = basis
        self.dimensions = basis.shape[1]

    def _row(self, count):
        row = numpy.zeros(len(self.place))
        for word, times in count.items():
            if word in self.place:
                row[self.place[word]] = (1 + math.log(times)) * self.weight[self.place[word]]
        length = numpy.linalg.norm(row)
        return row / length if length > 0 else row

    def embed(self, text):
        vector = self._row(Counter(words(text))) @ self.basis
        length = numpy.linalg.norm(vector)
        # A text of unknown words only is like none: cosine distance has no answer for a zero vector.
        vector = vector / length if length > 0 else numpy.ones(self.dimensions) / math.sqrt(self.dimensions)
        return vector.tolist()
