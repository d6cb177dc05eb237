"""Statements over libpq, through ctypes: no driver to install, and the library that every client uses.

SPDX-License-Identifier: Apache-2.0
"""
import ctypes
import ctypes.util

_pq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
for _name, _result, _arguments in (
    ("PQconnectdb", ctypes.c_void_p, [ctypes.c_char_p]),
    ("PQstatus", ctypes.c_int, [ctypes.c_void_p]),
    ("PQerrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
    ("PQbackendPID", ctypes.c_int, [ctypes.c_void_p]),
    ("PQfinish", None, [ctypes.c_void_p]),
    ("PQexec", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
    ("PQprepare", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]),
    ("PQexecPrepared", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p,
                                         ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]),
    ("PQputCopyData", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]),
    ("PQputCopyEnd", ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]),
    ("PQgetResult", ctypes.c_void_p, [ctypes.c_void_p]),
    ("PQresultStatus", ctypes.c_int, [ctypes.c_void_p]),
    ("PQntuples", ctypes.c_int, [ctypes.c_void_p]),
    ("PQnfields", ctypes.c_int, [ctypes.c_void_p]),
    ("PQgetvalue", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
    ("PQgetisnull", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
    ("PQclear", None, [ctypes.c_void_p]),
):
    getattr(_pq, _name).restype = _result
    getattr(_pq, _name).argtypes = _arguments
# binary values hold zeros, so these come by address, not as C strings
_value_address = _pq["PQgetvalue"]
_value_address.restype = ctypes.c_void_p
_value_address.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]

_COMMAND_OK, _TUPLES_OK, _COPY_IN = 1, 2, 4


class DatabaseError(Exception):
    """What the server or libpq said."""


class Connection:
    """One connection; usable as a context."""

    def __init__(self, conninfo):
        self._db = _pq.PQconnectdb(conninfo.encode())
        if _pq.PQstatus(self._db) != 0:
            message = _pq.PQerrorMessage(self._db).decode().strip()
            _pq.PQfinish(self._db)
            raise DatabaseError(message)
        self.rows("SET client_min_messages = warning")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        _pq.PQfinish(self._db)
        self._db = None

    @property
    def backend_pid(self):
        return _pq.PQbackendPID(self._db)

    def rows(self, sql):
        """Runs statements; the rows of the last one, as tuples of text or None."""
        result = self._checked(_pq.PQexec(self._db, sql.encode()))
        try:
            return [
                tuple(
                    None if _pq.PQgetisnull(result, r, c) else _pq.PQgetvalue(result, r, c).decode()
                    for c in range(_pq.PQnfields(result))
                )
                for r in range(_pq.PQntuples(result))
            ]
        finally:
            _pq.PQclear(result)

    def value(self, sql):
        """The first column of the first row, or None."""
        rows = self.rows(sql)
        return rows[0][0] if rows else None

    def prepare(self, name, sql):
        _pq.PQclear(self._checked(_pq.PQprepare(self._db, name.encode(), sql.encode(), 0, None)))

    def prepared_ids(self, name, parameter):
        """Runs a prepared statement with one binary parameter; its first column, of binary bigint, as numbers."""
        result = self._checked(_pq.PQexecPrepared(
            self._db, name.encode(), 1, ctypes.byref(ctypes.c_char_p(parameter)),
            ctypes.byref(ctypes.c_int(len(parameter))), ctypes.byref(ctypes.c_int(1)), 1))
        try:
            return [int.from_bytes(ctypes.string_at(_value_address(result, r, 0), 8), "big")
                    for r in range(_pq.PQntuples(result))]
        finally:
            _pq.PQclear(result)

    def copy_in(self, sql, chunks):
        """Runs COPY ... FROM STDIN and sends it the chunks of bytes."""
        _pq.PQclear(self._checked(_pq.PQexec(self._db, sql.encode()), _COPY_IN))
        for chunk in chunks:
            _pq.PQputCopyData(self._db, chunk, len(chunk))
        _pq.PQputCopyEnd(self._db, None)
        _pq.PQclear(self._checked(_pq.PQgetResult(self._db)))
        while (result := _pq.PQgetResult(self._db)) is not None:
            _pq.PQclear(result)

    def _checked(self, result, *more):
        if _pq.PQresultStatus(result) in (_COMMAND_OK, _TUPLES_OK, *more):
            return result
        message = _pq.PQerrorMessage(self._db).decode().strip()
        _pq.PQclear(result)
        raise DatabaseError(message)
