/*
 * plan.c
 *	  A session's next transaction, made up in advance, for example
 *
 *		BEGIN; INSERT ...; wait 12 turns; SAVEPOINT s1; UPDATE ...;
 *		ROLLBACK TO s1; DELETE ...; PREPARE TRANSACTION 'stress_3_17';
 *		wait 30 turns; COMMIT PREPARED 'stress_3_17'
 *
 *	  A turn is a statement of any session, so that others write, commit and
 *	  refresh while this one waits.
 */
#include "stress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
plan_clear(Session *session)
{
	for (int i = 0; i < session->n_steps; i++)
		free(session->steps[i].sql);
	session->n_steps = 0;
	session->position = 0;
	free(session->image);
	free(session->logs);
	session->image = NULL;
	session->logs = NULL;
}

/* Add a step; NULL as format for one without SQL. */
Step *
plan_step(Session *session, StepKind kind, const char *format, ...)
{
	Step *step = &session->steps[session->n_steps++];
	Text sql = {0};
	char buffer[400];
	va_list args;

	if (session->n_steps > MAX_STEPS)
		fail("a plan has too many steps");
	memset(step, 0, sizeof(*step));
	step->kind = kind;
	if (format == NULL)
		return step;
	va_start(args, format);
	vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	text_add(&sql, "%s", buffer);
	step->sql = sql.data;
	return step;
}

static void
plan_wait(Session *session, int percent, int turns)
{
	if (random_percent(&session->random, percent))
		plan_step(session, STEP_WAIT, NULL)->number =
			1 + random_below(&session->random, turns);
}

static void
plan_write(Session *session, uint32_t allowed)
{
	Step *step = plan_step(session, STEP_WRITE, NULL);
	Text sql = {0};

	random_statement(&session->random, session->number, allowed, &sql,
					 &step->copy_data, &step->statement);
	step->sql = sql.data;
}

static void
plan_savepoint(Session *session, int number)
{
	plan_step(session, STEP_SAVEPOINT, "SAVEPOINT s%d", number)->number =
		number;
}

static void
plan_rollback_to(Session *session, int number)
{
	plan_step(session, STEP_ROLLBACK_TO, "ROLLBACK TO s%d", number)->number =
		number;
}

/* ---- refreshes ---- */

static void
plan_refresh(Session *session, const Shape *shape)
{
	plan_step(session, STEP_REFRESH,
			  "SELECT pgtrickle.refresh_stream_table('stress.%s')",
			  shape->name)
		->shape = shape;
	plan_step(session, STEP_ACTION,
			  "SELECT action, refresh_reason"
			  " FROM pgtrickle.pgt_refresh_history WHERE pgt_id ="
			  " (SELECT pgt_id FROM pgtrickle.pgt_stream_tables"
			  " WHERE pgt_relid = 'stress.%s'::regclass)"
			  " ORDER BY refresh_id DESC LIMIT 1",
			  shape->name)
		->shape = shape;
}

/* Only under one snapshot for both: not under READ COMMITTED. */
static void
plan_compare(Session *session, const Shape *shape, const char *table)
{
	Step *step = plan_step(session, STEP_COMPARE, NULL);
	Text sql = {0};

	compare_sql(shape, table, &sql);
	step->sql = sql.data;
	step->shape = shape;
}

static void
plan_image(Session *session, const Shape *shape)
{
	Step *step = plan_step(session, STEP_IMAGE, NULL);
	Text sql = {0};

	image_sql(shape, &sql);
	step->sql = sql.data;
	step->shape = shape;
}

static void
plan_commit_or_rollback(Session *session, int rollback_percent)
{
	if (random_percent(&session->random, rollback_percent))
		plan_step(session, STEP_ROLLBACK, "ROLLBACK");
	else
		plan_step(session, STEP_COMMIT, "COMMIT");
}

/* ---- transactions of writers ---- */

