/*
 * socket_place.h - the folder of PostgreSQL's Unix socket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMENDB_SOCKET_PLACE_H
#define OMENDB_SOCKET_PLACE_H

#include "instance/data_folder.h"

/*
 * DIR/run; or /tmp/omendb-UID-KEY, where KEY stands for DIR, when a socket's
 * path there would pass the system's 107 bytes or holds what PostgreSQL's list
 * of folders is cut at.  Made if need be, private to us.  folder has room for
 * 108 bytes.
 */
bool		omen_socket_place(char *folder, const OmenDataFolder *data, OmenComplaint *complaint);

#endif							/* OMENDB_SOCKET_PLACE_H */
