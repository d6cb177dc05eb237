"""qdrant_server.py - Qdrant's REST API, as far as Qdrant's own Python client has it.

Qdrant's server is in no package registry.  Its client is, and brings what a
server would be compared with: the API's requests and answers as classes that
Qdrant makes from its OpenAPI document (a request with a member too many, or of
another type, is refused), and an implementation of collections, "local mode".
This puts the one before the other.

SPDX-License-Identifier: Apache-2.0
"""
import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import ValidationError
from qdrant_client import models


def collections(client, _):
    return client.get_collections()


def collection(client, _, name):
    return client.get_collection(name)


def scroll(client, body, name):
    asked = models.ScrollRequest.model_validate_json(body)
    points, following = client.scroll(name, limit=asked.limit or 10, offset=asked.offset,
                                      with_payload=asked.with_payload, with_vectors=asked.with_vector)
    return models.ScrollResult(points=points, next_page_offset=following)


def count(client, body, name):
    return client.count(name, exact=models.CountRequest.model_validate_json(body).exact)


def query(client, body, name):
    asked = models.QueryRequest.model_validate_json(body)
    # asked.params, with "exact" in it, is checked by the class; local mode is exact anyway.
    return client.query_points(name, query=asked.query, using=asked.using, limit=asked.limit or 10)


ROUTES = [
    ("GET", r"/collections", collections),
    ("GET", r"/collections/([^/]+)", collection),
    ("POST", r"/collections/([^/]+)/points/scroll", scroll),
    ("POST", r"/collections/([^/]+)/points/count", count),
    ("POST", r"/collections/([^/]+)/points/query", query),
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, method):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        code, result, status = 404, None, {"error": "Not found"}
        for verb, path, do in ROUTES:
            match = re.fullmatch(path, self.path)
            if verb == method and match:
                try:
                    with self.server.lock:
                        result = do(self.server.client, body, *map(urllib.parse.unquote, match.groups()))
                    code, status = 200, "ok"
                except ValidationError as error:
                    code, status = 400, {"error": f"Format error in JSON body: {error}"}
                except ValueError as error:
                    status = {"error": str(error)}
        answer = {"status": status, "time": 0.001}
        if result is not None:
            # What there is not is left out, but for this, which is null on the last page.
            answer["result"] = {**({"next_page_offset": None} if isinstance(result, models.ScrollResult) else {}),
                                **result.model_dump(mode="json", exclude_none=True)}
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.server.asked.append((code, self.path))

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def log_message(self, *_):
        pass


def serve(client):
    """Serves the collections of a client in local mode; returns the server, whose url and asked are to be read."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.client, server.lock, server.asked = client, threading.Lock(), []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
