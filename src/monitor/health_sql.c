/*-------------------------------------------------------------------------
 *
 * health_sql.c
 *	  health_check() and health_summary().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "health.h"
#include "processes.h"

PG_FUNCTION_INFO_V1(pgt_sql_health_check);
PG_FUNCTION_INFO_V1(pgt_sql_health_summary);

/*
 * health_check() returns setof (check_name, severity, detail): what is wrong,
 * and what helps; a row for each check that finds nothing, too.
 */
Datum
pgt_sql_health_check(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_check_health()->findings)
	{
		const Finding *finding = lfirst(lc);
		AnswerRow row = {0};

		pgt_add_text(&row, finding->check);
		pgt_add_text(&row, pgt_severity_name(finding->severity));
		pgt_add_text(&row, finding->detail);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}

/* ---- health_summary ---- */

typedef struct Summary
{
	int total;
	int active;
	int unfilled;
	int suspended;
	int failing;
	int blown;
	int late;
	int64 max_age; /* -1: of none */
	int64 log_bytes;
	int findings[SEVERITY_CRITICAL + 1];
} Summary;

static void
count_stream(Summary *summary, Health *health, DagNode *node)
{
	const StreamTable *st = node->st;
	bool failing = st->status == STREAM_ERROR || st->consecutive_errors > 0;
	bool fine = st->is_populated && st->status != STREAM_SUSPENDED &&
				!failing && st->fuse_blown_at == 0;

	summary->total++;
	summary->active += fine;
	summary->unfilled += !st->is_populated;
	summary->suspended += st->status == STREAM_SUSPENDED;
	summary->failing += failing && st->status != STREAM_SUSPENDED;
	summary->blown += st->fuse_blown_at != 0;
	summary->late += pgt_is_late(health->ages, node);
	summary->max_age = Max(summary->max_age, pgt_age(health->ages, st));
}

static Summary
summarize(Health *health)
{
	Summary summary = {.max_age = -1};
	ListCell *lc;

	foreach (lc, health->dag->nodes)
	{
		DagNode *node = lfirst(lc);

		if (node->st != NULL && pgt_may_see(node->st))
			count_stream(&summary, health, node);
	}
	foreach (lc, health->sources)
		summary.log_bytes += ((SourceHealth *) lfirst(lc))->bytes;
	foreach (lc, health->findings)
		summary.findings[((Finding *) lfirst(lc))->severity]++;

	return summary;
}

static Severity
worst(const Summary *summary)
{
	if (summary->findings[SEVERITY_CRITICAL] > 0)
		return SEVERITY_CRITICAL;

	return summary->findings[SEVERITY_WARNING] > 0 ? SEVERITY_WARNING :
													 SEVERITY_OK;
}

/*
 * health_summary() returns one record: how many stream tables are in which
 * state, what health_check() says in numbers.
 */
Datum
pgt_sql_health_summary(PG_FUNCTION_ARGS)
{
	Health *health = pgt_check_health();
	Summary summary = summarize(health);
	AnswerRow row = {0};

	InitMaterializedSRF(fcinfo, 0);
	pgt_add_int4(&row, summary.total);
	pgt_add_int4(&row, summary.active);
	pgt_add_int4(&row, summary.unfilled);
	pgt_add_int4(&row, summary.failing);
	pgt_add_int4(&row, summary.suspended);
	pgt_add_int4(&row, summary.blown);
	pgt_add_int4(&row, summary.late);
	pgt_add_interval(&row, summary.max_age);
	pgt_add_int8(&row, summary.log_bytes);
	pgt_add_text(&row, pgt_scheduler_text());
	pgt_add_bool(&row, pgt_scheduler_works());
	pgt_add_int4(&row, summary.findings[SEVERITY_WARNING]);
	pgt_add_int4(&row, summary.findings[SEVERITY_CRITICAL]);
	pgt_add_text(&row, pgt_severity_name(worst(&summary)));
	pgt_put_row(fcinfo, &row);
	return (Datum) 0;
}
