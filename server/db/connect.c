/*
 * connect.c - a connection to the database this omendb is about.
 *
 * The embedded instance is reached over its Unix socket with the password
 * from the data folder; so whoever may read the folder may connect, and no
 * password is ever an argument or an environment variable.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "db/connect.h"

static void
ignore_notice(void *user, const char *message)
{
}

static PGconn *
finish_connecting(PGconn *connection, const char *where, OmenComplaint *complaint)
{
	if (connection != NULL && PQstatus(connection) == CONNECTION_OK)
	{
		PQsetNoticeProcessor(connection, ignore_notice, NULL);
		return connection;
	}
	omen_complain(complaint, "cannot connect to %s: %s", where,
				  connection != NULL ? PQerrorMessage(connection) : "out of memory");
	PQfinish(connection);
	return NULL;
}

PGconn *
omen_db_connect_running(const OmenDataFolder *folder, const OmenRunning *running,
						const char *dbname, const char *application, OmenComplaint *complaint)
{
	char		port[16];
	const char *keywords[] = {"host", "port", "user", "dbname", "passfile", "application_name",
	"client_encoding", "connect_timeout", "sslmode", "gssencmode", NULL};
	const char *values[] = {running->socket_folder, port, OMEN_SUPERUSER,
		dbname != NULL ? dbname : OMEN_DATABASE, folder->passfile, application,
	"UTF8", "10", "disable", "disable", NULL};

	snprintf(port, sizeof(port), "%d", running->port);
	return finish_connecting(PQconnectdbParams(keywords, values, 0), folder->root, complaint);
}

bool
omen_db_find_running(const OmenConfig *config, OmenDataFolder *folder, OmenRunning *running,
					 OmenComplaint *complaint)
{
	int			major;

	if (!omen_data_folder_paths(folder, omen_config_text(config, "data"), complaint))
		return false;
	switch (omen_data_folder_look(folder, &major, complaint))
	{
		case OMEN_FOLDER_UNREADABLE:
			return false;
		case OMEN_FOLDER_ABSENT:
		case OMEN_FOLDER_EMPTY:
			omen_complain(complaint, "there is no database in %s", folder->root);
			return omen_advise(complaint,
							   "Start one with `omendb serve --data %s`, or name the right folder with --data.",
							   folder->root);
		case OMEN_FOLDER_FOREIGN:
			omen_complain(complaint, "%s is not a data folder of omendb", folder->root);
			return omen_advise(complaint, "Name the right folder with --data.");
		case OMEN_FOLDER_OURS:
			break;
	}
	omen_running_look(running, folder);
	if (running->postmaster == 0)
	{
		omen_complain(complaint, "no database is running on %s", folder->root);
		return omen_advise(complaint, "Start it with `omendb serve --data %s`.", folder->root);
	}
	return true;
}

/*
 * In a URL, is there an @ where none ends user and password?  Then these hold
 * a character that libpq takes for the end of them, and its words about the
 * host or port that follow would show a part of the password.
 */
static bool
misread_by_libpq(const char *url)
{
	const char *authority = strstr(url, "://");
	size_t		bytes;
	const char *at;

	if (strncmp(url, "postgres", strlen("postgres")) != 0 || authority == NULL)
		return false;
	authority += strlen("://");
	bytes = strcspn(authority, "/?");
	at = memchr(authority, '@', bytes);
	if (at != NULL)
		return memrchr(authority, '@', bytes) != at;
	/* ?user=me@there is none. */
	return authority[strcspn(authority, "@=")] == '@';
}

PGconn *
omen_db_connect_url(const char *url, const char *application, OmenComplaint *complaint)
{
	const char *keywords[] = {"dbname", "fallback_application_name", "client_encoding", NULL};
	const char *values[] = {url, application, "UTF8", NULL};

	if (misread_by_libpq(url))
	{
		omen_complain(complaint, "user or password in the connection string have a character that ends them too early");
		omen_advise(complaint,
					"In a URL write @ as %%40, / as %%2F, ? as %%3F, %% as %%25; or keep the password in a passfile.");
		return NULL;
	}
	/* Its first words name the server, and never show a password. */
	return finish_connecting(PQconnectdbParams(keywords, values, 1), "the database", complaint);
}

PGconn *
omen_db_connect(const OmenConfig *config, const char *application, OmenComplaint *complaint)
{
	const char *url = omen_config_text(config, "database");
	OmenDataFolder folder;
	OmenRunning running;

	if (url[0] != '\0')
		return omen_db_connect_url(url, application, complaint);
	if (!omen_db_find_running(config, &folder, &running, complaint))
		return NULL;
	return omen_db_connect_running(&folder, &running, NULL, application, complaint);
}
