/*
 * coverage.c
 *	  What a run has tried, and whether that was enough.
 *
 * A stress test that happens to refresh only when nobody writes proves
 * nothing.  So the driver counts, and a run that misses its coverage fails
 * as one that finds a difference does.  The demands are for 5,000 refreshes
 * and shrink with --refreshes.
 *
 * A TRUNCATE makes each consumer of the table recompute once (again if that
 * refresh is rolled back).  In a short run chance decides whether that is 1
 * or 8 % of all; so these few are counted for themselves, too.  They must not
 * be more than the TRUNCATEs explain, or marks come from elsewhere.  A run of
 * 2,000 refreshes or more applies a delta in 95 % of all.
 */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

Coverage coverage;

typedef struct Demand
{
	const char *what;
	const int *count;
	int per_5000; /* refreshes; or, */
	int percent;  /* of the refreshes */
} Demand;

static const Demand demands[] = {
	{"refreshes that applied a delta, of all", &coverage.differential, 0, 95},
	{"... of those that no TRUNCATE explains", &coverage.differential, 0, 99},
	{"refreshes with a tracked writer open", &coverage.with_writer, 0, 30},
	{"refreshes in a transaction with own writes", &coverage.own_write, 100, 0},
	{"late commits", &coverage.late_commits, 500, 0},
	{"aborted subtransactions with rows buffered", &coverage.aborted_subs,
	 500, 0},
	{"log segments emptied", &coverage.emptied, 200, 0},
	{"prepared transactions that wrote", &coverage.prepared, 100, 0},
	{"stream tables created while others write", &coverage.created, 40, 0},
	{"refreshes rolled back", &coverage.undone, 100, 0},
	{"logs read under an old snapshot", &coverage.old_logs, 20, 0},
	{"verifications by the server", &coverage.verifications, 100, 0},
	{"comparisons with recomputation", &coverage.comparisons, 4000, 0},
};

/* With the scheduler, in a minute. */
static const Demand automatic_demands[] = {
	{"automatic refreshes", &coverage.automatic, 300, 0},
	{"automatic refreshes over stream tables", &coverage.chained, 30, 0},
	{"atomic diamonds refreshed", &coverage.atomic, 10, 0},
	{"atomic diamonds looked at", &coverage.atomic_checks, 40, 0},
	{"refreshes that gave way or were cancelled", &coverage.gave_way, 1, 0},
	{"stream tables or sources altered", &coverage.altered, 20, 0},
	{"times that something was held back", &coverage.held, 5, 0},
	{"processes terminated", &coverage.terminated, 2, 0},
	{"times all became fresh by themselves", &coverage.quiet, 1, 0},
	{"refreshes on request", &coverage.refreshes, 20, 0},
	{"comparisons with recomputation", &coverage.comparisons, 150, 0},
};

#define N_AUTOMATIC_DEMANDS \
	((int) (sizeof(automatic_demands) / sizeof(automatic_demands[0])))
#define N_DEMANDS ((int) (sizeof(demands) / sizeof(demands[0])))

void
coverage_init(void)
{
	coverage.per_shape = calloc((size_t) n_shapes, sizeof(int));
	coverage.most_rows = calloc((size_t) n_shapes, sizeof(int));
	if (coverage.per_shape == NULL || coverage.most_rows == NULL)
		fail("out of memory");
}

#define RESET_REASON "a source was truncated or changed by DDL"

static struct
{
	char *reason;
	int count;
} reasons[20];

#define N_REASONS ((int) (sizeof(reasons) / sizeof(reasons[0])))

void
coverage_recomputed(const Shape *shape, const char *reason)
{
	int i = 0;

	coverage.recomputed++;
	if (shape->recomputes)
		coverage.without_rule++;
	else if (strcmp(reason, RESET_REASON) == 0)
		coverage.reset++;
	while (i < N_REASONS && reasons[i].reason != NULL &&
		   strcmp(reasons[i].reason, reason) != 0)
		i++;
	if (i == N_REASONS)
		fail("more reasons to recompute than there are: %s", reason);
	if (reasons[i].reason == NULL)
		reasons[i].reason = text_copy(reason);
	reasons[i].count++;
}

/* The server counts them itself. */
void
coverage_count_segments(PGconn *conn)
{
	PGresult *result = run(conn, "SELECT coalesce(sum(times_emptied), 0)"
								 " FROM pgtrickle.pgt_log_segments");

	coverage.emptied = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
}

