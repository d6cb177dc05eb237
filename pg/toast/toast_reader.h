/*
 * toast_reader.h - reads many toasted values of one table; see README.md.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_TOAST_READER_H
#define OMEN_TOAST_READER_H

#include "postgres.h"
#include "compat.h"

#include "page/block_reader.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

typedef struct ToastReader ToastReader;

/*
 * A reader of the table's values, open until toast_reader_close() or, after an
 * error, the end of the transaction.  Its memory is `context`'s, which must
 * not be reset before it is closed.  The caller has the table open and locked.
 * `hints` may be NULL.  With `keep`, toast_kept() knows what was read (some of it) until then, or
 * until another such reader is opened.
 */
extern ToastReader *toast_reader_open(Relation table, BufferHints *hints, MemoryContext context, bool keep);
extern void toast_reader_close(ToastReader *reader);

/*
 * The value in memory, uncompressed and with a four-byte header: the datum
 * itself when it is so already, else good until the next call.  *place is
 * where its first chunk may be (or invalid); on return, where it was found (or
 * invalid, when the value is not out of line or was read in another way).
 */
extern Datum toast_reader_fetch(ToastReader *reader, Datum value, ItemPointerData *place);

/* A value will be fetched soon; its place, if it is known. */
extern void toast_reader_expect(ToastReader *reader, const ItemPointerData *place);

/* And, some time after that, the value itself. */
extern void toast_reader_expect_value(ToastReader *reader, const ItemPointerData *place);

/* The value of a toast pointer as a scan at work has read it, not to be changed; or NULL. */
extern struct varlena *toast_kept(const struct varlena *pointer);

#endif							/* OMEN_TOAST_READER_H */
