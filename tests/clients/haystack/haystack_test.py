"""haystack_test.py - Haystack's PgvectorDocumentStore and its retrievers.

Goal: the store, unmodified, makes its table and hnsw index for each of its
similarity functions and vector types, writes, retrieves with and without
filters, by keyword, and deletes.

SPDX-License-Identifier: Apache-2.0
"""
import os

from haystack.dataclasses import Document
from haystack.document_stores.types import DuplicatePolicy
from haystack.utils import Secret
from haystack_integrations.components.retrievers.pgvector import (PgvectorEmbeddingRetriever,
                                                                  PgvectorKeywordRetriever)
from haystack_integrations.document_stores.pgvector import PgvectorDocumentStore

import sample
from sample import DIMENSIONS, ok

items = sample.rows()
query = items[11]
URL = f"postgresql://{os.environ['PGUSER']}@127.0.0.1:{os.environ['PGPORT']}/{os.environ['PGDATABASE']}"


def check(function, distance, vector_type):
    name = f"{function}, {vector_type}"
    store = PgvectorDocumentStore(
        connection_string=Secret.from_token(URL), table_name=f"rows_{function}_{vector_type}",
        embedding_dimension=DIMENSIONS, vector_type=vector_type, vector_function=function, search_strategy="hnsw",
        hnsw_index_name=f"index_{function}_{vector_type}",
        keyword_index_name=f"words_{function}_{vector_type}", hnsw_recreate_index_if_exists=True,
        hnsw_index_creation_kwargs={"m": 16, "ef_construction": 64}, hnsw_ef_search=100)
    written = store.write_documents([Document(id=str(row.id), content=f"animal{row.id} walks",
                                              meta={"category": row.category}, embedding=row.dense.tolist())
                                     for row in items])
    ok(written == len(items) and store.count_documents() == len(items), f"{name}: write_documents")
    store.write_documents([Document(id="1", content="animal1 walks", meta={"category": items[0].category},
                                    embedding=items[0].dense.tolist())], policy=DuplicatePolicy.OVERWRITE)
    ok(store.count_documents() == len(items), f"{name}: overwrite")

    def ids(documents):
        return [int(document.id) for document in documents]

    retriever = PgvectorEmbeddingRetriever(document_store=store, top_k=10)
    found = retriever.run(query_embedding=query.dense.tolist())["documents"]
    sample.nearest(ids(found), sample.ranked(items, "dense", distance, query.dense), f"{name}: retrieve")
    filters = {"operator": "AND", "conditions": [{"field": "meta.category", "operator": ">=", "value": 3},
                                                 {"field": "meta.category", "operator": "!=", "value": 5}]}
    found = retriever.run(query_embedding=query.dense.tolist(), filters=filters)["documents"]
    some = [row for row in items if row.category >= 3 and row.category != 5]
    sample.nearest(ids(found), sample.ranked(some, "dense", distance, query.dense), f"{name}: with filters")
    found = PgvectorKeywordRetriever(document_store=store, top_k=3).run(query="animal77")["documents"]
    ok(ids(found) == [77], f"{name}: by keyword")
    back = store.filter_documents({"field": "id", "operator": "==", "value": "5"})[0]
    ok(sample.l1(sample.numpy.array(back.embedding), items[4].dense) < 1e-6, f"{name}: the embedding as it was")
    store.delete_documents([str(row_id) for row_id in range(1, 101)])
    found = ids(retriever.run(query_embedding=query.dense.tolist())["documents"])
    ok(len(found) == 10 and min(found) > 100, f"{name}: delete_documents")
    store.close()


check("cosine_similarity", sample.cosine, "vector")
check("inner_product", sample.negative_inner_product, "vector")
check("l2_distance", sample.l2, "vector")
check("cosine_similarity", sample.cosine, "halfvec")
sample.done("pgvector-haystack", "haystack-ai", "pgvector", "psycopg")
