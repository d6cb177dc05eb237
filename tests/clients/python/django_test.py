"""django_test.py - pgvector-python's Django fields, functions, indexes and migrations.

Goal: the operations of a migration (extension, tables with every field, both
of pgvector's index classes) run as Django runs them, forwards and backwards, and
querysets order and filter by distance as numpy does.

SPDX-License-Identifier: Apache-2.0
"""
import os

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"],
                           "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
                           "USER": os.environ["PGUSER"]}},
    INSTALLED_APPS=["django.contrib.postgres"], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True)
django.setup()

from django.db import connection, migrations, models  # noqa: E402
from django.db.migrations.state import ProjectState  # noqa: E402
from pgvector import HalfVector, SparseVector  # noqa: E402
from pgvector.django import (BitField, CosineDistance, HalfVectorField, HammingDistance, HnswIndex,  # noqa: E402
                             IvfflatIndex, JaccardDistance, L1Distance, L2Distance, MaxInnerProduct, SparseVectorField,
                             VectorExtension, VectorField)

import sample  # noqa: E402
from sample import DIMENSIONS, ok  # noqa: E402

OPERATIONS = [
    VectorExtension(),
    migrations.CreateModel("Item", [
        ("id", models.BigAutoField(primary_key=True)),
        ("category", models.IntegerField()),
        ("dense", VectorField(dimensions=DIMENSIONS)),
        ("half", HalfVectorField(dimensions=DIMENSIONS)),
        ("sparse", SparseVectorField(dimensions=DIMENSIONS)),
        ("bits", BitField(length=DIMENSIONS)),
    ]),
    migrations.AddIndex("Item", HnswIndex(name="django_hnsw", fields=["dense"], m=16, ef_construction=64,
                                          opclasses=["vector_cosine_ops"])),
    migrations.AddIndex("Item", HnswIndex(name="django_half", fields=["half"], opclasses=["halfvec_l2_ops"])),
    migrations.AddIndex("Item", IvfflatIndex(name="django_flat", fields=["dense"], lists=5,
                                             opclasses=["vector_ip_ops"])),
    migrations.RunSQL("CREATE INDEX django_ivf ON shop_item USING ivf (dense vector_l2_ops)",
                      "DROP INDEX django_ivf"),
]


class Migration(migrations.Migration):
    operations = OPERATIONS


def bits_text(row):
    return "".join("01"[int(bit)] for bit in row.bits)


items = sample.rows()
query = items[11]
migration = Migration("0001_initial", "shop")
with connection.schema_editor(atomic=True) as editor:
    state = migration.apply(ProjectState(), editor)
Item = state.apps.get_model("shop", "Item")
ok(True, "a migration with every field and index")

Item.objects.bulk_create([Item(id=row.id, category=row.category, dense=row.dense, half=HalfVector(row.dense),
                               sparse=SparseVector(row.sparse.tolist()), bits=bits_text(row)) for row in items])
one = Item.objects.get(pk=5)
ok(one.dense == items[4].dense.tolist()
   and one.half == items[4].dense.tolist() and one.sparse == SparseVector(items[4].sparse.tolist())
   and one.bits == bits_text(items[4]), "all types there and back through models")

for name, function, column, field, distance in [
    ("L2Distance", L2Distance("dense", query.dense), "dense", "dense", sample.l2),
    ("MaxInnerProduct", MaxInnerProduct("dense", query.dense), "dense", "dense", sample.negative_inner_product),
    ("CosineDistance", CosineDistance("half", HalfVector(query.dense)), "half", "dense", sample.cosine),
    ("L1Distance", L1Distance("sparse", SparseVector(query.sparse.tolist())), "sparse", "sparse", sample.l1),
    ("HammingDistance", HammingDistance("bits", bits_text(query)), "bits", "bits", sample.hamming),
    ("JaccardDistance", JaccardDistance("bits", bits_text(query)), "bits", "bits", sample.jaccard),
]:
    answers = Item.objects.annotate(distance=function).order_by("distance", "id").values_list("id", "distance")
    sample.same_distances(answers, sample.ranked(items, field, distance, getattr(query, field)), name)

with connection.cursor() as cursor:
    cursor.execute("ANALYZE shop_item")
    cursor.execute("SET enable_seqscan = off")
    cursor.execute("SET ivfflat.probes = 5")
for name, function, distance in [("cosine, by hnsw", CosineDistance("dense", query.dense), sample.cosine),
                                 ("inner product, by ivfflat", MaxInnerProduct("dense", query.dense),
                                  sample.negative_inner_product),
                                 ("L2, by ivf", L2Distance("dense", query.dense), sample.l2),
                                 ("halfvec, by hnsw", L2Distance("half", HalfVector(query.dense)), sample.l2)]:
    queryset = Item.objects.filter(category__lt=6).order_by(function)[:10]
    ok("Index Scan using django_" in queryset.explain(), f"{name} is used")
    some = [row for row in items if row.category < 6]
    sample.nearest([item.id for item in queryset], sample.ranked(some, "dense", distance, query.dense), name)

with connection.schema_editor(atomic=True) as editor:
    Migration("0001_initial", "shop").unapply(ProjectState(), editor)
ok("shop_item" not in connection.introspection.table_names(), "the migration backwards")
sample.done("pgvector", "Django")
