/*
 * stress.c
 *	  Random transactions in several sessions, random refreshes between them,
 *	  and after each refresh the question: is the stream table its query?
 *
 *		stress --bindir=$(pg_config --bindir) --seed=7 --refreshes=5000
 *
 * starts a server of its own in a temporary folder; without --bindir it uses
 * the one that PGHOST and the like name, in a database of its own.
 *
 * Writers (tables.c, statement.c, plan.c) write small tables in transactions
 * with savepoints, rollbacks, PREPARE TRANSACTION, and refreshes in between.
 * Refreshers refresh random shapes (shapes.c) and compare them with a
 * recomputation under the same snapshot (refresh.c).  One thread drives all
 * sessions (session.c) and mostly lets one statement end before it sends the
 * next, so that a seed gives nearly the same run again; now and then it sends
 * a burst, for the races that only true concurrency has.  The capture buffer
 * holds three rows and a log segment is one block, so that every transaction
 * flushes and every source goes through many segments.
 *
 * At the end stands a table of what was covered (coverage.c).  The exit
 * status is 0 only if nothing differed and the coverage was reached.
 */
#include "stress.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

Options options = {
	.refreshes = 5000,
	.writers = 7,
	.refreshers = 4,
	.preload = "pg_trickle",
};

static FILE *trace_file;
static volatile sig_atomic_t interrupted;
static Random random_turns;

void
trace(const char *format, ...)
{
	va_list args;

	if (trace_file == NULL)
		return;
	va_start(args, format);
	vfprintf(trace_file, format, args);
	va_end(args);
	fputc('\n', trace_file);
}

/* The private server, if any, is stopped at exit. */
void
fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "stress: FAILED after %d refreshes, %ld turns, seed %llu\n"
					"stress: ",
			coverage.refreshes, tick, (unsigned long long) options.seed);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	if (trace_file != NULL)
		fflush(trace_file);
	exit(1);
}

/* ---- the database ---- */

static int
setting(PGconn *conn, const char *name)
{
	Text sql = {0};
	PGresult *result;
	int value;

	text_add(&sql, "SHOW %s", name);
	result = run(conn, sql.data);
	value = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	text_free(&sql);
	return value;
}

static bool
has_function(PGconn *conn, const char *name)
{
	Text sql = {0};
	PGresult *result;
	bool found;

	text_add(&sql, "SELECT to_regproc('%s')", name);
	result = run(conn, sql.data);
	found = !PQgetisnull(result, 0, 0);
	PQclear(result);
	text_free(&sql);
	return found;
}

/* What a run that failed has left prepared keeps its database from going. */
static void
roll_back_prepared(PGconn *conn)
{
	PGresult *left = run(conn, "SELECT format('ROLLBACK PREPARED %L', gid)"
							   " FROM pg_prepared_xacts"
							   " WHERE database = 'pgt_stress'");

	if (PQntuples(left) > 0)
	{
		PGconn *inside;

		setenv("PGDATABASE", "pgt_stress", 1);
		inside = connect_server("stress");
		for (int i = 0; i < PQntuples(left); i++)
			PQclear(run(inside, PQgetvalue(left, i, 0)));
		PQfinish(inside);
	}
	PQclear(left);
}

static void
prepare_database(void)
{
	static const char *const settings[] = {
		"ALTER DATABASE pgt_stress SET pg_trickle.capture_buffer_rows = 3",
		"ALTER DATABASE pgt_stress SET pg_trickle.segment_blocks = 1",
		"ALTER DATABASE pgt_stress SET default_statistics_target = 10",
	};
	PGconn *conn = connect_server("stress");

	roll_back_prepared(conn);
	PQclear(run(conn, "DROP DATABASE IF EXISTS pgt_stress WITH (FORCE)"));
	PQclear(run(conn, "CREATE DATABASE pgt_stress"));
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		PQclear(run(conn, settings[i]));
	PQfinish(conn);
	setenv("PGDATABASE", "pgt_stress", 1);
	main_conn = connect_main();
	options.prepared = setting(main_conn, "max_prepared_transactions") >=
					   options.writers;
	PQclear(run(main_conn, "CREATE EXTENSION pg_trickle"));
	options.verify = has_function(main_conn, "pgtrickle.verify_stream_table");
	PQclear(run(main_conn, schema_sql));
	create_shapes(main_conn);
}

