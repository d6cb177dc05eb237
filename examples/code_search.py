"""code_search.py - find a function by what it does, in this repository's C code.

Takes every C function of core/ apart (its comment, name and the words of its
identifiers), embeds it (lsa.py), and answers by cosine distance.  A partial index
keeps tests out; the hybrid question also wants a word in the text.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import re
import sys

import psycopg

from lsa import LatentSemantics

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "core"
QUESTIONS = [
    "hamming distance between two strings of bits",
    "read a number from text without losing digits",
    "assign each row to its nearest centroid",
    "rotate a vector by random signs and a hadamard transform",
]

# PostgreSQL's layout makes this easy: a function begins in the first column, after its comment, and ends with "}" there.
FUNCTION = re.compile(r"((?:/\*(?:[^*]|\*(?!/))*\*/\n)?)^((?:static )?[\w \*]+)\n(\w+)\(([^;{]*?)\)\n\{\n(.*?)^\}", re.M | re.S)


def split_words(text):
    """identifiersLike_this are words too."""
    return re.sub(r"[_\W]+", " ", re.sub(r"([a-z])([A-Z])", r"\1 \2", text))


def read_functions():
    found = []
    for path in sorted(SOURCE.rglob("*.c")):
        text = path.read_text()
        # What the file is about helps each of its functions.
        about = text.split("*/")[0]
        for match in FUNCTION.finditer(text):
            comment, _, name, parameters, body = match.groups()
            line = text.count("\n", 0, match.start(3)) + 1
            words = " ".join([split_words(name)] * 3 + [split_words(comment)] * 3 +
                             [split_words(about), split_words(parameters), split_words(body)])
            found.append((f"core/{path.relative_to(SOURCE)}:{line}", name, path.name.endswith(("_test.c", "_bench.c", "_fuzz.c")), words))
    return found


def load(connection, functions, model):
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute("DROP TABLE IF EXISTS functions")
    connection.execute("CREATE TABLE functions (place text PRIMARY KEY, name text, test bool, words text, "
                       f"embedding vector({model.dimensions}))")
    with connection.cursor().copy("COPY functions FROM STDIN") as copy:
        for place, name, test, words in functions:
            copy.write_row([place, name, test, words, str(model.embed(words))])
    connection.execute("CREATE INDEX ON functions USING hnsw (embedding vector_cosine_ops) WHERE NOT test")
    connection.execute("CREATE INDEX ON functions USING gin (to_tsvector('simple', words))")
    connection.execute("ANALYZE functions")


def main(questions):
    functions = read_functions()
    model = LatentSemantics([words for _, _, _, words in functions], 96)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        load(connection, functions, model)
        print(f"{len(functions):,} functions\n")
        for question in questions:
            print(question)
            for place, name, distance in connection.execute(
                    "SELECT place, name, embedding <=> %(query)s FROM functions WHERE NOT test "
                    "ORDER BY embedding <=> %(query)s LIMIT 4", {"query": str(model.embed(question))}):
                print(f"  {distance:.3f}  {name:<36} {place}")
        question, word = "distance between vectors", "avx512"
        print(f"\n{question}, with the word {word} in it")
        for place, name, distance in connection.execute(
                "SELECT place, name, embedding <=> %(query)s FROM functions WHERE NOT test AND "
                "to_tsvector('simple', words) @@ to_tsquery('simple', %(word)s) ORDER BY embedding <=> %(query)s LIMIT 4",
                {"query": str(model.embed(question)), "word": word}):
            print(f"  {distance:.3f}  {name:<36} {place}")


main(sys.argv[1:] or QUESTIONS)
