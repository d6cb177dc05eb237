/*
 * embedder.h - what turns texts into vectors.
 *
 * An embedder is a small const method table; a new provider is one file and
 * one line in embedder.c.  The built-in one is `lsa` (lsa_embedder.c), which
 * needs no network; a provider over HTTP implements the same methods.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_EMBEDDER_H
#define OMEN_EMBEDDER_H

#include <stdbool.h>

#include "omen/status.h"

#define OMEN_EMBEDDER_IDENTITY_BYTES 128

/* A text by reference; it need not end in NUL. */
typedef struct OmenText
{
	const char *bytes;
	size_t		length;
} OmenText;

/* What to open: each provider takes what it knows and ignores the rest. */
typedef struct OmenEmbedderOptions
{
	const char *model;			/* lsa: the model file */
} OmenEmbedderOptions;

typedef struct OmenEmbedder OmenEmbedder;

typedef struct OmenEmbedderMethods
{
	const char *name;			/* as users write it in the configuration */

	OmenStatus	(*open) (const OmenEmbedderOptions *options, OmenEmbedder **embedder, OmenError *err);

	/* The length of every vector, fixed while the embedder is open. */
	uint32_t	(*dim) (const OmenEmbedder *embedder);

	/*
	 * A line of text (up to OMEN_EMBEDDER_IDENTITY_BYTES with its NUL) that
	 * differs whenever vectors would: rows embedded under one identity must
	 * not be compared with those of another.
	 */
	void		(*identity) (const OmenEmbedder *embedder, char *text);

	/*
	 * Embeds `count` texts: row i of `rows` (count x dim, row by row) is of
	 * unit length, and known[i] true.  A text in which the embedder finds
	 * nothing to go by (no text, no word it knows) is no error: its row is
	 * zero and known[i] false; such a row must not be searched with, for it
	 * is equally far from everything.  On an error no row is promised.
	 */
	OmenStatus	(*embed) (OmenEmbedder *embedder, const OmenText *texts, size_t count,
						  float *rows, bool *known, OmenError *err);

	void		(*close) (OmenEmbedder *embedder);
} OmenEmbedderMethods;

/* Every embedder begins with this. */
struct OmenEmbedder
{
	const OmenEmbedderMethods *methods;
};

/* The provider of that name; OMEN_INVALID, naming those there are, when there is none. */
OmenStatus	omen_embedder_open(const char *name, const OmenEmbedderOptions *options,
							   OmenEmbedder **embedder, OmenError *err);

static inline uint32_t
omen_embedder_dim(const OmenEmbedder *embedder)
{
	return embedder->methods->dim(embedder);
}

static inline OmenStatus
omen_embedder_embed(OmenEmbedder *embedder, const OmenText *texts, size_t count,
					float *rows, bool *known, OmenError *err)
{
	return embedder->methods->embed(embedder, texts, count, rows, known, err);
}

static inline void
omen_embedder_identity(const OmenEmbedder *embedder, char *text)
{
	embedder->methods->identity(embedder, text);
}

/* NULL is let be. */
static inline void
omen_embedder_close(OmenEmbedder *embedder)
{
	if (embedder != NULL)
		embedder->methods->close(embedder);
}

#endif							/* OMEN_EMBEDDER_H */