/* It waits for nobody long: the sessions would not go on. */
PGconn *
connect_main(void)
{
	PGconn *conn = connect_server("stress main");

	PQclear(run(conn, "SET lock_timeout = '500ms'"));
	return conn;
}

static void
open_sessions(void)
{
	n_sessions = options.writers + options.refreshers;
	all_sessions = calloc((size_t) n_sessions, sizeof(*all_sessions));
	if (all_sessions == NULL)
		fail("out of memory");
	for (int i = 0; i < n_sessions; i++)
		all_sessions[i] = i < options.writers ?
							  session_open(true, i) :
							  session_open(false, i - options.writers);
}

/* ---- turns ---- */

static void
collect(void)
{
	for (int i = 0; i < n_sessions; i++)
	{
		PGresult *result;

		if (!all_sessions[i]->busy)
			continue;
		result = session_collect(all_sessions[i]);
		if (result != NULL)
			step_done(all_sessions[i], result);
		PQclear(result);
	}
}

/* A random session that can go on; NULL if all are busy. */
static Session *
choose_session(void)
{
	Session *sleeping = NULL;
	int start = random_below(&random_turns, n_sessions);

	for (int i = 0; i < n_sessions; i++)
	{
		Session *session = all_sessions[(start + i) % n_sessions];

		if (session->busy)
			continue;
		if (session->wake_tick <= tick)
			return session;
		if (sleeping == NULL || session->wake_tick < sleeping->wake_tick)
			sleeping = session;
	}
	return sleeping;
}

/* Most turns end before the next begins; a blocked one is left behind. */
static void
await(Session *session)
{
	double until = now_seconds() + 0.03;

	while (session->busy && now_seconds() < until)
	{
		sessions_wait(&session, 1, 30);
		collect();
	}
}

void
take_turn(void)
{
	Session *session = choose_session();

	if (session == NULL)
	{
		sessions_wait(all_sessions, n_sessions, 1000);
		collect();
		return;
	}
	step_send(session);
	if (!random_percent(&random_turns, options.automatic ? 40 : 15))
		await(session);
	collect();
}

static bool
time_is_up(double start)
{
	return interrupted ||
		   (options.seconds > 0 && now_seconds() - start > options.seconds);
}

static void
run_turns(void)
{
	double start = now_seconds();
	double next_report = start + 10;
	while (coverage.refreshes < options.refreshes && !time_is_up(start))
	{
		take_turn();
		if (now_seconds() < next_report)
			continue;
		next_report += 10;
		printf("%6.0f s: %d refreshes, %d comparisons, %d late commits\n",
			   now_seconds() - start, coverage.refreshes, coverage.comparisons,
			   coverage.late_commits);
		fflush(stdout);
	}
}

/* ---- options ---- */

static void
usage(void)
{
	printf("usage: stress [option...]\n"
		   "  --bindir=FOLDER     start a private server of this installation\n"
		   "  --preload=LIBRARY   for the private server, or '' (pg_trickle)\n"
		   "  --seed=N            repeat a run (default: the time)\n"
		   "  --refreshes=N       end after so many that did something (5000)\n"
		   "  --seconds=N         or after this time\n"
		   "  --writers=N         sessions that write (7)\n"
		   "  --refreshers=N      sessions that refresh (4)\n"
		   "  --shapes=A,B        only these (default: all)\n"
		   "  --list              show the shapes and exit\n"
		   "  --trace=FILE        write every statement to a file\n"
		   "  --log=FILE          for the log of the private server\n"
		   "  --keep              leave the private server running\n"
		   "  --no-coverage       report the coverage, but do not demand it\n"
		   "  --automatic         with the scheduler; needs --bindir\n"
		   "  --minutes=N         end after this time\n");
	exit(0);
}

static void
list_shapes(void)
{
	for (int i = 0; i < n_shapes; i++)
	{
		Text query = {0};

		shape_definition(&shapes[i], &query);
		printf("%s:\n    %s\n", shapes[i].name, query.data);
		text_free(&query);
	}
	exit(0);
}