static int
count(PGconn *conn, const char *condition)
{
	Text sql = {0};
	PGresult *result;
	int n;

	text_add(&sql, "SELECT count(*) FROM pgtrickle.pgt_refresh_history"
				   " WHERE initiated_by = 'SCHEDULER' AND %s",
			 condition);
	result = run(conn, sql.data);
	n = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	text_free(&sql);
	return n;
}

/* From the history, which outlives crashes but not stream tables. */
void
coverage_count_automatic(PGconn *conn)
{
	coverage.automatic = count(conn, "status <> 'FAILED'");
	coverage.chained =
		count(conn, "status <> 'FAILED' AND pgt_id IN (SELECT pgt_id"
					" FROM pgtrickle.pgt_dependencies"
					" WHERE source_type = 'STREAM_TABLE')");
	coverage.atomic =
		count(conn, "status <> 'FAILED' AND pgt_id IN (SELECT pgt_id"
					" FROM pgtrickle.pgt_stream_tables"
					" WHERE diamond_consistency = 'atomic'"
					" AND pgt_relid::text LIKE '%_apex')");
	coverage.gave_way = count(conn, "error_message LIKE '%57014%'");
}

/* ---- the report ---- */

static int
reset_and_explained(void)
{
	int explained = coverage.explained + coverage.undone;

	return coverage.reset < explained ? coverage.reset : explained;
}

static int
demanded(const Demand *demand)
{
	int refreshes = coverage.refreshes;

	if (options.automatic)
		return demand->per_5000 * options.seconds / 60;
	if (demand->percent == 95 && refreshes < 2000)
		return 0;
	if (demand->percent == 99)
		refreshes -= coverage.without_rule + reset_and_explained();
	if (demand->percent > 0)
		return refreshes * demand->percent / 100;
	return (int) ((long) demand->per_5000 * refreshes / 5000);
}

static bool
report_demands(const Demand *demands_made, int n)
{
	bool ok = true;

	printf("\n%-48s %8s %8s\n", "coverage", "count", "demanded");
	for (int i = 0; i < n; i++)
	{
		const Demand *demand = &demands_made[i];
		bool met = *demand->count >= demanded(demand);

		printf("%-48s %8d %8d%s\n", demand->what, *demand->count,
			   demanded(demand), met ? "" : "  MISSED");
		ok = ok && met;
	}
	return ok;
}

/*
 * Each shape must have been refreshed, and have had rows to be wrong in; in a
 * short run chance may leave some out.
 */
static bool
report_shapes(void)
{
	bool demand = coverage.refreshes >= 40 * n_active;
	bool ok = true;

	printf("\n%-24s %10s %10s\n", "shape", "refreshes", "most rows");
	for (int i = 0; i < n_active; i++)
	{
		const Shape *shape = active[i];
		int refreshes = coverage.per_shape[shape - shapes];
		int rows = coverage.most_rows[shape - shapes];
		bool met = refreshes > 0 && rows > 0;

		printf("%-24s %10d %10d%s\n", shape->name, refreshes, rows,
			   met ? "" : demand ? "  MISSED" :
								   "  -");
		ok = ok && (met || !demand);
	}
	return ok;
}

bool
coverage_report(void)
{
	bool ok;

	printf("\n%d transactions, %d statements, %d serialization failures,"
		   " %d other conflicts\n",
		   coverage.transactions, coverage.statements, coverage.serialization,
		   coverage.conflicts);
	printf("%d refreshes that did something, %d recomputed; %d had nothing"
		   " to do\n",
		   coverage.refreshes, coverage.recomputed, coverage.nothing);
	for (int i = 0; i < N_REASONS && reasons[i].reason != NULL; i++)
		printf("%8d recomputed: %s\n", reasons[i].count, reasons[i].reason);
	ok = report_shapes();
	if (options.automatic)
	{
		printf("%d crashes survived, fresh after %.1f s at most,"
			   " %d deadlocks between sessions, %d refreshes over a suspended"
			   " source\n",
			   coverage.crashes, coverage.slowest, coverage.deadlocks,
			   coverage.over_stopped);
		ok = report_demands(automatic_demands, N_AUTOMATIC_DEMANDS) && ok;
	}
	else
		ok = report_demands(demands, N_DEMANDS) && ok;
	printf("%-48s %8d %8d%s\n", "differences", coverage.differences, 0,
		   coverage.differences > 0 ? "  FAILED" : "");
	return ok && coverage.differences == 0;
}
