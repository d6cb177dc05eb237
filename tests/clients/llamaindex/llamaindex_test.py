"""llamaindex_test.py - LlamaIndex's PGVectorStore.

Goal: the store, unmodified, makes its table and hnsw index (over vector and over
halfvec), adds nodes, answers queries with and without metadata filters, by text
as well (hybrid), and deletes.

SPDX-License-Identifier: Apache-2.0
"""
import os

import sqlalchemy
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import (FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery)
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.postgres import PGVectorStore

import sample
from sample import DIMENSIONS, ok

items = sample.rows()
query = items[11]
HNSW = {"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 100}


def make_store(table, use_halfvec, hnsw_dist_method, hybrid=False):
    return PGVectorStore.from_params(
        host="127.0.0.1", port=os.environ["PGPORT"], database=os.environ["PGDATABASE"], user=os.environ["PGUSER"],
        password="none", table_name=table, embed_dim=DIMENSIONS, use_jsonb=True, use_halfvec=use_halfvec,
        hybrid_search=hybrid, text_search_config="english",
        hnsw_kwargs={**HNSW, "hnsw_dist_method": hnsw_dist_method})


def ask(store, k=10, **arguments):
    result = store.query(VectorStoreQuery(query_embedding=query.dense.tolist(), similarity_top_k=k, **arguments))
    return [int(row_id) for row_id in result.ids], result.similarities


def check(name, use_halfvec, opclass):
    table = f"rows_{opclass}"
    store = make_store(table, use_halfvec, opclass)
    added = store.add([TextNode(id_=str(row.id), text=f"row {row.id}", metadata={"category": row.category},
                                embedding=row.dense.tolist()) for row in items])
    ok(len(added) == len(items), f"{name}: add")
    truth = sample.ranked(items, "dense", sample.cosine, query.dense)
    ids, similarities = ask(store)
    sample.nearest(ids, truth, f"{name}: query")
    sample.same_distances([(row_id, 1 - similarity) for row_id, similarity in zip(ids, similarities)], truth,
                          f"{name}: similarities as numpy has them")
    filters = MetadataFilters(filters=[MetadataFilter(key="category", value=3, operator=FilterOperator.EQ)])
    some = [row for row in items if row.category == 3]
    sample.nearest(ask(store, filters=filters)[0], sample.ranked(some, "dense", sample.cosine, query.dense),
                   f"{name}: filter ==")
    filters = MetadataFilters(filters=[MetadataFilter(key="category", value=5, operator=FilterOperator.GT)])
    some = [row for row in items if row.category > 5]
    sample.nearest(ask(store, filters=filters)[0], sample.ranked(some, "dense", sample.cosine, query.dense),
                   f"{name}: filter >")
    with sqlalchemy.create_engine(f"postgresql+psycopg2://{os.environ['PGUSER']}@127.0.0.1:{os.environ['PGPORT']}/"
                                  f"{os.environ['PGDATABASE']}").connect() as connection:
        found = connection.execute(sqlalchemy.text(
            "SELECT count(*) FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am m ON m.oid = c.relam "
            f"WHERE m.amname = 'hnsw' AND x.indrelid = 'data_{table}'::regclass")).scalar()
    ok(found == 1, f"{name}: it made its hnsw index")
    store.delete_nodes([str(row_id) for row_id in range(1, 101)])
    ids, _ = ask(store)
    ok(len(ids) == 10 and min(ids) > 100, f"{name}: delete_nodes")


def check_hybrid():
    store = make_store("rows_hybrid", False, "vector_cosine_ops", hybrid=True)
    store.add([TextNode(id_=str(row.id), text=f"animal{row.id} walks", metadata={"category": row.category},
                        embedding=row.dense.tolist()) for row in items[:200]])
    result = store.query(VectorStoreQuery(query_embedding=query.dense.tolist(), query_str="animal77",
                                          similarity_top_k=3, sparse_top_k=3, mode=VectorStoreQueryMode.HYBRID))
    ok(str(query.id) in result.ids and "77" in result.ids, "hybrid: the nearest and the one with the word")


check("vector", False, "vector_cosine_ops")
check("halfvec", True, "halfvec_cosine_ops")
check_hybrid()
sample.done("llama-index-vector-stores-postgres", "llama-index-core", "pgvector", "psycopg2-binary", "asyncpg")
