"""products.py - product search by meaning, with price and category as conditions.

Makes a catalogue of 6,000 products, embeds their descriptions (lsa.py) and keeps
price and category as columns of the ivf index, so that conditions are tested
before distances are paid and a page of results is always full.

SPDX-License-Identifier: Apache-2.0
"""
import itertools
import os
import sys

import psycopg

from lsa import LatentSemantics

KINDS = {
    "jackets": ("jacket", "keeps the cold out", ["winter", "rain", "mountain", "city"], 90),
    "shoes": ("shoes", "carry your feet", ["running", "hiking", "office", "winter"], 70),
    "tents": ("tent", "gives shelter outdoors", ["family", "mountain", "festival", "trekking"], 150),
    "lamps": ("lamp", "lights the room", ["reading", "bedside", "garden", "desk"], 40),
    "headphones": ("headphones", "play music", ["wireless", "studio", "running", "travel"], 80),
    "pans": ("pan", "fries and cooks", ["cast iron", "camping", "family", "professional"], 45),
}
QUALITIES = {
    "waterproof": "waterproof membrane keeps you dry in heavy rain and storms",
    "warm": "insulated with down, warm in frost and snow",
    "light": "ultralight, weighs next to nothing in a backpack",
    "quiet": "silences noise around you on trains and planes",
    "sturdy": "robust material that lasts for decades",
    "elegant": "elegant design that goes with a suit",
    "bright": "bright light, dimmable, easy on the eyes",
    "cheap": "simple and inexpensive, for a first try",
}
QUERIES = [
    ("something warm and dry for storms in the mountains", None, 120),
    ("listen to songs on a plane without noise", "headphones", None),
    ("weighs little, to sleep outdoors", None, 200),
]


def make_products():
    """(name, category, price in cents, description): every pair of qualities with every use, in many colours."""
    colours = "red blue green black white yellow grey brown orange".split()
    products = []
    for (category, (noun, does, uses, price)), colour in itertools.product(KINDS.items(), colours):
        for use, (a, b) in itertools.product(uses, itertools.combinations(QUALITIES, 2)):
            cents = price * 100 * (60 + 7 * len(products) % 90) // 100
            products.append((f"{colour} {use} {noun}, {a} and {b}", category, cents,
                             f"{noun} for {use} use that {does}: {QUALITIES[a]}; {QUALITIES[b]}. Comes in {colour}."))
    return products


def load(connection, products, model):
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute("DROP TABLE IF EXISTS products")
    connection.execute("CREATE TABLE products (id bigserial PRIMARY KEY, name text, category text, cents int, "
                       f"description text, embedding vector({model.dimensions}))")
    with connection.cursor().copy("COPY products (name, category, cents, description, embedding) FROM STDIN") as copy:
        for product in products:
            copy.write_row([*product, str(model.embed(product[0] + " " + product[3]))])
    connection.execute("CREATE INDEX ON products USING ivf (embedding vector_cosine_ops, category, cents)")
    connection.execute("ANALYZE products")


def search(connection, model, text, category=None, euros=None):
    conditions = ["true"]
    if category is not None:
        conditions.append("category = %(category)s")
    if euros is not None:
        conditions.append("cents <= %(cents)s")
    return connection.execute(
        f"SELECT name, cents / 100.0, embedding <=> %(query)s AS distance FROM products WHERE {' AND '.join(conditions)} "
        "ORDER BY embedding <=> %(query)s LIMIT 5",
        {"query": str(model.embed(text)), "category": category, "cents": (euros or 0) * 100}).fetchall()


def main(queries):
    products = make_products()
    model = LatentSemantics([f"{name} {description}" for name, _, _, description in products[::7]], 64)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        load(connection, products, model)
        print(f"{len(products):,} products\n")
        for text, category, euros in queries:
            print(f"{text}" + (f", in {category}" if category else "") + (f", up to {euros} euros" if euros else ""))
            for name, price, distance in search(connection, model, text, category, euros):
                print(f"  {price:8.2f}  {distance:.3f}  {name}")
            print()


main([(" ".join(sys.argv[1:]), None, None)] if len(sys.argv) > 1 else QUERIES)
