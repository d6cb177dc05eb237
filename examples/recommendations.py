"""recommendations.py - what to show whom, from the embeddings of users and items.

Makes ratings of 1,500 users with hidden tastes for 2,000 films, hides a fifth of
them, learns vectors for users and films from the rest (a truncated SVD), and lets
the database find the films with the largest inner product that a user has not
seen.  Printed: how often a hidden favourite is among ten recommendations, beside
recommending what is popular.

SPDX-License-Identifier: Apache-2.0
"""
import os

import numpy
import psycopg

USERS, FILMS, GENRES, DIMENSIONS = 1500, 2000, 12, 16
NAMES = ["western", "noir", "romance", "horror", "comedy", "space", "war", "music", "sports", "crime", "family", "nature"]


def make_ratings(rng):
    """What each user watched and how they liked it; films belong to a genre or two."""
    films = rng.dirichlet(numpy.full(GENRES, 0.15), FILMS)
    tastes = rng.dirichlet(numpy.full(GENRES, 0.25), USERS)
    fame = rng.pareto(1.5, FILMS) + 0.3
    ratings = numpy.zeros((USERS, FILMS))
    for user in range(USERS):
        chance = (films @ tastes[user]) * fame
        seen = rng.choice(FILMS, 50, replace=False, p=chance / chance.sum())
        ratings[user, seen] = 1 + 4 * (films[seen] @ tastes[user]) / (films @ tastes[user]).max()
    return films, ratings


def embed(ratings):
    """Users and films as vectors whose inner products come near the ratings."""
    left, strength, right = numpy.linalg.svd(ratings, full_matrices=False)
    root = numpy.sqrt(strength[:DIMENSIONS])
    return left[:, :DIMENSIONS] * root, right[:DIMENSIONS].T * root


def load(connection, films, known, users, items):
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute("DROP TABLE IF EXISTS seen, films, viewers")
    connection.execute(f"CREATE TABLE films (id int PRIMARY KEY, title text, embedding vector({DIMENSIONS}))")
    connection.execute(f"CREATE TABLE viewers (id int PRIMARY KEY, embedding vector({DIMENSIONS}))")
    connection.execute("CREATE TABLE seen (viewer int, film int, PRIMARY KEY (viewer, film))")
    with connection.cursor().copy("COPY films FROM STDIN") as copy:
        for at, vector in enumerate(items):
            genre = NAMES[int(films[at].argmax())]
            copy.write_row([at, f"{genre} #{at}", str(vector.tolist())])
    with connection.cursor().copy("COPY viewers FROM STDIN") as copy:
        for at, vector in enumerate(users):
            copy.write_row([at, str(vector.tolist())])
    with connection.cursor().copy("COPY seen FROM STDIN") as copy:
        for viewer, film in zip(*numpy.nonzero(known)):
            copy.write_row([int(viewer), int(film)])
    connection.execute("CREATE INDEX ON films USING ivf (embedding vector_ip_ops)")
    connection.execute("ANALYZE")


# The viewer's vector is the query, and the anti-join a condition: ten rows come back however many were seen.
RECOMMEND = """
SELECT f.id, f.title FROM films f
WHERE NOT EXISTS (SELECT FROM seen s WHERE s.viewer = %(viewer)s AND s.film = f.id)
ORDER BY f.embedding <#> (SELECT embedding FROM viewers WHERE id = %(viewer)s) LIMIT 10
"""


def main():
    rng = numpy.random.default_rng(11)
    films, ratings = make_ratings(rng)
    hidden = (ratings > 0) & (rng.random(ratings.shape) < 0.2)
    known = numpy.where(hidden, 0, ratings)
    users, items = embed(known)
    popular = numpy.argsort(-(known > 0).sum(axis=0))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        load(connection, films, known, users, items)
        for viewer in (3, 42):
            loved = numpy.argsort(-known[viewer])[:3]
            print(f"viewer {viewer} liked", ", ".join(f"{NAMES[int(films[f].argmax())]} #{f}" for f in loved))
            found = connection.execute(RECOMMEND, {"viewer": viewer}).fetchall()
            print("  recommended:", ", ".join(title for _, title in found))
        hits = popular_hits = 0
        for viewer in range(0, USERS, 5):
            found = {film for film, _ in connection.execute(RECOMMEND, {"viewer": viewer})}
            hits += bool(found & set(numpy.nonzero(hidden[viewer])[0].tolist()))
            unseen = [film for film in popular if known[viewer, film] == 0][:10]
            popular_hits += bool(hidden[viewer, unseen].any())
    asked = len(range(0, USERS, 5))
    print(f"\na hidden favourite among ten: {hits / asked:.0%} of viewers; by popularity alone {popular_hits / asked:.0%}")


main()
