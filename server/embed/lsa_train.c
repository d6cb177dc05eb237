/*
 * lsa_train.c - latent semantic analysis of a corpus.
 *
 * S. Deerwester, S. Dumais, G. Furnas, T. Landauer, R. Harshman: "Indexing by
 * latent semantic analysis", JASIS 41 (1990).  Documents are rows of tf-idf
 * weights; with A ~ U S V^T, a row x folds in at x V S^(power - 1), which for
 * the training rows is U S^power.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lsa_train.h"
#include "svd.h"

#define TEXTS_A_REPORT 1024
/* The longest row of the projection: well inside binary16, so that small entries keep their digits. */
#define PROJECTION_MAX 1024.0
/* Rows shorter than this share of the longest are rounding errors. */
#define ROW_NOISE 1e-6

static OmenStatus project(OmenLsaModel *model, const OmenLsaOptions *options, const float *right, OmenError *err);

OmenLsaOptions
omen_lsa_options_default(void)
{
	return (OmenLsaOptions) {
		.dim = 384,
		.word_documents_min = 2,
		.pair_documents_min = 4,
		.terms_max = 100000,
		.stop_share = 0.1f,
		.pair_weight = 0.3f,
		.singular_power = 2.0f,
		.term_power = 1.0f,
		.oversample = 20,
		.power_iterations = 1,
		.seed = 1,
	};
}

OmenStatus
omen_lsa_train(const OmenText *documents, size_t count, const OmenLsaOptions *options,
			   OmenLsaModel *model, OmenReport *report, OmenError *err)
{
	OmenSvdOptions svd = {
		.rank = options->dim,
		.oversample = options->oversample,
		.power_iterations = options->power_iterations,
		.seed = options->seed,
		.threads = options->threads > 0 ? options->threads : omen_threads_available(),
	};
	OmenSparse	matrix = {0};
	float	   *right = NULL;
	OmenStatus	status;

	memset(model, 0, sizeof(*model));
	if (options->dim < 1 || options->dim > OMEN_LSA_DIM_MAX)
		return omen_fail(err, OMEN_INVALID, "a model has 1 to %d dimensions, not %u", OMEN_LSA_DIM_MAX, options->dim);
	if (options->terms_max > OMEN_LSA_TERMS_MAX || count >= UINT32_MAX)
		return omen_fail(err, OMEN_INVALID, "the corpus or its vocabulary is too large for a model");
	status = omen_lsa_choose_terms(documents, count, options, model, report, err);
	if (status == OMEN_OK)
	{
		model->dim = options->dim;
		model->document_count = (uint32_t) count;
		model->seed = options->seed;
		status = omen_lsa_weigh_documents(model, documents, count, &matrix, report, err);
	}
	if (status == OMEN_OK)
	{
		model->singular = malloc(options->dim * sizeof(float));
		right = malloc((size_t) model->terms.count * options->dim * sizeof(float));
		if (model->singular == NULL || right == NULL)
			status = omen_fail(err, OMEN_NO_MEMORY, "out of memory training the embedder");
	}
	if (status == OMEN_OK)
		status = omen_svd_truncated(&matrix, &svd, model->singular, right, report, err);
	if (status == OMEN_OK)
		status = project(model, options, right, err);
	omen_sparse_free(&matrix);
	free(right);
	if (status != OMEN_OK)
		omen_lsa_model_free(model);
	return status;
}

OmenStatus
omen_lsa_weigh_documents(const OmenLsaModel *model, const OmenText *documents, size_t count,
						 OmenSparse *matrix, OmenReport *report, OmenError *err)
{
	OmenLsaTerms terms = {0};
	size_t		capacity = 0;
	size_t		used = 0;
	OmenStatus	status = OMEN_OK;

	*matrix = (OmenSparse) {.rows = count,.cols = model->terms.count};
	matrix->start = calloc(count + 1, sizeof(*matrix->start));
	if (matrix->start == NULL)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory weighing %zu documents", count);
	omen_report_begin(report, "weighing terms", count);
	for (size_t d = 0; d < count && status == OMEN_OK; d++)
	{
		status = omen_lsa_terms_weigh(model, documents[d], &terms, err);
		if (status == OMEN_OK && (used + terms.used > capacity || capacity == 0))
		{
			uint32_t   *col;
			float	   *value;

			capacity = (used + terms.used) * 2 + 65536;
			col = realloc(matrix->col, capacity * sizeof(*col));
			matrix->col = col != NULL ? col : matrix->col;
			value = realloc(matrix->value, capacity * sizeof(*value));
			matrix->value = value != NULL ? value : matrix->value;
			if (col == NULL || value == NULL)
				status = omen_fail(err, OMEN_NO_MEMORY, "out of memory weighing %zu documents", count);
		}
		if (status != OMEN_OK)
			break;
		if (terms.used > 0)
		{
			memcpy(matrix->col + used, terms.term, terms.used * sizeof(*matrix->col));
			memcpy(matrix->value + used, terms.count, terms.used * sizeof(*matrix->value));
		}
		used += terms.used;
		matrix->start[d + 1] = used;
		if (((d + 1) % TEXTS_A_REPORT == 0 || d + 1 == count) &&
			!omen_report_add(report, d + 1 - report->done))
			status = omen_fail(err, OMEN_CANCELLED, "stopped on request");
	}
	omen_lsa_terms_free(&terms);
	if (status != OMEN_OK)
		omen_sparse_free(matrix);
	return status;
}

/* Row t of V, scaled; returns its length. */
static double
term_row(const float *right, const float *scale, size_t t, uint32_t dim, float *row)
{
	double		square = 0.0;

	for (uint32_t i = 0; i < dim; i++)
	{
		row[i] = right[t * dim + i] * scale[i];
		square += (double) row[i] * row[i];
	}
	return sqrt(square);
}

/*
 * Scales the singular vectors and rounds them to half precision.  Terms that
 * the decomposition did not reach (stop words: their column is zero) have
 * rows of rounding errors, which must not be blown up to full length.
 */
static OmenStatus
project(OmenLsaModel *model, const OmenLsaOptions *options, const float *right, OmenError *err)
{
	size_t		terms = model->terms.count;
	uint32_t	dim = model->dim;
	float	   *scale = malloc(dim * sizeof(*scale));
	float	   *row = malloc(dim * sizeof(*row));
	double		longest = 0.0;

	model->projection = malloc(terms * dim * sizeof(*model->projection));
	if (model->projection == NULL || scale == NULL || row == NULL)
	{
		free(scale);
		free(row);
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory training the embedder");
	}
	for (uint32_t i = 0; i < dim; i++)
		scale[i] = model->singular[i] > 0.0f ? powf(model->singular[i], options->singular_power - 1.0f) : 0.0f;
	for (size_t t = 0; t < terms; t++)
		longest = fmax(longest, term_row(right, scale, t, dim, row));
	for (size_t t = 0; t < terms; t++)
	{
		double		length = term_row(right, scale, t, dim, row);
		double		factor = 0.0;

		if (length > longest * ROW_NOISE)
			factor = PROJECTION_MAX / longest * pow(length / longest, -options->term_power);
		for (uint32_t i = 0; i < dim; i++)
			row[i] = (float) (row[i] * factor);
		omen_simd->f16_from_f32(model->projection + t * dim, row, dim);
	}
	free(scale);
	free(row);
	return OMEN_OK;
}
