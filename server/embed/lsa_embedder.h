/*
 * lsa_embedder.h - the built-in embedder.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_LSA_EMBEDDER_H
#define OMEN_LSA_EMBEDDER_H

#include "embedder.h"

/* Opens a model file made by omen_lsa_train and omen_lsa_model_save. */
extern const OmenEmbedderMethods omen_lsa_embedder;

#endif							/* OMEN_LSA_EMBEDDER_H */
