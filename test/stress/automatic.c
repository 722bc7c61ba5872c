/*
 * automatic.c
 *	  The stress driver with the scheduler at work: --automatic.
 *
 * Sessions write and refresh as ever; besides, every stream table has a
 * schedule and is refreshed by itself, while somebody alters, suspends,
 * gates, pauses, drains, renames, adds columns, truncates, and kills the
 * processes that refresh, or the server.
 *
 * Every few seconds it gets quiet: transactions end, what was held back is
 * released, and nobody asks for a refresh any more.  Then each stream table
 * must become its query by itself (else a wake-up was lost), and stay so.
 *
 * Two diamonds are atomic and nobody refreshes their members alone: at any
 * moment their apex is what its query says about them.
 */
#include "stress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRESH_SECONDS 120

static Random random_trouble;

/* ---- schedules ---- */

/* Few are slow: quiet comes when the slowest has had its time. */
static const char *const schedules[] = {"0s", "0s", "1s", "2s", "calculated",
										"calculated", "* * * * * *"};

#define N_SCHEDULES ((int) (sizeof(schedules) / sizeof(schedules[0])))

static const char *
random_schedule(void)
{
	return schedules[random_below(&random_trouble, N_SCHEDULES)];
}

static const char *
random_tier(void)
{
	return random_percent(&random_trouble, 4) ? "warm" : "hot";
}

/* As the schedule of a new stream table; it may be atomic, too. */
void
schedule_sql(Text *sql)
{
	if (!options.automatic)
	{
		text_add(sql, "schedule => 'manual'");
		return;
	}
	text_add(sql, "schedule => '%s', tier => '%s'", random_schedule(),
			 random_tier());
	text_add(sql, ", diamond_consistency => '%s'"
				  ", diamond_schedule_policy => '%s'",
			 random_percent(&random_trouble, 30) ? "atomic" : "none",
			 random_percent(&random_trouble, 50) ? "slowest" : "fastest");
}

/* ---- atomic diamonds ---- */

#define EVENTS_BY_GROUP "SELECT grp, count(*) AS n, sum(val) AS total" \
						" FROM stress.events GROUP BY grp"
#define EVENTS_WITH_TAG "SELECT grp, val FROM stress.events" \
						" WHERE tag IS NOT NULL"
#define ORDERS_BY_PRODUCT "SELECT prod, sum(qty) AS pieces" \
						  " FROM stress.orders GROUP BY prod"
#define LARGE_ORDERS "SELECT id, prod FROM stress.orders WHERE qty > 25"

const Extra extras[] = {
	{"events_by_group", EVENTS_BY_GROUP, EVENTS_BY_GROUP, "0s", NULL},
	{"events_with_tag", EVENTS_WITH_TAG, EVENTS_WITH_TAG, "1s", NULL},
	{"events_apex",
	 "SELECT w.val, g.n, g.total FROM stress.events_with_tag w"
	 " JOIN stress.events_by_group g ON g.grp = w.grp",
	 "SELECT w.val, g.n, g.total FROM (" EVENTS_WITH_TAG ") w"
	 " JOIN (" EVENTS_BY_GROUP ") g ON g.grp = w.grp",
	 "0s", "fastest"},
	{"orders_by_product", ORDERS_BY_PRODUCT, ORDERS_BY_PRODUCT, "1s", NULL},
	{"large_orders", LARGE_ORDERS, LARGE_ORDERS, "calculated", NULL},
	{"orders_apex",
	 "SELECT l.id, p.pieces FROM stress.large_orders l"
	 " JOIN stress.orders_by_product p ON p.prod = l.prod",
	 "SELECT l.id, p.pieces FROM (" LARGE_ORDERS ") l"
	 " JOIN (" ORDERS_BY_PRODUCT ") p ON p.prod = l.prod",
	 "2s", "slowest"},
	/* Long enough for somebody to wait, and for the scheduler to see it. */
	{"slow",
	 "SELECT stress.slowly(id) AS id, label FROM stress.regions",
	 "SELECT id, label FROM stress.regions", "0s", NULL},
};

