/*
 * serve.h - omendb serve, whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_SERVE_H
#define OMENDB_SERVE_H

#include "config/config.h"

/*
 * Makes the data folder if it is new, runs PostgreSQL on it and stays until it
 * ends.  Started by root, the process becomes a system user on the way and
 * stays one.  Returns an OMEN_SERVE_ code of supervise.h; the complaint is
 * filled for all but OMEN_SERVE_STOPPED.
 */
int			omen_serve(const OmenConfig *config, OmenComplaint *complaint);

#endif							/* OMENDB_SERVE_H */
