/*
 * page_seal.c - see page_seal.h.
 *
 * CRC-32C, which finds every single changed bit: over the body up to pd_lower,
 * since generic WAL zeroes what is behind it, and over the trailer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "omen/page.h"
#include "port/pg_crc32c.h"
#include "storage/bufpage.h"
#include "wal/page_seal.h"

static uint32
checksum(const char *page)
{
	const OmenPageTrailer *trailer = omen_page_trailer_const(page);
	uint32		used = ((const PageHeaderData *) page)->pd_lower;
	pg_crc32c	crc;

	used = Min(Max(used, OMEN_PAGE_HEAD_BYTES), OMEN_PAGE_BYTES - OMEN_PAGE_TRAILER_BYTES);
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, omen_page_body_const(page), used - OMEN_PAGE_HEAD_BYTES);
	COMP_CRC32C(crc, trailer, offsetof(OmenPageTrailer, checksum));
	COMP_CRC32C(crc, &trailer->reserved, OMEN_PAGE_TRAILER_BYTES - offsetof(OmenPageTrailer, reserved));
	FIN_CRC32C(crc);
	return crc;
}

void
page_seal(char *page)
{
	OmenPageTrailer *trailer = omen_page_trailer(page);

	if (trailer->magic == OMEN_PAGE_MAGIC)
		trailer->checksum = checksum(page);
}

bool
page_seal_holds(const char *page)
{
	return omen_page_trailer_const(page)->checksum == checksum(page);
}
