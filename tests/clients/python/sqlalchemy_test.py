"""sqlalchemy_test.py - pgvector-python's SQLAlchemy types, over psycopg 3.

Goal: tables and indexes declared the way pgvector's documentation shows, made
by the ORM; distances as methods of columns; aggregates; and the schema read back
from the database by reflection says the same.

SPDX-License-Identifier: Apache-2.0
"""
from pgvector import SparseVector
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR, avg
from sqlalchemy import Index, Integer, MetaData, Table, create_engine, func, inspect, select, text
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

import sample
from sample import DIMENSIONS, ok


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "orm_items"
    id = mapped_column(Integer, primary_key=True)
    category = mapped_column(Integer)
    dense = mapped_column(VECTOR(DIMENSIONS))
    half = mapped_column(HALFVEC(DIMENSIONS))
    sparse = mapped_column(SPARSEVEC(DIMENSIONS))
    bits = mapped_column(BIT(DIMENSIONS))


INDEXES = [
    Index("orm_hnsw", Item.dense, postgresql_using="hnsw", postgresql_with={"m": 16, "ef_construction": 64},
          postgresql_ops={"dense": "vector_l2_ops"}),
    Index("orm_ivf", Item.half, postgresql_using="ivf", postgresql_ops={"half": "halfvec_cosine_ops"}),
    Index("orm_cast", func.cast(Item.dense, HALFVEC(DIMENSIONS)).label("as_half"), postgresql_using="hnsw",
          postgresql_ops={"as_half": "halfvec_l2_ops"}),
]

engine = create_engine("postgresql+psycopg://")
items = sample.rows()
query = items[11]

with Session(engine) as session:
    session.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    session.commit()
Base.metadata.create_all(engine)
ok(True, "create_all with three vector indexes")

with Session(engine) as session:
    session.add_all(Item(id=row.id, category=row.category, dense=row.dense, half=row.dense.tolist(),
                         sparse=SparseVector(row.sparse.tolist()),
                         bits="".join("01"[int(bit)] for bit in row.bits)) for row in items)
    session.commit()
    one = session.get(Item, 5)
    session.refresh(one)
    ok(one.dense == items[4].dense.tolist()
       and one.half == items[4].dense.tolist()
       and one.sparse.to_list() == items[4].sparse.tolist()
       and one.bits == "".join("01"[int(bit)] for bit in items[4].bits), "all types there and back through the ORM")

    for name, expression, column, distance in [
        ("l2_distance", Item.dense.l2_distance(query.dense), "dense", sample.l2),
        ("max_inner_product", Item.dense.max_inner_product(query.dense), "dense", sample.negative_inner_product),
        ("cosine_distance", Item.half.cosine_distance(query.dense.tolist()), "dense", sample.cosine),
        ("l1_distance", Item.sparse.l1_distance(SparseVector(query.sparse.tolist())), "sparse", sample.l1),
        ("hamming_distance", Item.bits.hamming_distance("".join("01"[int(b)] for b in query.bits)), "bits",
         sample.hamming),
        ("jaccard_distance", Item.bits.jaccard_distance("".join("01"[int(b)] for b in query.bits)), "bits",
         sample.jaccard),
    ]:
        answers = session.execute(select(Item.id, expression).order_by(expression, Item.id)).all()
        sample.same_distances([tuple(answer) for answer in answers],
                              sample.ranked(items, column, distance, getattr(query, column)), name)

    session.execute(text("ANALYZE orm_items"))
    session.execute(text("SET LOCAL enable_seqscan = off"))
    some = [row for row in items if row.category in (1, 2)]
    answers = session.scalars(select(Item.id).where(Item.category.in_([1, 2]))
                              .order_by(Item.dense.l2_distance(query.dense)).limit(10)).all()
    sample.nearest(answers, sample.ranked(some, "dense", sample.l2, query.dense), "hnsw under a condition")
    answers = session.scalars(select(Item.id).order_by(Item.half.cosine_distance(query.dense.tolist())).limit(10)).all()
    sample.nearest(answers, sample.ranked(items, "dense", sample.cosine, query.dense), "ivf by cosine distance")
    within = session.scalars(select(Item.id).where(Item.dense.l2_distance(query.dense) < 3)).all()
    truth = [row_id for distance, row_id in sample.ranked(items, "dense", sample.l2, query.dense) if distance < 3]
    ok(sorted(within) == sorted(truth), f"a range of distances ({len(truth)} rows)")
    mean = session.scalar(select(avg(Item.dense)).where(Item.category == 1))
    ok(mean is not None and len(mean) == DIMENSIONS, "avg of a category")

reflected = Table("orm_items", MetaData(), autoload_with=engine)
ok([str(reflected.c[name].type) for name in ("dense", "half", "sparse")]
   == [f"VECTOR({DIMENSIONS})", f"HALFVEC({DIMENSIONS})", f"SPARSEVEC({DIMENSIONS})"], "reflection finds the types")
found = {index["name"]: index.get("dialect_options", {}).get("postgresql_using") for index in
         inspect(engine).get_indexes("orm_items")}
ok(found.get("orm_hnsw") == "hnsw" and found.get("orm_ivf") == "ivf", "and the access methods")
sample.done("pgvector", "SQLAlchemy")
