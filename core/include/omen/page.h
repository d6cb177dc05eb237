/*
 * page.h - the page formats of the inverted file.
 *
 * The tables are drawn in pg/page/README.md; this header is their C.  A page
 * is OMEN_PAGE_BYTES long: the host's header (PostgreSQL's page header and
 * padding), the body, and a trailer of ours.  All integers are in the byte
 * order of the machine, as everywhere in PostgreSQL's files.
 *
 * Code that reads a page has checked it with omen_page_check() first: pages
 * come from disk.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_PAGE_H
#define OMEN_PAGE_H

#include "omen/rabitq.h"

#define OMEN_PAGE_BYTES 8192
#define OMEN_PAGE_HEAD_BYTES 32
#define OMEN_PAGE_TRAILER_BYTES 32
#define OMEN_BODY_BYTES (OMEN_PAGE_BYTES - OMEN_PAGE_HEAD_BYTES - OMEN_PAGE_TRAILER_BYTES)

#define OMEN_PAGE_MAGIC 0x4D4F6E65u
#define OMEN_PAGE_VERSION 1
#define OMEN_NO_BLOCK UINT32_MAX
#define OMEN_NO_SLOT UINT32_MAX
#define OMEN_META_BLOCK 0

typedef enum OmenPageKind
{
	OMEN_PAGE_META = 1,
	OMEN_PAGE_MODEL,			/* a chain of bytes: centroids, where lists and pages are */
	OMEN_PAGE_DIRECTORY,		/* where tails begin */
	OMEN_PAGE_PACKED,			/* postings in blocks of 32, cut at page ends */
	OMEN_PAGE_TAIL,				/* postings one after another, as inserted */
	OMEN_PAGE_ROW,				/* row records: row pointer and four-bit code */
	OMEN_PAGE_KEYS,				/* keys of packed postings, by which a search can leave rows out */
	OMEN_PAGE_FREE,				/* nothing */
	OMEN_PAGE_NODE,				/* hnsw: nodes of level 0 */
	OMEN_PAGE_UPPER,			/* hnsw: nodes of the levels above */
	OMEN_PAGE_ROWS,				/* hnsw: row pointers of nodes with more than one */
	OMEN_PAGE_LIST				/* ivfflat: rows of a list, with their vectors */
} OmenPageKind;

typedef struct OmenPageTrailer
{
	uint32_t	generation;		/* of the lists (MODEL .. TAIL) or of the rows (ROW); 0 on META */
	uint32_t	next;			/* TAIL, MODEL, ROW, NODE .. ROWS: the chain's next block, or OMEN_NO_BLOCK */
	uint32_t	list;			/* TAIL: the tail's number; MODEL, DIRECTORY, PACKED, KEYS: place in the run;
								 * ROW, NODE .. ROWS: 1 in the chain of pages with room, else 0 */
	uint32_t	count;			/* TAIL, ROW, NODE .. ROWS: entries; MODEL: bytes; PACKED, KEYS: bytes used */
	uint32_t	checksum;		/* the host's, of all that counts on the page */
	uint32_t	reserved;
	uint16_t	kind;
	uint16_t	version;
	uint32_t	magic;
} OmenPageTrailer;

_Static_assert(sizeof(OmenPageTrailer) == OMEN_PAGE_TRAILER_BYTES, "trailer layout");

static inline uint8_t *
omen_page_body(void *page)
{
	return (uint8_t *) page + OMEN_PAGE_HEAD_BYTES;
}

static inline OmenPageTrailer *
omen_page_trailer(void *page)
{
	return (OmenPageTrailer *) ((uint8_t *) page + OMEN_PAGE_BYTES - OMEN_PAGE_TRAILER_BYTES);
}

static inline const uint8_t *
omen_page_body_const(const void *page)
{
	return (const uint8_t *) page + OMEN_PAGE_HEAD_BYTES;
}

static inline const OmenPageTrailer *
omen_page_trailer_const(const void *page)
{
	return (const OmenPageTrailer *) ((const uint8_t *) page + OMEN_PAGE_BYTES - OMEN_PAGE_TRAILER_BYTES);
}

/* Fills in body (zeros) and trailer; the host's header is the host's. */
void		omen_page_init(void *page, OmenPageKind kind, uint32_t generation, uint32_t list);

/*
 * OMEN_OK when the page is ours, of a version we read, and of this kind and
 * generation.  OMEN_STALE when it is ours but of another kind or generation:
 * either the reader's model is out of date or the page is corrupt, and only
 * the caller can tell.  OMEN_CORRUPT or OMEN_UNSUPPORTED otherwise.
 */
OmenStatus	omen_page_check(const void *page, uint32_t block, OmenPageKind kind, uint32_t generation,
							OmenError *err);

/* ---- the meta page ---- */

