/*
 * step.c
 *	  Doing a step of a plan, and what it came to.
 *
 * A step that fails for a reason that concurrency explains is undone, by
 * going back to the last savepoint or by ending the transaction; any other
 * error ends the run.
 */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

PGconn *main_conn;
PGconn *trouble_conn;
Session **all_sessions;
int n_sessions;
long tick;

/* Send the next statement of the plan, or make a new plan. */
void
step_send(Session *session)
{
	Step *step;

	if (session->position >= session->n_steps)
		plan_transaction(session);
	step = &session->steps[session->position];
	tick++;
	if (step->kind == STEP_WAIT)
	{
		session->wake_tick = tick + step->number;
		session->position++;
		return;
	}
	session->copy_data = step->copy_data;
	if (step->kind == STEP_REFRESH)
		session->source_stopped = false;
	session_send(session, step->sql);
}

/* ---- after success ---- */

static void
wrote(Session *session, const Statement *statement, PGresult *result)
{
	Transaction *tx = &session->tx;
	const char *tuples = PQcmdTuples(result); /* "" for TRUNCATE */
	int rows = atoi(tuples);

	if (statement->aborted > 0)
	{
		if (tx->bound + statement->aborted < 3 &&
			(active_sources & BIT(statement->table)))
			coverage.aborted_subs++;
		return;
	}
	if (tuples[0] == '\0')
		coverage.explained += count_consumers(BIT(statement->table));
	else if (rows == 0)
		return;
	tx_wrote(tx, statement->table, statement->sure ? rows : 0,
			 rows * statement->per_row);
}

/* All that others have written is now older than a refresh. */
static void
refreshed(Session *session, const Shape *shape)
{
	session->refresh_own = (tx_written(&session->tx) & shape->sources) != 0;
	session->refresh_contended = false;
	tx_flushed(&session->tx);
	for (int i = 0; i < n_sessions; i++)
	{
		Session *other = all_sessions[i];

		if (other == session)
			continue;
		if (tx_written(&other->tx) & shape->sources)
			session->refresh_contended = true;
		tx_refreshed(&other->tx, shape->sources);
	}
}

static void
check_image(Session *session, const Shape *shape, PGresult *result)
{
	const char *image = PQgetvalue(result, 0, 0);

	if (session->image == NULL)
		session->image = text_copy(image);
	else if (strcmp(session->image, image) != 0)
		fail("\"%s\" changed under one snapshot: %s, then %s", shape->name,
			 session->image, image);
}

static void
check_logs(const Session *session, PGresult *result)
{
	const char *logs = PQgetvalue(result, 0, 0);

	if (session->logs == NULL)
		return;
	coverage.old_logs++;
	if (strcmp(session->logs, logs) != 0)
		fail("under one snapshot the logs had rows %s, then %s",
			 session->logs, logs);
}

/* COMMIT of a failed transaction answers ROLLBACK. */
static void
ended(Session *session, StepKind kind, PGresult *result)
{
	bool committed = kind == STEP_COMMIT || kind == STEP_COMMIT_PREPARED;

	if (committed && strncmp(PQcmdStatus(result), "COMMIT", 6) != 0)
		fail("COMMIT answered %s", PQcmdStatus(result));
	tx_end(&session->tx, committed);
}

static void
step_succeeded(Session *session, const Step *step, PGresult *result)
{
	switch (step->kind)
	{
		case STEP_BEGIN:
			tx_begin(&session->tx);
			break;
		case STEP_WRITE:
			wrote(session, &step->statement, result);
			break;
		case STEP_SAVEPOINT:
			tx_savepoint(&session->tx);
			break;
		case STEP_RELEASE:
			tx_release(&session->tx);
			break;
		case STEP_ROLLBACK_TO:
			tx_rollback_to(&session->tx, step->number);
			break;
		case STEP_REFRESH:
			refreshed(session, step->shape);
			break;
		case STEP_ACTION:
			note_action(session, step->shape, result);
			break;
		case STEP_COMPARE:
			/* A source that is suspended shows what it showed. */
			if (session->source_stopped)
				coverage.over_stopped++;
			else
				check_equal(session, step->shape, result);
			break;
		case STEP_VERIFY:
			check_verified(session, step->shape, result);
			break;
		case STEP_IMAGE:
			check_image(session, step->shape, result);
			break;
		case STEP_EXPORT:
			session->logs = read_logs(main_conn, PQgetvalue(result, 0, 0));
			break;
		case STEP_LOGS:
			check_logs(session, result);
			break;
		case STEP_PREPARE:
			session->tx.prepared = true;
			if (tx_written(&session->tx) != 0)
				coverage.prepared++;
			break;
		case STEP_COMMIT:
		case STEP_ROLLBACK:
		case STEP_COMMIT_PREPARED:
		case STEP_ROLLBACK_PREPARED:
			ended(session, step->kind, result);
			break;
		case STEP_CONTROL:
			if (step->shape != NULL)
				coverage.created++;
			break;
		case STEP_WAIT:
			break;
	}
}

