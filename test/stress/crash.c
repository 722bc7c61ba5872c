/*
 * crash.c
 *	  Crashes of the server in the middle of everything, and what is there
 *	  afterwards.
 *
 * A session that had a transaction open starts anew; what was prepared is
 * committed or rolled back, at random: a session does not know whether its
 * last PREPARE or COMMIT PREPARED still happened.
 */
#include "stress.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRASH_SECONDS 60

/* A refresh worker, else the scheduler, is killed; the server starts anew. */
static bool
kill_process(void)
{
	PGresult *result =
		PQexec(main_conn,
			   "SELECT pid FROM pg_stat_activity WHERE backend_type IN"
			   " ('pg_trickle refresh worker', 'pg_trickle scheduler')"
			   " ORDER BY backend_type = 'pg_trickle scheduler',"
			   " state = 'active' DESC LIMIT 1");
	int pid = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : 0;
	double until = now_seconds() + CRASH_SECONDS;

	PQclear(result);
	if (pid <= 0 || kill(pid, SIGKILL) != 0)
		return false;
	while (PQstatus(main_conn) == CONNECTION_OK)
	{
		if (now_seconds() > until)
			fail("process %d was killed, but the server goes on", pid);
		PQclear(PQexec(main_conn, "SELECT pg_sleep(0.01)"));
	}
	return true;
}

static void
await_server(void)
{
	double until = now_seconds() + CRASH_SECONDS;

	while (PQping("") != PQPING_OK)
	{
		if (now_seconds() > until)
			fail("the server does not come back");
		usleep(50000);
	}
}

static void
decide_prepared(Random *random)
{
	PGresult *left = run(main_conn, "SELECT quote_literal(gid)"
									" FROM pg_prepared_xacts"
									" WHERE database = current_database()");

	for (int i = 0; i < PQntuples(left); i++)
	{
		Text sql = {0};

		text_add(&sql, "%s PREPARED %s",
				 random_percent(random, 60) ? "COMMIT" : "ROLLBACK",
				 PQgetvalue(left, i, 0));
		PQclear(run(main_conn, sql.data));
		text_free(&sql);
	}
	PQclear(left);
}

/* Only a server of our own. */
void
crash(Random *random)
{
	coverage.crashing = true;
	trace("/* crash, %ld */", tick);
	if (random_percent(random, 40))
		server_restart();
	else if (!kill_process())
		server_restart();
	await_server();
	PQfinish(main_conn);
	PQfinish(trouble_conn);
	main_conn = connect_main();
	trouble_conn = connect_main();
	for (int i = 0; i < n_sessions; i++)
		session_reconnect(all_sessions[i]);
	coverage.crashing = false;
	decide_prepared(random);
	coverage.crashes++;
}
