"""rag.py - questions about OmenDB, answered from its documentation by LangChain.

An application that was written for pgvector.  To move it, one line changed:

    -CONNECTION = "postgresql+psycopg://app@the-pgvector-server/app"
    +CONNECTION = "postgresql+psycopg://app@the-omendb-server/app"

(Here it comes from the environment.)  Store, retriever and chain are LangChain's, unmodified.  Two things stand in for
services that need a key or a download: the embeddings (lsa.py) and the language
model, which here picks the passage that shares most with the question.  Put ChatOpenAI(), ChatAnthropic() or another model in its place.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import re
import sys

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_postgres import PGVector

from lsa import LatentSemantics, words

CONNECTION = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:", 1)
DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
QUESTIONS = [
    "How many dimensions may an hnsw index have?",
    "How do I go back to pgvector?",
    "Which index should I take when queries filter by tenant?",
    "Are zero vectors in the index?",
]


def read_passages():
    """Sections of the documentation, a table's row or a paragraph each."""
    passages = []
    for path in sorted(DOCS.glob("*.md")):
        if path.name in ("benchmarks.md", "experiments.md"):
            continue
        section = path.stem
        for block in re.split(r"\n(?=#|\||- |\d+\. )|\n\n", path.read_text()):
            if block.startswith("#"):
                section = block.split("\n")[0].strip("# ")
            text = re.sub(r"[|`*]", " ", block).strip()
            if len(words(text)) >= 5 and "---" not in text:
                passages.append(Document(page_content=f"{section}: {text}", metadata={"source": path.name}))
    return passages


class LsaEmbeddings(Embeddings):
    def __init__(self, texts):
        self.model = LatentSemantics(texts, 64)

    def embed_documents(self, texts):
        return [self.model.embed(text) for text in texts]

    def embed_query(self, text):
        return self.model.embed(text)


def pick_passage(prompt):
    """The language model's place: the context's line that shares most words with the question, and says little else."""
    context, question = prompt.to_string().split("\nQuestion: ")
    wanted = set(words(question))
    lines = [line for line in context.split("\n")[1:] if line.strip()]
    return max(lines, key=lambda line: len(wanted & set(words(line))) ** 2 / max(1, len(words(line))))


def main(questions):
    passages = read_passages()
    store = PGVector.from_documents(passages, LsaEmbeddings([p.page_content for p in passages]), connection=CONNECTION,
                                    collection_name="docs", pre_delete_collection=True)
    retriever = store.as_retriever(search_kwargs={"k": 5})
    prompt = PromptTemplate.from_template("Answer from this context:\n{context}\nQuestion: {question}")
    joined = RunnableLambda(lambda found: "\n".join(re.sub(r"\s+", " ", p.page_content) for p in found))
    chain = ({"context": retriever | joined, "question": RunnablePassthrough()} | prompt
             | RunnableLambda(pick_passage) | StrOutputParser())
    print(f"{len(passages)} passages of documentation\n")
    for question in questions:
        sources = sorted({p.metadata["source"] for p in retriever.invoke(question)})
        print(f"Q: {question}\nA: {chain.invoke(question)}\n   [{', '.join(sources)}]\n")


main(sys.argv[1:] or QUESTIONS)
