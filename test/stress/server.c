/*
 * server.c
 *	  A server of our own: in a temporary folder, on a unix socket there.
 *
 * stress --bindir=/usr/lib/postgresql/15/bin makes one.  Without --bindir the
 * driver connects to the server that libpq's variables (PGHOST, ...) name.
 */
#include "stress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[1024];
static bool running;

static int call(const char *program, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Run one of the server's programs; the arguments as a shell takes them. */
static int
call(const char *program, const char *format, ...)
{
	Text command = {0};
	char arguments[8192];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(arguments, sizeof(arguments), format, args);
	va_end(args);
	text_add(&command, "'%s/%s' %s", options.bindir, program, arguments);
	status = system(command.data);
	text_free(&command);
	return status == -1 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

static const char *
log_file(void)
{
	static char path[1100];

	snprintf(path, sizeof(path), "%s/server.log", folder);
	return options.log != NULL ? options.log : path;
}

static void
write_settings(void)
{
	char path[1100];
	FILE *file;

	snprintf(path, sizeof(path), "%s/data/postgresql.conf", folder);
	file = fopen(path, "a");
	if (file == NULL)
		fail("could not open \"%s\"", path);
	fprintf(file, "listen_addresses = ''\n"
				  "unix_socket_directories = '%s'\n"
				  "shared_preload_libraries = '%s'\n"
				  "pg_trickle.enabled = off\n"
				  "fsync = off\n"
				  "max_connections = 100\n"
				  "max_prepared_transactions = 50\n"
				  "log_line_prefix = '%%m %%a[%%p] '\n"
				  "log_statement = none\n",
			folder, options.preload);
	if (options.automatic)
		fprintf(file, "pg_trickle.max_refresh_workers = 3\n"
					  "max_worker_processes = 16\n"
					  "deadlock_timeout = '100ms'\n");
	if (fclose(file) != 0)
		fail("could not write \"%s\"", path);
}

static void
stop_and_remove(void)
{
	Text command = {0};

	if (!running)
		return;
	running = false;
	if (options.keep)
	{
		printf("the server is left running: psql -h %s postgres\n", folder);
		return;
	}
	call("pg_ctl", "-D '%s/data' -m immediate stop >'%s/stop.log' 2>&1",
		 folder, folder);
	text_add(&command, "rm -rf '%s'", folder);
	if (system(command.data) != 0)
		fprintf(stderr, "stress: could not remove \"%s\"\n", folder);
	text_free(&command);
}

void
server_start(void)
{
	const char *tmp = getenv("TMPDIR");

	if (geteuid() == 0)
		fail("a server does not run as root: call this as another user, "
			 "for example with setpriv");
	snprintf(folder, sizeof(folder), "%s/pgt_stress.XXXXXX",
			 tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL)
		fail("could not create \"%s\"", folder);
	if (strchr(folder, '\'') != NULL || strchr(options.bindir, '\'') != NULL)
		fail("a path contains a quote");
	running = true;
	atexit(stop_and_remove);
	if (call("initdb", "-D '%s/data' -U postgres -A trust --no-sync "
					   "--locale=C --encoding=UTF8 >'%s/initdb.log' 2>&1",
			 folder, folder) != 0)
		fail("initdb failed: see \"%s/initdb.log\"", folder);
	write_settings();
	if (call("pg_ctl",
			 "-D '%s/data' -l '%s' -w start >'%s/start.log'",
			 folder, log_file(), folder) != 0)
	{
		running = false;
		fail("the server did not start: see \"%s\"", log_file());
	}
	setenv("PGHOST", folder, 1);
	setenv("PGUSER", "postgres", 1);
	setenv("PGDATABASE", "postgres", 1);
	unsetenv("PGPORT");
	printf("server: %s\n", folder);
}

void
server_restart(void)
{
	if (call("pg_ctl",
			 "-D '%s/data' -l '%s' -m immediate -w restart >>'%s/start.log'",
			 folder, log_file(), folder) != 0)
		fail("the server did not start again: see \"%s\"", log_file());
}

void
server_stop(void)
{
	stop_and_remove();
}
