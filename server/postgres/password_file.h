/*
 * password_file.h - the password of the database's superuser.
 *
 * It is made once, from the kernel's random numbers, and lives in one place:
 * DIR/omendb.pgpass, in the format of libpq's password file, mode 0600.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_PASSWORD_FILE_H
#define OMENDB_PASSWORD_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "term/complaint.h"

#define OMEN_PASSWORD_BYTES 64

/* Reads the password from the file, or makes one and writes it.  password has OMEN_PASSWORD_BYTES. */
bool		omen_password_file_ensure(const char *path, char *password, OmenComplaint *complaint);

#endif							/* OMENDB_PASSWORD_FILE_H */