const int n_extras = sizeof(extras) / sizeof(extras[0]);

static void
create_extras(void)
{
	PQclear(run(main_conn, "CREATE FUNCTION stress.slowly(int) RETURNS int"
						   " IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN"
						   " PERFORM pg_sleep(0.2); RETURN $1; END $$"));
	for (int i = 0; i < n_extras; i++)
	{
		const Extra *extra = &extras[i];
		Text sql = {0};

		text_add(&sql, "SELECT pgtrickle.create_stream_table('stress.%s',"
					   " '%s', schedule => '%s'",
				 extra->name, extra->query, extra->schedule);
		if (extra->policy != NULL)
			text_add(&sql, ", diamond_consistency => 'atomic',"
						   " diamond_schedule_policy => '%s'",
					 extra->policy);
		text_add(&sql, ")");
		PQclear(run(main_conn, sql.data));
		text_free(&sql);
	}
}

/* One statement, so one snapshot. */
static void
check_atomic(void)
{
	for (int i = 0; i < n_extras; i++)
	{
		Text sql = {0};
		PGresult *result;

		if (extras[i].policy == NULL)
			continue;
		compare_query_sql(extras[i].query, extras[i].name, &sql);
		result = PQexec(main_conn, sql.data);
		if (result_ok(result))
		{
			if (PQntuples(result) > 1)
				fail("atomic diamond \"%s\" is not at one moment: %s is there"
					 " %s times instead of %s",
					 extras[i].name, PQgetvalue(result, 1, 0),
					 PQgetvalue(result, 1, 2), PQgetvalue(result, 1, 1));
			coverage.atomic_checks++;
		}
		else if (!expected_error(result))
			fail("%s", PQresultErrorMessage(result));
		PQclear(result);
		text_free(&sql);
	}
}

/* ---- trouble ---- */

static bool
try(const char *sql)
{
	PGresult *result;
	bool ok;

	trace("/* trouble, %ld */ %s;", tick, sql);
	result = PQexec(trouble_conn, sql);
	ok = result_ok(result);
	if (!ok && !expected_error(result))
		fail("%s\nin: %s", PQresultErrorMessage(result), sql);
	PQclear(result);
	return ok;
}

/* What is needed for a stream table to be refreshed has no lock timeout. */
static void
must(const char *sql)
{
	for (int i = 0; i < 200; i++)
		if (try(sql))
			return;
	fail("never succeeds: %s", sql);
}

static const char *
any_shape(void)
{
	return random_shape(&random_trouble, active_sources)->name;
}

static const char *
any_table(void)
{
	static const char *const names[] = {"orders", "products", "events",
										"edges", "pairs", "docs",
										"regions", "regions"};

	return names[random_below(&random_trouble, 8)];
}

static void
alter(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.alter_stream_table('stress.%s',"
				  " schedule => '%s', tier => '%s')",
			 any_shape(), random_schedule(), random_tier());
}

static void
alter_mode(Text *sql)
{
	const Shape *shape = random_shape(&random_trouble, active_sources);
	bool automatic = shape->recomputes || random_percent(&random_trouble, 30);

	text_add(sql, "SELECT pgtrickle.alter_stream_table('stress.%s',"
				  " refresh_mode => '%s')",
			 shape->name, automatic ? "AUTO" : "DIFFERENTIAL");
}

static void
alter_query(Text *sql)
{
	const Shape *shape = random_shape(&random_trouble, active_sources);

	text_add(sql, "SELECT pgtrickle.alter_stream_table('stress.%s',"
				  " query => $query$",
			 shape->name);
	shape_definition(shape, sql);
	text_add(sql, "$query$)");
}

static void
suspend(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.alter_stream_table('stress.%s',"
				  " status => 'SUSPENDED')",
			 any_shape());
}

static void
resume(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.resume_stream_table(pgt_relid::text)"
				  " FROM pgtrickle.pgt_stream_tables"
				  " WHERE status = 'SUSPENDED'");
}

