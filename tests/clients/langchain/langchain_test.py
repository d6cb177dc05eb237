"""langchain_test.py - LangChain's PGVector and PGVectorStore, from langchain-postgres.

Goal: both stores, unmodified, make their tables, add, search with scores, filter
by metadata, search with diversity and delete; PGVectorStore makes its own hnsw
index, and an ivf one by the same class with another name of access method.

SPDX-License-Identifier: Apache-2.0
"""
import os
import warnings
from dataclasses import dataclass

import sqlalchemy
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_postgres import Column, PGEngine, PGVector, PGVectorStore
from langchain_postgres.v2.indexes import (BaseIndex, DistanceStrategy, HNSWIndex, HNSWQueryOptions, IVFFlatIndex)

import sample
from sample import DIMENSIONS, ok

warnings.simplefilter("ignore")
items = sample.rows()
query = items[11]
URL = f"postgresql+psycopg://{os.environ['PGUSER']}@127.0.0.1:{os.environ['PGPORT']}/{os.environ['PGDATABASE']}"


class RowEmbeddings(Embeddings):
    """The text of a row is its number, and its vector is what the row has."""

    def embed_query(self, text):
        return items[int(text) - 1].dense.tolist()

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]


@dataclass
class IvfIndex(BaseIndex):
    """What a user writes to have ivf in place of hnsw."""

    index_type: str = "ivf"

    def index_options(self):
        return "(lists = 20)"


def numbers(documents):
    return [int(document.page_content) for document in documents]


def documents():
    return [Document(page_content=str(row.id), metadata={"category": row.category}) for row in items]


def check(store, name, filter_of):
    truth = sample.ranked(items, "dense", sample.cosine, query.dense)
    sample.nearest(numbers(store.similarity_search(str(query.id), k=10)), truth, f"{name}: similarity_search")
    scored = store.similarity_search_with_score(str(query.id), k=20)
    sample.same_distances([(int(document.page_content), score) for document, score in scored], truth,
                          f"{name}: scores as numpy has them")
    some = [row for row in items if row.category == 3]
    found = store.similarity_search(str(query.id), k=10, filter=filter_of("category", "$eq", 3))
    sample.nearest(numbers(found), sample.ranked(some, "dense", sample.cosine, query.dense), f"{name}: filter $eq")
    some = [row for row in items if row.category in (1, 2, 5)]
    found = store.similarity_search(str(query.id), k=10, filter=filter_of("category", "$in", [1, 2, 5]))
    sample.nearest(numbers(found), sample.ranked(some, "dense", sample.cosine, query.dense), f"{name}: filter $in")
    diverse = numbers(store.max_marginal_relevance_search(str(query.id), k=5, fetch_k=30))
    near = [row_id for _, row_id in truth[:30]]
    ok(len(set(diverse)) == 5 and set(diverse) <= set(near), f"{name}: max_marginal_relevance_search")
    retrieved = store.as_retriever(search_kwargs={"k": 4}).invoke(str(query.id))
    ok(numbers(retrieved)[0] == query.id and len(retrieved) == 4, f"{name}: as a retriever")


def check_pgvector():
    store = PGVector(embeddings=RowEmbeddings(), collection_name="rows", connection=URL, use_jsonb=True)
    ids = [f"row-{row.id}" for row in items]
    ok(store.add_documents(documents(), ids=ids) == ids, "PGVector: add_documents")
    check(store, "PGVector", lambda key, operator, value: {key: {operator: value}})
    store.delete(ids[:100])
    left = numbers(store.similarity_search(str(query.id), k=10))
    ok(len(left) == 10 and min(left) > 100, "PGVector: delete")


def check_store():
    engine = PGEngine.from_connection_string(URL)
    engine.init_vectorstore_table("store_rows", DIMENSIONS, metadata_columns=[Column("category", "INTEGER")])
    store = PGVectorStore.create_sync(engine, RowEmbeddings(), "store_rows", metadata_columns=["category"],
                                      index_query_options=HNSWQueryOptions(ef_search=100))
    ids = store.add_documents(documents())
    ok(len(set(ids)) == len(items), "PGVectorStore: add_documents")
    admin = sqlalchemy.create_engine(URL)
    with admin.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sqlalchemy.text(
            f"ALTER DATABASE {os.environ['PGDATABASE']} SET enable_seqscan = off"))
    for index, name in [(None, "no index"), (HNSWIndex(), "hnsw"), (IVFFlatIndex(lists=1), "ivfflat"), (IvfIndex(), "ivf")]:
        if index is not None:
            store.apply_vector_index(index, name="tested")
            ok(store.is_valid_index("tested"), f"PGVectorStore: apply_vector_index, {name}")
        check(store, f"PGVectorStore, {name}", lambda key, operator, value: {key: {operator: value}})
        if index is not None:
            store.reindex("tested")
            store.drop_vector_index("tested")
    by_length = PGVectorStore.create_sync(engine, RowEmbeddings(), "store_rows", metadata_columns=["category"],
                                          distance_strategy=DistanceStrategy.EUCLIDEAN)
    scored = by_length.similarity_search_with_score(str(query.id), k=10)
    sample.same_distances([(int(document.page_content), score) for document, score in scored],
                          sample.ranked(items, "dense", sample.l2, query.dense), "PGVectorStore: Euclidean")
    store.delete(ids=ids[:100])
    left = numbers(store.similarity_search(str(query.id), k=10))
    ok(len(left) == 10 and min(left) > 100, "PGVectorStore: delete")


check_pgvector()
check_store()
sample.done("langchain-postgres", "langchain-core", "pgvector", "psycopg")
