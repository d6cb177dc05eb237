/*
 * demo_parts.h - the parts of the demo, for one another.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_DEMO_PARTS_H
#define OMENDB_DEMO_PARTS_H

#include <libpq-fe.h>

#include "corpus/wordnet.h"
#include "demo/demo.h"
#include "embed/embedder.h"
#include "import/byte_buffer.h"

#define OMEN_DEMO_INDEX "wordnet_embedding_idx"

typedef struct OmenDemo
{
	const OmenConfig *config;
	const OmenDemoOptions *options;
	OmenComplaint *complaint;
	PGconn	   *connection;
	OmenEmbedder *embedder;
	OmenWordnet wordnet;		/* read when first needed */
	bool		locked;
} OmenDemo;

/* The corpus, read once (demo_model.c). */
bool		omen_demo_read_corpus(OmenDemo *demo);

/* The text by which a synset is found: its words and its definition, without the examples. */
void		omen_demo_document(const OmenSynset *synset, OmenBuffer *text);

/* Opens the embedder on its kept model, which is trained first if there is none (demo_model.c). */
bool		omen_demo_open_embedder(OmenDemo *demo);

/* Table and index, made if they are not there (demo_load.c, demo_index.c). */
bool		omen_demo_load(OmenDemo *demo);
bool		omen_demo_index(OmenDemo *demo);

/*
 * Waits until no other demo makes anything in this database, and keeps others
 * waiting; the lock ends with the connection at the latest.  Unlocking what is
 * not locked does nothing.
 */
bool		omen_demo_lock(OmenDemo *demo);
bool		omen_demo_unlock(OmenDemo *demo);

/* Prepares the statement the demo searches by (demo_answer.c). */
bool		omen_demo_prepare_search(OmenDemo *demo);

/* Answers questions in one table of `nearest` rows each. */
bool		omen_demo_answer(OmenDemo *demo, const char *const *questions, size_t count, int nearest);

/* Recall, speed and size (demo_measure.c). */
bool		omen_demo_measure(OmenDemo *demo);

/* Appends a vector in the binary format of the type (demo_answer.c). */
void		omen_demo_put_vector(OmenBuffer *buffer, const float *vector, uint32_t dim);

/* Seconds of a clock that never jumps. */
double		omen_demo_clock(void);

/* An OmenError as the complaint; returns false. */
bool		omen_demo_fail(OmenDemo *demo, const OmenError *err);

#endif							/* OMENDB_DEMO_PARTS_H */