static void
pause_all(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.pause_scheduler()");
}

static void
go_on(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.resume_scheduler()");
}

/* Not for long: nobody could refresh on request. */
static void
drain_and_go_on(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.drain(1)");
	try(sql->data);
	for (int i = random_below(&random_trouble, 40); i > 0; i--)
		take_turn();
	text_clear(sql);
	go_on(sql);
	must(sql->data);
	text_clear(sql);
}

static void
gate(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.gate_source('stress.%s')", any_table());
}

static void
ungate(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.ungate_source(source_table::text)"
				  " FROM pgtrickle.source_gates()");
}

static void
add_column(Text *sql)
{
	text_add(sql, "ALTER TABLE stress.%s ADD COLUMN IF NOT EXISTS"
				  " more_%d int DEFAULT %d",
			 any_table(), random_below(&random_trouble, 3),
			 random_below(&random_trouble, 9));
}

static void
drop_column(Text *sql)
{
	text_add(sql, "ALTER TABLE stress.%s DROP COLUMN IF EXISTS more_%d",
			 any_table(), random_below(&random_trouble, 3));
}

static void
truncate_table(Text *sql)
{
	static const char *const names[] = {"regions", "edges", "rates", "lines"};

	text_add(sql, "TRUNCATE stress.%s",
			 names[random_below(&random_trouble, 4)]);
}

static void
rewrite(Text *sql)
{
	text_add(sql, "VACUUM FULL stress.%s", any_table());
}

static void
freeze(Text *sql)
{
	text_add(sql, "VACUUM (FREEZE)");
}

/* Sometimes within a transaction that lasts, with what others do meanwhile. */
static void
long_change(Text *sql)
{
	bool ended;

	if (!try("BEGIN"))
		return;
	add_column(sql);
	if (try(sql->data))
		for (int i = random_below(&random_trouble, 20); i > 0; i--)
			take_turn();
	ended = try(random_percent(&random_trouble, 60) ? "COMMIT" : "ROLLBACK");
	if (!ended)
		must("ROLLBACK");
	text_clear(sql);
}

/* The rows of a child leave the parent, or come back. */
static void
leave_or_inherit(Text *sql)
{
	PGresult *result = run(main_conn, "SELECT count(*) FROM pg_inherits WHERE"
									  " inhrelid = 'stress.child_b'::regclass");

	text_add(sql, "ALTER TABLE stress.child_b %s stress.parent",
			 PQgetvalue(result, 0, 0)[0] == '1' ? "NO INHERIT" : "INHERIT");
	PQclear(result);
}

/* Somebody wants what a refresh holds that goes on for seconds. */
static void
stand_in_the_way(Text *sql)
{
	text_add(sql, "UPDATE stress.regions SET label = 'l%d' || id",
			 random_below(&random_trouble, 1000));
	if (try(sql->data))
	{
		for (int i = 0; i < 20; i++)
			take_turn();
		text_clear(sql);
		text_add(sql, "ALTER TABLE stress.%s ALTER label SET STATISTICS %d",
				 random_percent(&random_trouble, 50) ? "slow" : "regions",
				 random_below(&random_trouble, 100));
		try(sql->data);
	}
	text_clear(sql);
}

static void
rename_column(Text *sql)
{
	static const char *const names[][3] = {
		{"orders", "note", "remark"},
		{"events", "val", "value"},
		{"customers", "name", "called"},
		{"parted", "word", "term"},
	};
	const char *const *name = names[random_below(&random_trouble, 4)];

	text_add(sql, "ALTER TABLE stress.%s RENAME %s TO %s", name[0], name[1],
			 name[2]);
	if (try(sql->data))
	{
		text_clear(sql);
		text_add(sql, "ALTER TABLE stress.%s RENAME %s TO %s", name[0],
				 name[2], name[1]);
		must(sql->data);
	}
	text_clear(sql);
}

