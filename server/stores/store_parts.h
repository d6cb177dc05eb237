/*
 * store_parts.h - what the files of this folder share.
 *
 * A store's file knows its API and the JSON that it prints, and turns that into
 * points.  Everything else sees points only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_STORE_PARTS_H
#define OMEN_STORE_PARTS_H

#include "import/copy_writer.h"
#include "import/import_target.h"
#include "stores/store_http.h"
#include "stores/store_json.h"
#include "stores/stores.h"
#include "term/glyph.h"

/* The ten nearest: what every comparison asks for. */
#define OMEN_STORE_NEAREST 10

/* Cursors and ids: Qdrant's are numbers or UUIDs, Pinecone's at most 512 characters. */
#define OMEN_STORE_ID_BYTES 4096

typedef struct OmenStoreRun OmenStoreRun;

/* A point, as spans of the text it came in; what there is not has data NULL. */
typedef struct OmenPoint
{
	OmenJson	id;
	OmenJson	metadata;
	OmenJson	document;
	OmenJson	uri;
	struct
	{
		OmenJson	name;		/* a string with its quotes; data NULL: the one without a name */
		OmenJson	value;
	}			vectors[OMEN_STORE_VECTORS_MAX];
	int			vector_count;
} OmenPoint;

typedef enum OmenVectorShape
{
	OMEN_SHAPE_UNKNOWN,			/* no point had one yet */
	OMEN_SHAPE_DENSE,
	OMEN_SHAPE_SPARSE,
	OMEN_SHAPE_JSON				/* several vectors in one, or sparse past what sparsevec counts to */
} OmenVectorShape;

typedef struct OmenVectorName
{
	char		name[64];		/* in the store; "" for the one without a name */
	char		column[64];
	OmenVectorShape shape;
	uint32_t	dim;			/* 0: not known */
	OmenMetric	metric;
} OmenVectorName;

struct OmenStoreKind
{
	const char *name;			/* in options */
	const char *title;
	const char *key_variable;
	const char *key_header;		/* what stands before the key */
	const char *address;		/* an example of what --from takes, for advice */
	bool		documents;		/* a point has a text and a URI beside its metadata */

	/*
	 * Gives each point of an answer, of a part of one, or of a line of a file
	 * to omen_store_take(); sets run->next when the answer says where to go on.
	 */
	bool		(*read) (OmenStoreRun *run, OmenJson value);

	/* The rest is NULL for a store without an API here. */

	/* Finds the collection (options->collection or the only one): its name, its vectors as far as they are known. */
	bool		(*describe) (OmenStoreRun *run);
	bool		(*count) (OmenStoreRun *run, int64_t *count);
	/* Asks for run->page_points points after run->cursor ("": the first). */
	OmenJson	(*ask_page) (OmenStoreRun *run);
	/* The nearest to a vector in JSON: an array of ids or of objects with one; none when it cannot be asked. */
	OmenJson	(*nearest) (OmenStoreRun *run, const OmenVectorName *vector, const char *query);
};

extern const OmenStoreKind omen_store_pinecone;
extern const OmenStoreKind omen_store_qdrant;
extern const OmenStoreKind omen_store_weaviate;
extern const OmenStoreKind omen_store_chroma;

/* As the source had them; NULL: none. */
typedef struct OmenStoreSample
{
	char	   *id;
	char	   *metadata;
} OmenStoreSample;

struct OmenStoreRun
{
	const OmenStoreOptions *options;
	OmenStoreReport *report;
	OmenComplaint *complaint;

	bool		by_http;
	OmenHttp	http;
	char		key_advice[128];
	char		base[1024];		/* the URL without what stands after ? and slashes at its end */
	char		parameters[256];	/* what stood after ? */
	char		collection[256];
	char		collection_id[256]; /* where that is another thing */
	OmenBuffer	url;
	OmenBuffer	body;