typedef enum OmenMetric
{
	OMEN_L2 = 1,
	OMEN_INNER_PRODUCT,
	OMEN_COSINE
} OmenMetric;

#define OMEN_META_MAGIC 0x4656496Fu
#define OMEN_META_VERSION 2

typedef struct OmenIvfMeta
{
	uint32_t	magic;
	uint32_t	version;
	uint32_t	dim;
	uint32_t	metric;			/* OmenMetric */
	uint64_t	seed;			/* of the rotation */
	uint64_t	identity;		/* random at build: tells one index's cached model from another's */
	uint32_t	generation;		/* of model, directory, packed and tail pages */
	uint32_t	row_generation; /* of row pages */
	uint32_t	lists;
	uint32_t	model_block;	/* first of the model's chain */
	uint32_t	packed_pages;	/* in the packed run; where each is, the model knows */
	uint32_t	has_tails;		/* some list has a tail page */
	uint32_t	last_generation;	/* highest ever begun: a new one begins above it */
	uint32_t	free_rows;		/* first of the chain of row pages with room, or OMEN_NO_BLOCK */
	uint32_t	written_blocks; /* length of the index when this generation was written */
	uint32_t	lists_per_tail; /* how many lists, one after another, share a tail */
	uint64_t	packed_rows;	/* postings packed when this generation was written */
	uint64_t	trained_rows;	/* rows there were when the lists were trained */
	uint64_t	dead_postings;	/* removed by vacuum since */
	uint32_t	keys;			/* columns indexed beside the vector */
	uint32_t	key_pages;		/* in the run of keys; where each is, the model knows */
	float		lost;			/* how far a row may be from the place its record codes, its code's error apart */
	uint32_t	calibrations;	/* by queries, ever: a model kept may have an old one */
	float		moved_lost;		/* so much farther from what its posting codes, when that was made of the record */
	float		moved_share;	/* of the rows, that came or moved to other lists since the calibration with rows */
	float		imbalance;		/* of the lists when they were trained: ivf_imbalance() */
	uint32_t	digest_words;	/* of each list's digests of keys (ivf.h); 0 without keys */
} OmenIvfMeta;

_Static_assert(sizeof(OmenIvfMeta) == 128, "meta layout");

OmenStatus	omen_ivf_meta_check(const void *page, OmenIvfMeta *meta, OmenError *err);

/* ---- the directory: one entry a tail ---- */

/* List l's tail is l / lists_per_tail; so many there are. */
static inline uint32_t
omen_tails(const OmenIvfMeta *meta)
{
	return (meta->lists + meta->lists_per_tail - 1) / meta->lists_per_tail;
}

typedef struct OmenDirectoryEntry
{
	uint32_t	tail_first;		/* OMEN_NO_BLOCK when the tail is empty */
	uint32_t	tail_last;
	uint32_t	tail_pages;
	uint32_t	reserved;
} OmenDirectoryEntry;

#define OMEN_DIRECTORY_PER_PAGE ((uint32_t) (OMEN_BODY_BYTES / sizeof(OmenDirectoryEntry)))

static inline uint32_t
omen_directory_pages(uint32_t tails)
{
	return (tails + OMEN_DIRECTORY_PER_PAGE - 1) / OMEN_DIRECTORY_PER_PAGE;
}

/* ---- keys: what a posting knows of the columns indexed beside its vector ---- */

/*
 * A column's value becomes a number of 64 bits, such that conditions on the
 * column can be tested on it with no wrong "no" (ivf.h).
 */
#define OMEN_KEY_BYTES ((uint32_t) sizeof(uint64_t))
#define OMEN_KEYS_MAX 31

/*
 * Packed postings have their keys in a run of pages of their own, so that
 * whole lists can be tested before a code is read.  A lane is the keys that a
 * block of 32 postings has of one column; the lanes of block b of a list are
 * those from (b + blocks of the lists before) * keys on.
 */
#define OMEN_LANE_BYTES (OMEN_KEY_BYTES * OMEN_BLOCK_CODES)
#define OMEN_LANES_PER_PAGE (OMEN_BODY_BYTES / OMEN_LANE_BYTES)

/* ---- row records ---- */

typedef struct OmenTid
{
	uint16_t	block_hi;
	uint16_t	block_lo;
	uint16_t	offset;
} OmenTid;

enum
{
	OMEN_ROW_FREE = 0,
	OMEN_ROW_LIVE = 1,
	OMEN_ROW_DEAD = 2			/* its row is gone, a posting may still point here */
};

/* Followed by omen_u4_code_bytes(dim_padded) bytes of code, then the row's keys, 8 bytes each. */
typedef struct OmenRowRecord
{
	OmenTid		tid;
	uint16_t	state;
	uint32_t	list;			/* whose centroid the code is relative to */
	OmenCodeFactors factors;
	OmenTid		place;			/* where the vector lies out of line, if that is known; else zeros */
	uint16_t	reserved;
} OmenRowRecord;

