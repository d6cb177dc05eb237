"""Sets of vectors, with queries and the true answers, made once and kept in a cache folder.

SPDX-License-Identifier: Apache-2.0
"""
import ast
import os
import subprocess
import sys

from .programs import SOURCE, Failed

TRUE_NEIGHBOURS = 1000

# name: (how it is made, dimensions, metric, in words)
TEXTS = {
    "wordnet384": ("demo", 384, "cosine", "WordNet's definitions embedded as `omendb demo` does"),
    "svd768": ("textbook", 768, "cosine", "WordNet's definitions, tf-idf and truncated SVD: real and hard"),
    "minilm384": ("neural", 384, "cosine", "WordNet's definitions by the sentence embedding all-MiniLM-L6-v2"),
}
FORMULAS = {
    "spectrum": ("l2", "unit length, power-law spectrum, 2,000 topics of Zipf sizes"),
    "lengths": ("ip", "the same with log-normal lengths"),
    "moving": ("l2", "as spectrum, every topic on its way to another place a million rows on"),
    "sift": ("l2", "small whole numbers in 2,000 topics of Zipf sizes, as image descriptors"),
}
NAMES = ", ".join([*TEXTS, *(f"{kind}:DIM:ROWS" for kind in FORMULAS)])


def npy_shape(path):
    """Rows and columns of a .npy file."""
    with open(path, "rb") as file:
        head = file.read(10)
        header = ast.literal_eval(file.read(head[8] | head[9] << 8).decode("latin1").strip())
    return header["shape"]


class Dataset:
    """Rows, from a file or a formula, and query sets: "queries" (held out) and "outside"."""

    def __init__(self, name, cache, queries, metric=None):
        self.name = name
        self.query_count = queries
        self.folder = os.path.join(cache, name.replace(":", "-"))
        kind, _, shape = name.partition(":")
        if name in TEXTS:
            self._method, self.dim, self.metric, self.words = TEXTS[name]
            self.source = os.path.join(self.folder, "rows.npy")
            self.rows = None
        elif kind in FORMULAS:
            self._method = "formula"
            self.metric, self.words = FORMULAS[kind]
            self.source = name
            try:
                self.dim, self.rows = (int(n) for n in shape.split(":")[:2])
            except ValueError:
                raise Failed(f"{name}: write {kind}:DIM:ROWS") from None
        else:
            raise Failed(f"there is no dataset {name}; there are {NAMES}")
        self.metric = metric or self.metric

    def _path(self, what, ending="npy"):
        return os.path.join(self.folder, f"{what}.{ending}")

    def queries(self, query_set):
        return self._path(f"{query_set}" if self._method != "formula" else f"{query_set}-{self.query_count}")

    def neighbours(self, query_set):
        return self._path(f"{query_set}-{self.query_count}-{self.metric}-neighbours")

    def distances(self, query_set):
        return self._path(f"{query_set}-{self.query_count}-{self.metric}-distances")

    def prepare(self, programs, query_sets, say):
        """Makes what is missing."""
        os.makedirs(self.folder, exist_ok=True)
        self._make_rows(programs, query_sets, say)
        for query_set in query_sets:
            if not os.path.exists(self.distances(query_set)):
                say(f"exact neighbours of {query_set}")
                programs.run("bench_truth", self.source, self.queries(query_set), self.metric, TRUE_NEIGHBOURS,
                             self.neighbours(query_set), self.distances(query_set))

    def _make_rows(self, programs, query_sets, say):
        if self._method == "formula":
            for query_set in query_sets:
                if not os.path.exists(self.queries(query_set)):
                    programs.run("bench_rows", self.source, query_set, self.query_count, self.queries(query_set))
            return
        if not os.path.exists(self._path("outside")):
            say(f"embedding {self.words}")
            if self._method == "neural":
                self._embed_neural(programs)
            else:
                programs.run("bench_texts", self._method, self.dim, self.query_count, self.folder)
        self.rows, self.dim = npy_shape(self.source)
        self.query_count = min(npy_shape(self.queries(s))[0] for s in query_sets)

    def _embed_neural(self, programs):
        """The texts of svd768, through a model that a package carries."""
        texts = os.path.join(os.path.dirname(self.folder), "svd768")
        os.makedirs(texts, exist_ok=True)
        if not os.path.exists(os.path.join(texts, "outside.npy")):
            programs.run("bench_texts", "textbook", 768, self.query_count, texts)
        script = os.path.join(SOURCE, "bench", "datasets", "neural_rows.py")
        python = os.environ.get("BENCH_NEURAL_PYTHON", sys.executable)
        if subprocess.run([python, script, texts, self.folder], check=False).returncode != 0:
            raise Failed("the neural embedding could not be made; bench/datasets/README.md says what it needs")
