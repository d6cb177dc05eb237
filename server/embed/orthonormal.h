/*
 * orthonormal.h - an orthonormal basis of the columns of a tall matrix.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_ORTHONORMAL_H
#define OMEN_ORTHONORMAL_H

#include "omen/status.h"
#include "work_report.h"

/*
 * Replaces `tall` (rows x width by rows, rows >= width) by Q of its QR
 * factorisation; its columns are orthonormal even where those of `tall` were
 * not independent.  upper (width x width by rows), unless NULL, becomes R.
 * Reports two passes over the rows to `report`.
 */
OmenStatus	omen_orthonormalise(float *tall, size_t rows, uint32_t width, float *upper,
								OmenReport *report, OmenError *err);

#endif							/* OMEN_ORTHONORMAL_H */
