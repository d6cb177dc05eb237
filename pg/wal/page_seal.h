/*
 * page_seal.h - a checksum over all that counts on one of our pages.
 *
 * PostgreSQL's own checksums are optional, and are checked only when a page is
 * read from disk.  Ours is set with every change and tested by those who
 * verify an index, so that a damage is found which leaves every number
 * possible: a bit of a code, say.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_PAGE_SEAL_H
#define OMEN_PAGE_SEAL_H

#include "postgres.h"
#include "compat.h"

/* Sets the checksum; nothing is done to a page without our trailer. */
extern void page_seal(char *page);

/* Whether the page, which has our trailer, is as it was sealed. */
extern bool page_seal_holds(const char *page);

#endif							/* OMEN_PAGE_SEAL_H */