_Static_assert(sizeof(OmenRowRecord) == 32, "row record layout");

static inline uint32_t
omen_row_bytes(uint32_t dim_padded, uint32_t keys)
{
	return (uint32_t) sizeof(OmenRowRecord) + omen_u4_code_bytes(dim_padded) + keys * OMEN_KEY_BYTES;
}

static inline uint32_t
omen_rows_per_page(uint32_t dim_padded, uint32_t keys)
{
	return OMEN_BODY_BYTES / omen_row_bytes(dim_padded, keys);
}

static inline const uint8_t *
omen_row_keys(const OmenRowRecord *record, uint32_t dim_padded)
{
	return (const uint8_t *) (record + 1) + omen_u4_code_bytes(dim_padded);
}

/* A slot is a row record's address: block x rows a page + place in the page. */

/* ---- postings ---- */

/* As sorted: the code, the keys, then this. */
typedef struct OmenPostingFactors
{
	float		add;
	uint16_t	scale;			/* bfloat16 */
	uint16_t	error;			/* bfloat16 */
	uint32_t	slot;			/* OMEN_NO_SLOT once vacuum has removed it */
} OmenPostingFactors;

#define OMEN_POSTING_FACTOR_BYTES 12
_Static_assert(sizeof(OmenPostingFactors) == OMEN_POSTING_FACTOR_BYTES, "posting layout");

static inline uint32_t
omen_posting_bytes(uint32_t dim_padded, uint32_t keys)
{
	return omen_sign_code_bytes(dim_padded) + keys * OMEN_KEY_BYTES + OMEN_POSTING_FACTOR_BYTES;
}

/* In a tail page the number of its list follows a posting. */
static inline uint32_t
omen_tail_posting_bytes(uint32_t dim_padded, uint32_t keys)
{
	return omen_posting_bytes(dim_padded, keys) + (uint32_t) sizeof(uint32_t);
}

static inline uint32_t
omen_postings_per_tail(uint32_t dim_padded, uint32_t keys)
{
	return OMEN_BODY_BYTES / omen_tail_posting_bytes(dim_padded, keys);
}

/*
 * A place in the packed run.  A block of `width` codes is code rows of width
 * bytes, one a byte position, never cut inside a row; then its factors,
 * OMEN_POSTING_FACTOR_BYTES x width bytes, never cut: add[width] as floats,
 * scale[width], error[width] as bfloat16, slot[width].  A list begins at a
 * multiple of 32.
 */
typedef struct OmenPackedPlace
{
	uint32_t	page;			/* in the run */
	uint32_t	offset;			/* in the body */
} OmenPackedPlace;

/* Code rows that fit from here; moves to the next page first when none does. */
static inline uint32_t
omen_packed_rows_here(OmenPackedPlace *place, uint32_t width)
{
	if (OMEN_BODY_BYTES - place->offset < width)
		*place = (OmenPackedPlace) {place->page + 1, 0};
	return (OMEN_BODY_BYTES - place->offset) / width;
}

/* Moves to where the factors of a block of this width are. */
static inline void
omen_packed_to_factors(OmenPackedPlace *place, uint32_t width)
{
	if (OMEN_BODY_BYTES - place->offset < OMEN_POSTING_FACTOR_BYTES * width)
		*place = (OmenPackedPlace) {place->page + 1, 0};
}

/* The same from where the block's `positions` code rows begin. */
static inline void
omen_packed_pass_codes(OmenPackedPlace *place, uint32_t width, uint32_t positions)
{
	while (positions > 0)
	{
		uint32_t	rows = omen_packed_rows_here(place, width);

		rows = rows < positions ? rows : positions;
		place->offset += rows * width;
		positions -= rows;
	}
	omen_packed_to_factors(place, width);
}

/* Moves to where the next list may begin. */
static inline void
omen_packed_to_list(OmenPackedPlace *place)
{
	place->offset = (place->offset + 31) & ~31u;
	if (place->offset >= OMEN_BODY_BYTES)
		*place = (OmenPackedPlace) {place->page + 1, 0};
}

/* Pages of the index, as core reads them. */
typedef struct OmenPageStore
{
	/*
	 * The page, locked for reading and kept in place until release(*handle);
	 * NULL when the block does not exist.  May unwind through core (ereport):
	 * core holds nothing that would leak.
	 */
	const void *(*read) (void *context, uint32_t block, uintptr_t *handle);
	void		(*release) (void *context, uintptr_t handle);
	void	   *context;
	/*
	 * The page will be read soon, from its body's `offset` on and `bytes` far:
	 * have it on its way.  Only a hint: any block may be named.  May be NULL.
	 */
	void		(*expect) (void *context, uint32_t block, uint32_t offset, uint32_t bytes);
} OmenPageStore;

#endif							/* OMEN_PAGE_H */