static void
plan_end(Session *session)
{
	Random *random = &session->random;
	char gid[40];

	if (!options.prepared || !random_percent(random, 15))
	{
		plan_commit_or_rollback(session, 13);
		return;
	}
	snprintf(gid, sizeof(gid), "stress_%d_%d", session->number,
			 session->n_transactions);
	plan_step(session, STEP_PREPARE, "PREPARE TRANSACTION '%s'", gid);
	plan_wait(session, 80, 40);
	if (random_percent(random, 80))
		plan_step(session, STEP_COMMIT_PREPARED, "COMMIT PREPARED '%s'", gid);
	else
		plan_step(session, STEP_ROLLBACK_PREPARED, "ROLLBACK PREPARED '%s'",
				  gid);
}

static const char *
begin(Random *random, int repeatable_percent)
{
	if (random_percent(random, repeatable_percent))
		return random_percent(random, 80) ?
				   "BEGIN ISOLATION LEVEL REPEATABLE READ" :
				   "BEGIN ISOLATION LEVEL SERIALIZABLE";
	return "BEGIN";
}

/* Writes among savepoints that come and go. */
static void
plan_body(Session *session, uint32_t allowed)
{
	Random *random = &session->random;
	int n = 1 + random_below(random, 8);
	int depth = 0;

	for (int i = 0; i < n; i++)
	{
		int choice = random_below(random, 100);

		plan_wait(session, 25, 30);
		if (choice < 60)
			plan_write(session, allowed);
		else if (choice < 78 && depth + 2 < MAX_LEVELS)
		{
			plan_savepoint(session, ++depth);
			plan_write(session, allowed);
		}
		else if (choice < 92 && depth > 0)
		{
			depth = 1 + random_below(random, depth);
			plan_rollback_to(session, depth);
		}
		else if (depth > 0)
			plan_step(session, STEP_RELEASE, "RELEASE s%d", depth--);
	}
}

/* Many subtransactions end with their rows still in the buffer. */
static void
plan_short_subtransaction(Session *session, uint32_t allowed)
{
	plan_savepoint(session, 1);
	plan_write(session, allowed);
	plan_wait(session, 10, 10);
	plan_rollback_to(session, 1);
	plan_step(session, STEP_RELEASE, "RELEASE s1");
}

static void
plan_ordinary(Session *session)
{
	Random *random = &session->random;

	plan_step(session, STEP_BEGIN, "%s", begin(random, 10));
	for (int i = 0; i < 4 && random_percent(random, 45); i++)
		plan_short_subtransaction(session, active_sources);
	plan_body(session, active_sources);
	plan_wait(session, 50, 40);
	plan_end(session);
}

/*
 * Write, refresh, write, refresh: under one snapshot, so that each refresh
 * can be compared; or with a snapshot for each statement.
 */