/* ---- after failure ---- */

static void
forget_rest(Session *session)
{
	session->position = session->n_steps;
}

/* What looks at a refresh makes no sense when it has failed. */
static void
forget_results(Session *session)
{
	while (session->position < session->n_steps &&
		   (session->steps[session->position].kind == STEP_ACTION ||
			session->steps[session->position].kind == STEP_COMPARE))
		session->position++;
}

/*
 * Inside a subtransaction, mostly go back to its savepoint and on with the
 * plan; else end the transaction.
 */
static void
recover(Session *session)
{
	int depth = session->tx.depth;
	char sql[40];

	session->recovering = true;
	tick++;
	forget_results(session);
	if (depth > 0 && random_percent(&session->random, 70))
	{
		snprintf(sql, sizeof(sql), "ROLLBACK TO s%d", depth);
		session_send(session, sql);
		return;
	}
	forget_rest(session);
	session_send(session, "ROLLBACK");
}

static void
step_failed(Session *session, const Step *step, const PGresult *result)
{
	if (!expected_error(result))
		fail("%s\nin: %s", PQresultErrorMessage(result), step->sql);
	trace("-- %s", PQresultErrorMessage(result));
	if (!session->tx.open)
		forget_rest(session);
	else if (step->kind == STEP_COMMIT || step->kind == STEP_PREPARE)
	{
		tx_end(&session->tx, false);
		forget_rest(session);
	}
	else if (session->tx.prepared)
		fail("%s\nin: %s", PQresultErrorMessage(result), step->sql);
	else
		recover(session);
}

static void
recovered(Session *session, PGresult *result)
{
	session->recovering = false;
	if (!result_ok(result))
		fail("%s\nin a rollback", PQresultErrorMessage(result));
	if (session->position < session->n_steps)
		tx_rollback_to(&session->tx, session->tx.depth);
	else
		tx_end(&session->tx, false);
}

void
step_done(Session *session, PGresult *result)
{
	Step *step = &session->steps[session->position];

	if (session->recovering)
	{
		recovered(session, result);
		return;
	}
	session->position++;
	if (result_ok(result))
		step_succeeded(session, step, result);
	else
		step_failed(session, step, result);
}

/* ---- the end ---- */

static void
wait_until_idle(Session *session)
{
	while (session->busy)
	{
		PGresult *result = session_collect(session);

		if (result != NULL)
			step_done(session, result);
		else
			sessions_wait(&session, 1, 100);
		PQclear(result);
	}
}

static void
finish(Session *session)
{
	Step *step = &session->steps[session->position];

	if (!session->tx.open)
		return;
	if (session->tx.prepared)
	{
		while (step->kind == STEP_WAIT)
			step++;
		session_send(session, step->sql);
	}
	else
		session_send(session, "ROLLBACK");
	forget_rest(session);
	session->recovering = true;
}

/*
 * One after the other until all are idle: who waits for a lock gets it when
 * the holder has finished.
 */
void
finish_sessions(void)
{
	for (int i = 0; i < n_sessions; i++)
		if (!all_sessions[i]->busy)
			finish(all_sessions[i]);
	for (int i = 0; i < n_sessions; i++)
	{
		wait_until_idle(all_sessions[i]);
		finish(all_sessions[i]);
		wait_until_idle(all_sessions[i]);
	}
}
