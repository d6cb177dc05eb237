/*
 * tree.h - the PostgreSQL programs and files that omendb runs.
 *
 * PostgreSQL finds its share and library folders relative to its own binary,
 * so a tree works from wherever it lies.  Two layouts are known: Debian's
 * (PREFIX/lib/postgresql/N/bin with PREFIX/share/postgresql/N) and that of a
 * plain installation (PREFIX/bin with PREFIX/share).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_TREE_H
#define OMENDB_TREE_H

#include <limits.h>

#include "config/config.h"

typedef struct OmenTree
{
	char		prefix[PATH_MAX];
	char		bin[PATH_MAX];
	char		share[PATH_MAX];
	int			major;
	char		version[64];	/* "15.20" */
} OmenTree;

/*
 * The tree of the setting postgres.prefix; else that beside our own binary
 * (its folder's parent is the prefix), else that under /usr.  Of several
 * versions in one prefix, major (0: the newest) is taken.  Complains when
 * there is none or when it lacks our extension.
 */
bool		omen_tree_find(OmenTree *tree, const OmenConfig *config, int major, OmenComplaint *complaint);

/* "BIN/program" into path[PATH_MAX]; returns path. */
const char *omen_tree_program(const OmenTree *tree, const char *program, char *path);

#endif							/* OMENDB_TREE_H */