static int
positive(const char *name, const char *value)
{
	char *end;
	long number = strtol(value, &end, 10);

	if (*end != '\0' || number < 1 || number > 100000000)
		fail("--%s must be a positive number, not \"%s\"", name, value);
	return (int) number;
}

static void
set_option(const char *name, const char *value)
{
	if (strcmp(name, "bindir") == 0)
		options.bindir = value;
	else if (strcmp(name, "preload") == 0)
		options.preload = value;
	else if (strcmp(name, "seed") == 0)
		options.seed = strtoull(value, NULL, 10);
	else if (strcmp(name, "refreshes") == 0)
		options.refreshes = positive(name, value);
	else if (strcmp(name, "seconds") == 0)
		options.seconds = positive(name, value);
	else if (strcmp(name, "writers") == 0)
		options.writers = positive(name, value);
	else if (strcmp(name, "refreshers") == 0)
		options.refreshers = positive(name, value);
	else if (strcmp(name, "shapes") == 0)
		options.shapes = value;
	else if (strcmp(name, "trace") == 0)
		options.trace = value;
	else if (strcmp(name, "log") == 0)
		options.log = value;
	else if (strcmp(name, "keep") == 0)
		options.keep = true;
	else if (strcmp(name, "no-coverage") == 0)
		options.no_coverage = true;
	else if (strcmp(name, "automatic") == 0)
		options.automatic = true;
	else if (strcmp(name, "minutes") == 0)
		options.seconds = 60 * positive(name, value);
	else if (strcmp(name, "list") == 0)
		list_shapes();
	else
		usage();
}

static void
read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{"bindir", required_argument, NULL, 0},
		{"preload", required_argument, NULL, 0},
		{"seed", required_argument, NULL, 0},
		{"refreshes", required_argument, NULL, 0},
		{"seconds", required_argument, NULL, 0},
		{"writers", required_argument, NULL, 0},
		{"refreshers", required_argument, NULL, 0},
		{"shapes", required_argument, NULL, 0},
		{"list", no_argument, NULL, 0},
		{"trace", required_argument, NULL, 0},
		{"log", required_argument, NULL, 0},
		{"keep", no_argument, NULL, 0},
		{"no-coverage", no_argument, NULL, 0},
		{"automatic", no_argument, NULL, 0},
		{"minutes", required_argument, NULL, 0},
		{"help", no_argument, NULL, 0},
		{NULL, 0, NULL, 0},
	};
	int found;

	options.seed = (uint64_t) time(NULL);
	while (getopt_long(argc, argv, "", known, &found) == 0)
		set_option(known[found].name, optarg);
	if (optind < argc)
		fail("what is \"%s\"? (--help)", argv[optind]);
	if (options.automatic && options.bindir == NULL)
		fail("--automatic needs a server that it may crash: --bindir");
	/* Each session needs keys of its own. */
	if (options.writers > 10 || options.refreshers > 50)
		fail("at most 10 writers and 50 refreshers");
}

static void
interrupt(int signal_number)
{
	(void) signal_number;
	interrupted = 1;
}

int
main(int argc, char **argv)
{
	bool covered;

	read_options(argc, argv);
	printf("seed %llu\n", (unsigned long long) options.seed);
	if (options.trace != NULL)
		trace_file = fopen(options.trace, "w");
	if (options.trace != NULL && trace_file == NULL)
		fail("could not open \"%s\"", options.trace);
	signal(SIGINT, interrupt);
	signal(SIGTERM, interrupt);
	random_seed(&random_turns, options.seed, 0);
	coverage_init();
	if (options.bindir != NULL)
		server_start();
	start_automatic();
	prepare_database();
	open_sessions();
	if (options.automatic)
	{
		switch_automatic_on();
		run_automatic(now_seconds() +
					  (options.seconds > 0 ? options.seconds : 120));
	}
	else
		run_turns();
	finish_sessions();
	final_comparison(main_conn);
	coverage_count_segments(main_conn);
	coverage_count_automatic(main_conn);
	for (int i = 0; i < n_sessions; i++)
		session_close(all_sessions[i]);
	PQfinish(main_conn);
	PQfinish(trouble_conn);
	covered = coverage_report();
	server_stop();
	return covered || options.no_coverage ? 0 : 1;
}