static void
limit_changes(Text *sql)
{
	static const int limits[] = {0, 0, 2, 20};

	text_add(sql, "ALTER SYSTEM SET pg_trickle.max_change_rows = %d",
			 limits[random_below(&random_trouble, 4)]);
}

static void
repair(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.repair_stream_table('stress.%s')",
			 any_shape());
}

static void
run_in_other(const char *sql)
{
	PGconn *conn;

	setenv("PGDATABASE", "pgt_other", 1);
	conn = connect_server("stress other");
	setenv("PGDATABASE", "pgt_stress", 1);
	PQclear(run(conn, sql));
	PQfinish(conn);
}

/* One that wants workers, too; it comes, is written to, and goes. */
static void
other_database(Text *sql)
{
	PGresult *result = run(main_conn, "SELECT FROM pg_database"
									  " WHERE datname = 'pgt_other'");
	bool exists = PQntuples(result) > 0;

	PQclear(result);
	if (!exists)
	{
		must("CREATE DATABASE pgt_other");
		run_in_other("CREATE EXTENSION pg_trickle;"
					 "CREATE TABLE t (i int);"
					 "SELECT pgtrickle.create_stream_table('a',"
					 " 'SELECT i % 7 AS i, count(*) FROM t GROUP BY 1', '0s');"
					 "SELECT pgtrickle.create_stream_table('b',"
					 " 'SELECT count(*) FROM a', '0s');");
	}
	else if (random_percent(&random_trouble, 70))
		run_in_other("INSERT INTO t SELECT generate_series(1, 20)");
	else
		must("DROP DATABASE pgt_other");
	text_clear(sql);
}

static void
change_workers(Text *sql)
{
	text_add(sql, "ALTER SYSTEM SET pg_trickle.max_refresh_workers = %d",
			 1 + random_below(&random_trouble, 4));
}

static void
switch_off(Text *sql)
{
	text_add(sql, "ALTER SYSTEM SET pg_trickle.enabled = off");
}

static void
switch_on(Text *sql)
{
	text_add(sql, "ALTER SYSTEM SET pg_trickle.enabled = on");
}

static void
reload(Text *sql)
{
	text_add(sql, "SELECT pg_reload_conf()");
}

static void
terminate(Text *sql)
{
	static const char *const types[] = {"refresh worker", "refresh worker",
										"scheduler", "launcher"};

	text_add(sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
				  " WHERE backend_type = 'pg_trickle %s' LIMIT 1",
			 types[random_below(&random_trouble, 4)]);
}

static void
cancel(Text *sql)
{
	text_add(sql, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
				  " WHERE backend_type = 'pg_trickle refresh worker'"
				  " AND state = 'active'");
}

static void
rename_there_and_back(Text *sql)
{
	const char *name = any_shape();

	text_add(sql, "ALTER TABLE stress.\"%s\" RENAME TO moved", name);
	if (!try(sql->data))
	{
		text_clear(sql);
		return;
	}
	if (random_percent(&random_trouble, 50))
		usleep(20000);
	text_clear(sql);
	text_add(sql, "ALTER TABLE stress.moved RENAME TO \"%s\"", name);
	must(sql->data);
	text_clear(sql);
}

static const struct
{
	void (*make)(Text *sql); /* leaves "" if it has done it itself */
	int weight;
	int *count;
} troubles[] = {
	{alter, 20, &coverage.altered},
	{alter_mode, 5, &coverage.altered},
	{alter_query, 4, &coverage.altered},
	{suspend, 5, &coverage.held},
	{resume, 10, NULL},
	{pause_all, 3, &coverage.held},
	{drain_and_go_on, 4, &coverage.held},
	{go_on, 12, NULL},
	{gate, 5, &coverage.held},
	{ungate, 10, NULL},
	{add_column, 6, &coverage.altered},
	{drop_column, 5, &coverage.altered},
	{truncate_table, 3, &coverage.altered},
	{rewrite, 2, &coverage.altered},
	{rename_there_and_back, 6, &coverage.altered},
	{freeze, 1, NULL},
	{long_change, 4, &coverage.altered},
	{leave_or_inherit, 3, &coverage.altered},
	{stand_in_the_way, 16, &coverage.altered},
	{rename_column, 3, &coverage.altered},
	{limit_changes, 2, NULL},
	{repair, 2, &coverage.altered},
	{other_database, 8, NULL},
	{change_workers, 2, NULL},
	{switch_off, 2, &coverage.held},
	{switch_on, 3, NULL},
	{reload, 5, NULL},
	{terminate, 4, &coverage.terminated},
	{cancel, 4, &coverage.terminated},
};

