/*-------------------------------------------------------------------------
 *
 * health.c
 *	  health_check(): is something wrong, and what helps?
 *
 * Each check is a function that reports what it finds; one that finds nothing
 * has a sentence for that.  None waits for a lock, reads more of the logs than
 * ages need (age.c), or reads the history.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg_trickle/control.h"
#include "pg_trickle/launcher.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/sql.h"
#include "pg_trickle/syntax.h"

#include "health.h"
#include "processes.h"

static const char *const severity_names[] = {
	[SEVERITY_OK] = "ok",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_CRITICAL] = "critical",
};

const char *
pgt_severity_name(Severity severity)
{
	return severity_names[severity];
}

void
pgt_find(Health *health, Severity severity, char *detail)
{
	Finding *finding = palloc(sizeof(Finding));

	finding->check = health->check;
	finding->severity = severity;
	finding->detail = detail;
	health->findings = lappend(health->findings, finding);
}

/* The name of a stream table as an argument of a function. */
static char *
argument(const StreamTable *st)
{
	return quote_literal_cstr(pgt_shown_name(st->relid));
}

/* The first line of an error, for those who may see it. */
static char *
error_text(const StreamTable *st)
{
	if (st->last_error == NULL || !pgt_may_see_all(st))
		return "";

	return psprintf(": %s", pnstrdup(st->last_error,
									 strcspn(st->last_error, "\n")));
}

/* ---- the database ---- */

/* Without preload nobody asked for it. */
static void
check_syntax(Health *health)
{
	const char *obstacle = pgt_syntax_obstacle();

	if (pgt_is_preloaded() && pgt_sql_syntax && obstacle != NULL)
		pgt_find(health, SEVERITY_WARNING,
				 psprintf("CREATE STREAM TABLE is not available: %s; use the functions, or CREATE TABLE ... USING stream",
						  obstacle));
}

static void
check_control(Health *health)
{
	if (pgt_is_drained())
		pgt_find(health, SEVERITY_WARNING,
				 pstrdup("the database is drained, nothing is refreshed: run pgtrickle.resume_scheduler()"));
	else if (pgt_is_paused())
		pgt_find(health, SEVERITY_WARNING,
				 pstrdup("the scheduler is paused: run pgtrickle.resume_scheduler()"));
}

static void
check_gates(Health *health)
{
	ListCell *lc;

	foreach (lc, pgt_read_controls()->gates)
	{
		const SourceGate *gate = lfirst(lc);
		Source *source = pgt_lookup_source(gate->source, true);

		const char *name;

		if (source == NULL || !pgt_may_see_source(source))
			continue;
		name = pgt_shown_name(gate->source);
		pgt_find(health, SEVERITY_WARNING,
				 psprintf("source %s is gated: run pgtrickle.ungate_source(%s) when it is loaded",
						  name, quote_literal_cstr(name)));
	}
}

/* ---- stream tables ---- */

/* As in "the last 3 refreshes of ... failed". */
static char *
failures_text(const StreamTable *st)
{
	if (st->consecutive_errors <= 1)
		return "the last refresh";

	return psprintf("the last %d refreshes", st->consecutive_errors);
}

static void
check_errors(Health *health)
{
	ListCell *lc;

	foreach (lc, health->streams)
	{
		const StreamTable *st = lfirst(lc);
		const char *name = pgt_shown_name(st->relid);

		if (st->status == STREAM_SUSPENDED)
			pgt_find(health, SEVERITY_CRITICAL,
					 psprintf("stream table %s is suspended%s; remove the cause, then run pgtrickle.resume_stream_table(%s)",
							  name, error_text(st), argument(st)));
		else if (st->consecutive_errors > 0 || st->status == STREAM_ERROR)
			pgt_find(health, SEVERITY_WARNING,
					 psprintf("%s of stream table %s failed%s; see pgtrickle.diagnose_errors(%s)",
							  failures_text(st), name, error_text(st),
							  argument(st)));
	}
}

static void
check_fuses(Health *health)
{
	ListCell *lc;

	foreach (lc, health->streams)
	{
		const StreamTable *st = lfirst(lc);

		if (st->fuse_blown_at != 0)
			pgt_find(health, SEVERITY_CRITICAL,
					 psprintf("the fuse of stream table %s has blown, because too many rows changed; look at the sources, then run pgtrickle.reset_fuse(%s)",
							  pgt_shown_name(st->relid), argument(st)));
	}
}

static void
check_unfilled(Health *health)
{
	ListCell *lc;

	foreach (lc, health->streams)
	{
		const StreamTable *st = lfirst(lc);

		if (!st->is_populated)
			pgt_find(health, SEVERITY_WARNING,
					 psprintf("stream table %s is not filled; refresh it by pgtrickle.refresh_stream_table(%s)",
							  pgt_shown_name(st->relid), argument(st)));
	}
}

static void
check_claims(Health *health)
{
	ListCell *lc;

	foreach (lc, health->streams)
	{
		const StreamTable *st = lfirst(lc);

		if (st->frontier != NULL && st->frontier->lost)
			pgt_find(health, SEVERITY_WARNING,
					 psprintf("stream table %s has lost changes, because a log exceeded pg_trickle.max_log_size: its next refresh recomputes; run pgtrickle.refresh_stream_table(%s), or drop it",
							  pgt_shown_name(st->relid), argument(st)));
	}
}

/* ---- how late ---- */