	OmenVectorName vectors[OMEN_STORE_VECTORS_MAX];
	int			vector_count;

	/* Where the reading stands: for a URL a cursor of the store's, for a file the points before. */
	char		cursor[OMEN_STORE_ID_BYTES];
	char		next[OMEN_STORE_ID_BYTES];	/* "": that was the last page */
	int			page_points;
	int64_t		place;			/* points taken since the beginning */
	int64_t		skip;			/* of these, which an earlier run has copied */
	bool		(*take) (OmenStoreRun *run, const OmenPoint *point);

	OmenTarget	table;
	OmenCopyWriter *writer;		/* of the part that is open; NULL: none is */
	int64_t		part_bytes;		/* of its rows */
	char		source[2048];	/* what the note says of where it comes from */
	int64_t		total;
	uint64_t	checksum;
	OmenStoreSample *samples;	/* points of this run, to be compared with their rows */
	int			sample_count;
	uint64_t	sample_state;
};

/* stores.c */
bool		omen_store_take(OmenStoreRun *run, OmenPoint *point);
bool		omen_store_add_vector(OmenStoreRun *run, OmenPoint *point, OmenJson name, OmenJson value);
bool		omen_store_add_vectors(OmenStoreRun *run, OmenPoint *point, OmenJson vectors);
/* Reads each element of an array (or member's value of an object) as a point. */
bool		omen_store_each(OmenStoreRun *run, OmenJson points, bool (*read) (OmenStoreRun *run, OmenJson value));

/* The vectors of that name, added if there are none; NULL and a complaint when they are too many. */
OmenVectorName *omen_store_vector(OmenStoreRun *run, const char *name);

/*
 * store_url.c.  A question: its URL is begun at base + path, its body printed
 * into run->body, and omen_store_ask() sends both (a GET when the body is empty).
 */
void		omen_store_url(OmenStoreRun *run, const char *path);
void		omen_store_url_name(OmenStoreRun *run, const char *before, const char *name);
void		omen_store_body(OmenStoreRun *run, const char *format,...)
			__attribute__((format(printf, 2, 3)));
OmenJson	omen_store_ask(OmenStoreRun *run);
/* An answer that is not what the API's documentation says. */
bool		omen_store_strange(OmenStoreRun *run, const char *what);
/* Names the collection: the one asked for or the only one.  `names` holds strings, or objects with a member `key`. */
bool		omen_store_choose(OmenStoreRun *run, OmenJson names, const char *key, OmenJson *chosen);
bool		omen_store_open_url(OmenStoreRun *run);
/* The points after run->cursor; run->next is where to go on. */
bool		omen_store_read_page(OmenStoreRun *run);

/* store_file.c: the points of the file, from its start. */
bool		omen_store_read_file(OmenStoreRun *run, const char *title);

/* store_shape.c: looks at points for the columns they need; then the columns' names. */
bool		omen_store_observe(OmenStoreRun *run, const OmenPoint *point);
bool		omen_store_name_columns(OmenStoreRun *run);

/* store_table.c: the table, made or found half filled; its indexes; what is noted of it. */
bool		omen_store_open_table(OmenStoreRun *run, bool *finished);
bool		omen_store_note(OmenStoreRun *run, bool finished);
bool		omen_store_make_indexes(OmenStoreRun *run);
bool		omen_store_close_notes(OmenStoreRun *run);

/* store_copy.c: rows, part by part, each part with its note in one transaction. */
bool		omen_store_copy(OmenStoreRun *run);

/* store_check.c: keeps some points; compares everything in the end. */
bool		omen_store_keep_sample(OmenStoreRun *run, const OmenPoint *point);
bool		omen_store_compare(OmenStoreRun *run);
void		omen_store_free_samples(OmenStoreRun *run);

/* The operator; the operator class is vector_NAME_ops. */
const char *omen_metric_operator(OmenMetric metric);

#endif							/* OMEN_STORE_PARTS_H */