static void
plan_own_write(Session *session)
{
	Random *random = &session->random;
	const Shape *shape = random_shape(random, active_sources);
	bool compare = random_percent(random, 75);
	int rounds = 1 + random_below(random, 3);

	plan_step(session, STEP_BEGIN, "%s",
			  compare ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN");
	for (int i = 0; i < rounds; i++)
	{
		bool sub = random_percent(random, 50);

		plan_write(session, shape->sources);
		plan_wait(session, 15, 10);
		if (sub)
		{
			plan_savepoint(session, 1);
			plan_write(session, shape->sources);
		}
		plan_refresh(session, shape);
		if (compare)
			plan_compare(session, shape, shape->name);
		if (sub && random_percent(random, 60))
			plan_rollback_to(session, 1);
		if (sub)
			plan_step(session, STEP_RELEASE, "RELEASE s1");
		if (!random_percent(random, 40))
			continue;
		plan_refresh(session, shape);
		if (compare)
			plan_compare(session, shape, shape->name);
	}
	plan_end(session);
}

static void
plan_writer(Session *session)
{
	int choice = random_below(&session->random, 100);

	if (choice < 20)
		plan_write(session, active_sources);
	else if (choice < 32)
		plan_own_write(session);
	else
		plan_ordinary(session);
}

/* ---- transactions of refreshers ---- */

/* The snapshot may be much older than the lock that the refresh gets. */
static void
plan_compared_refresh(Session *session)
{
	Random *random = &session->random;
	int n = random_percent(random, 70) ? 1 : 2;

	plan_step(session, STEP_BEGIN, "BEGIN ISOLATION LEVEL REPEATABLE READ");
	if (random_percent(random, 10))
	{
		plan_image(session, random_shape(random, active_sources));
		plan_wait(session, 100, 60);
	}
	for (int i = 0; i < n; i++)
	{
		const Shape *shape = random_shape(random, active_sources);

		plan_refresh(session, shape);
		plan_compare(session, shape, shape->name);
	}
	plan_wait(session, 10, 20);
	plan_commit_or_rollback(session, 12);
}

static void
plan_committed_refresh(Session *session)
{
	const Shape *shape = random_shape(&session->random, active_sources);

	plan_step(session, STEP_BEGIN, "BEGIN");
	plan_refresh(session, shape);
	plan_wait(session, 20, 10);
	plan_commit_or_rollback(session, 10);
}

static void
plan_verify(Session *session)
{
	const Shape *shape = random_shape(&session->random, active_sources);

	plan_step(session, STEP_VERIFY,
			  "SELECT * FROM pgtrickle.verify_stream_table('stress.%s')",
			  shape->name)
		->shape = shape;
}

/*
 * An old snapshot sees what it saw, however often others refresh: stream
 * tables, and the logs, which pg_dump locks long after its snapshot.
 */
static void
plan_reader(Session *session)
{
	const Shape *shape = random_shape(&session->random, active_sources);

	plan_step(session, STEP_BEGIN, "BEGIN ISOLATION LEVEL REPEATABLE READ");
	plan_step(session, STEP_EXPORT, "SELECT pg_export_snapshot()");
	plan_image(session, shape);
	plan_wait(session, 100, 300);
	plan_image(session, shape);
	plan_step(session, STEP_LOGS, "SELECT stress.read_logs()");
	plan_step(session, STEP_COMMIT, "COMMIT");
}

/*
 * A new consumer, while its sources are written; gone at the next plan.  Its
 * first fill takes the newest snapshot whatever the isolation level, so that
 * nothing can be compared in the transaction of the first fill.
 */
static void
plan_creation(Session *session)
{
	Random *random = &session->random;
	const Shape *shape = random_shape(random, active_sources);
	char table[20];
	Text sql = {0};
	Step *step;

	snprintf(table, sizeof(table), "new_%d", session->number);
	plan_step(session, STEP_CONTROL,
			  "SELECT pgtrickle.drop_stream_table('stress.%s')"
			  " WHERE to_regclass('stress.%s') IS NOT NULL",
			  table, table);
	step = plan_step(session, STEP_CONTROL, NULL);
	create_sql(shape, table, random_percent(random, 50), &sql);
	step->sql = sql.data;
	step->shape = shape;
	plan_wait(session, 50, 40);
	plan_step(session, STEP_CONTROL,
			  "SELECT pgtrickle.refresh_stream_table('stress.%s')", table);
	for (int i = 0; i < 3; i++)
	{
		plan_wait(session, 80, 40);
		plan_step(session, STEP_BEGIN, "BEGIN ISOLATION LEVEL REPEATABLE READ");
		plan_step(session, STEP_CONTROL,
				  "SELECT pgtrickle.refresh_stream_table('stress.%s')", table);
		plan_compare(session, shape, table);
		plan_step(session, STEP_COMMIT, "COMMIT");
	}
}

static void
plan_refresher(Session *session)
{
	int choice = random_below(&session->random, 100);

	if (choice < 55)
		plan_compared_refresh(session);
	else if (choice < 72)
		plan_committed_refresh(session);
	else if (choice < 84)
		plan_refresh(session,
					 random_shape(&session->random, active_sources));
	else if (choice < 95 && options.verify)
		plan_verify(session);
	else if (choice < 98)
		plan_creation(session);
	else
		plan_reader(session);
}

void
plan_transaction(Session *session)
{
	plan_clear(session);
	session->n_transactions++;
	if (session->writer)
		plan_writer(session);
	else
		plan_refresher(session);
}