/* Ten minutes, and twice as long as the schedule allows. */
static Severity
severity_of_lateness(int64 late, int64 age)
{
	return late > INT64CONST(600000000) && late > age / 2 ? SEVERITY_CRITICAL :
															SEVERITY_WARNING;
}

static char *
duration_text(int64 usec)
{
	int64 seconds = usec / 1000000;

	if (seconds < 120)
		return psprintf(INT64_FORMAT " seconds", seconds);
	if (seconds < 7200)
		return psprintf(INT64_FORMAT " minutes", seconds / 60);

	return psprintf(INT64_FORMAT " hours", seconds / 3600);
}

static void
check_lateness(Health *health)
{
	ListCell *lc;

	foreach (lc, health->dag->nodes)
	{
		DagNode *node = lfirst(lc);

		if (node->st == NULL || !pgt_may_see(node->st) ||
			!pgt_is_late(health->ages, node))
			continue;
		pgt_find(health,
				 severity_of_lateness(pgt_lateness(health->ages, node),
									  pgt_age(health->ages, node->st)),
				 psprintf("stream table %s should have been refreshed %s ago by its schedule (%s); see the other checks for what keeps it, or run pgtrickle.refresh_stream_table(%s)",
						  node->name,
						  duration_text(pgt_lateness(health->ages, node)),
						  node->st->schedule, argument(node->st)));
	}
}

/* ---- what a restore adds last ---- */

typedef struct RelationParts
{
	bool exists;
	bool has_triggers;
	bool has_index;
	bool has_checks;
} RelationParts;

/* As the catalog says, without a lock on it. */
static RelationParts
relation_parts(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	RelationParts parts = {0};

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		parts.exists = true;
		parts.has_triggers = form->relhastriggers;
		parts.has_index = form->relhasindex;
		parts.has_checks = form->relchecks > 0;
		ReleaseSysCache(tuple);
	}

	return parts;
}

static bool
logs_are_complete(const StreamTable *st)
{
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, pgt_dependencies(st->pgt_id))
	{
		const Dependency *dep = lfirst(lc);
		Source *source = pgt_lookup_source(dep->source_relid, true);

		if (source == NULL || strcmp(dep->cdc_mode, "trigger") != 0)
			continue;
		if (!relation_parts(source->relid).has_triggers)
			return false;
		foreach (lc2, pgt_segments(source->track_id))
		{
			if (!relation_parts(((Segment *) lfirst(lc2))->relid).has_checks)
				return false;
		}
	}

	return true;
}

static bool
is_complete(const StreamTable *st)
{
	ListCell *lc;

	if (!relation_parts(st->relid).has_triggers)
		return false;
	foreach (lc, pgt_node_states(st->pgt_id))
	{
		if (!relation_parts(((NodeState *) lfirst(lc))->state_relid).has_index)
			return false;
	}

	return logs_are_complete(st);
}

static void
check_restore(Health *health)
{
	ListCell *lc;

	foreach (lc, health->streams)
	{
		const StreamTable *st = lfirst(lc);

		/* Of another era: restored, and not refreshed since. */
		if (st->frontier == NULL ||
			strcmp(st->frontier->era, pgt_current_era()) == 0 ||
			is_complete(st))
			continue;
		pgt_find(health, SEVERITY_WARNING,
				 psprintf("stream table %s is not completely restored: wait for the restore to finish, or run pgtrickle.repair_stream_table(%s)",
						  pgt_shown_name(st->relid), argument(st)));
	}
}

/* ---- sources ---- */

static void
check_sources(Health *health)
{
	ListCell *lc;

	foreach (lc, health->sources)
	{
		const SourceHealth *source = lfirst(lc);

		if (source->severity != SEVERITY_OK)
			pgt_find(health, source->severity,
					 psprintf("source %s: %s",
							  pgt_shown_name(source->source->relid),
							  source->detail));
	}
}

/* ---- all of them ---- */

static const struct
{
	const char *name;
	void (*run)(Health *health);
	const char *fine;
} checks[] = {
	{"preload", pgt_check_preload, "the library is preloaded"},
	{"scheduler", pgt_check_scheduler, "the scheduler runs where it should"},
	{"workers", pgt_check_workers, "there are enough background workers"},
	{"syntax", check_syntax,
	 "CREATE STREAM TABLE is available, or was not asked for"},
	{"control", check_control, "neither paused nor drained"},
	{"gates", check_gates, "no source is gated"},
	{"watermarks", pgt_check_watermarks,
	 "no stream table waits for a watermark group"},
	{"errors", check_errors, "no stream table failed at its last refresh"},
	{"fuses", check_fuses, "no fuse has blown"},
	{"claims", check_claims, "no log was emptied without a stream table"},
	{"unfilled", check_unfilled, "all stream tables are filled"},
	{"restore", check_restore, "no restore is under way"},
	{"sources", check_sources,
	 "all changes of the sources are captured, and no log is large"},
	{"freshness", check_lateness,
	 "all stream tables are as fresh as their schedules say"},
};

Health *
pgt_check_health(void)
{
	Health *health = palloc0(sizeof(Health));

	health->ages = pgt_ages();
	health->dag = pgt_whole_dag();
	health->streams = pgt_visible_streams();
	health->sources = pgt_source_health(health->ages);
	for (int i = 0; i < (int) lengthof(checks); i++)
	{
		int before = list_length(health->findings);

		health->check = checks[i].name;
		checks[i].run(health);
		if (list_length(health->findings) == before)
			pgt_find(health, SEVERITY_OK, pstrdup(checks[i].fine));
	}

	return health;
}