#define N_TROUBLES ((int) (sizeof(troubles) / sizeof(troubles[0])))

static void
make_trouble(void)
{
	int total = 0;
	int choice = 0;
	int n;
	Text sql = {0};

	for (int i = 0; i < N_TROUBLES; i++)
		total += troubles[i].weight;
	n = random_below(&random_trouble, total);
	while (n >= troubles[choice].weight)
		n -= troubles[choice++].weight;
	text_clear(&sql);
	troubles[choice].make(&sql);
	if ((sql.length == 0 || try(sql.data)) && troubles[choice].count != NULL)
		++*troubles[choice].count;
	text_free(&sql);
}

/* What is slow has mostly not the time to become fresh by itself. */
static void
warm_up(Text *sql)
{
	text_add(sql, "SELECT pgtrickle.alter_stream_table(pgt_relid::text,"
				  " tier => 'hot') FROM pgtrickle.pgt_stream_tables"
				  " WHERE tier = 'warm' AND %s",
			 random_percent(&random_trouble, 80) ? "true" : "false");
}

static void
end_trouble(void)
{
	static void (*const cures[])(Text * sql) = {switch_on, reload, go_on,
												ungate, resume, warm_up};

	for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
	{
		Text sql = {0};

		cures[i](&sql);
		must(sql.data);
		text_free(&sql);
	}
}

/* ---- quiet ---- */

static bool
is_fresh(const char *query, const char *table)
{
	Text sql = {0};
	PGresult *result;
	bool fresh;

	compare_query_sql(query, table, &sql);
	result = PQexec(main_conn, sql.data);
	if (!result_ok(result) && !expected_error(result))
		fail("%s", PQresultErrorMessage(result));
	fresh = result_ok(result) && PQntuples(result) == 1;
	PQclear(result);
	text_free(&sql);
	return fresh;
}

/* Number i: the shapes, then the diamonds'. */
static const char *
name_of(int i)
{
	return i < n_active ? active[i]->name : extras[i - n_active].name;
}

static bool
number_is_fresh(int i)
{
	Text query = {0};
	bool fresh;

	if (i < n_active)
		shape_oracle(active[i], &query);
	else
		text_add(&query, "%s", extras[i - n_active].oracle);
	fresh = is_fresh(query.data, name_of(i));
	text_free(&query);
	return fresh;
}

static void
print_query(const char *sql)
{
	PGresult *result = PQexec(main_conn, sql);

	for (int i = 0; i < PQntuples(result); i++)
	{
		for (int j = 0; j < PQnfields(result); j++)
			fprintf(stderr, "%s ", PQgetvalue(result, i, j));
		fprintf(stderr, "\n");
	}
	if (!result_ok(result))
		fprintf(stderr, "%s", PQresultErrorMessage(result));
	PQclear(result);
}

/* Was it just not refreshed, or refreshed wrongly? */
static void
never_fresh(int i)
{
	Text sql = {0};

	print_query("SELECT clock_timestamp(), s FROM pgtrickle.pgt_status() s");
	text_add(&sql, "SELECT h FROM pgtrickle.pgt_refresh_history h"
				   " WHERE pgt_id = (SELECT pgt_id"
				   " FROM pgtrickle.pgt_stream_tables WHERE pgt_relid ="
				   " 'stress.%s'::regclass) ORDER BY refresh_id DESC LIMIT 5",
			 name_of(i));
	print_query(sql.data);
	print_query("SELECT pid, backend_type, state, wait_event, query"
				" FROM pg_stat_activity");
	text_clear(&sql);
	text_add(&sql, "SELECT pgtrickle.refresh_stream_table('stress.%s')",
			 name_of(i));
	must(sql.data);
	if (number_is_fresh(i))
		fail("\"%s\" was not refreshed for %d s: a lost wake-up", name_of(i),
			 FRESH_SECONDS);
	coverage.differences++;
	fail("\"%s\" is not its query", name_of(i));
}

static void
await_freshness(void)
{
	double start = now_seconds();
	int n = n_active + n_extras;
	int first = 0;

	while (first < n)
	{
		if (number_is_fresh(first))
			first++;
		else if (now_seconds() - start > FRESH_SECONDS)
			never_fresh(first);
		else
			usleep(50000);
	}
	if (now_seconds() - start > coverage.slowest)
		coverage.slowest = now_seconds() - start;
	for (int i = 0; i < n; i++)
		if (!number_is_fresh(i))
			never_fresh(i);
	coverage.comparisons += 2 * n;
}

/* Nothing that the driver does may end a stream table's refreshes. */
static void
check_errors(void)
{
	PGresult *result =
		run(main_conn,
			"SELECT s.pgt_relid::regclass, s.status, h.error_message"
			" FROM pgtrickle.pgt_refresh_history h"
			" JOIN pgtrickle.pgt_stream_tables s USING (pgt_id)"
			" WHERE h.status = 'FAILED' AND h.error_message !~"
			" 'SQLSTATE (55P03|55006|57014|57P01|57P02|40...)'");

	if (PQntuples(result) > 0)
		fail("a refresh of \"%s\" (%s) failed: %s", PQgetvalue(result, 0, 0),
			 PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2));
	PQclear(result);
}

/*
 * One more change to each table, after which nobody wakes the scheduler: what
 * this one does not tell, it does not hear.
 */
static void
last_writes(void)
{
	for (int i = 0; i < N_TABLES; i++)
	{
		Text sql = {0};
		const char *copy_data;
		Statement statement;

		if (!(active_sources & BIT(i)))
			continue;
		random_statement(&random_trouble, 0, BIT(i), &sql, &copy_data,
						 &statement);
		if (copy_data == NULL)
			try(sql.data);
		text_free(&sql);
	}
}

static void
be_quiet(void)
{
	finish_sessions();
	end_trouble();
	last_writes();
	await_freshness();
	check_errors();
	coverage.quiet++;
}

/* ---- the run ---- */

void
start_automatic(void)
{
	random_seed(&random_trouble, options.seed, 1000);
}

/* When all are created, or creating them would meet their refreshes. */
void
switch_automatic_on(void)
{
	create_extras();
	trouble_conn = connect_main();
	end_trouble();
}

/* Many are short: a wake-up can be lost but once before it gets quiet. */
static double
length_of_round(void)
{
	if (random_percent(&random_trouble, 50))
		return 0.01 * random_below(&random_trouble, 40);
	return 2 + random_below(&random_trouble, 6);
}

static void
round_of_turns(double end)
{
	double until = now_seconds() + length_of_round();
	double next_trouble = now_seconds();

	while (now_seconds() < until && now_seconds() < end)
	{
		take_turn();
		if (now_seconds() < next_trouble)
			continue;
		make_trouble();
		check_atomic();
		next_trouble = now_seconds() + 0.01 * random_below(&random_trouble, 40);
	}
}

void
run_automatic(double end)
{
	while (now_seconds() < end)
	{
		round_of_turns(end);
		if (random_percent(&random_trouble, 15))
			crash(&random_trouble);
		be_quiet();
		printf("%d times quiet, fresh after %.1f s at most; %d refreshes on"
			   " request, %d crashes, %d deadlocks\n",
			   coverage.quiet, coverage.slowest, coverage.refreshes,
			   coverage.crashes, coverage.deadlocks);
		fflush(stdout);
	}
}
