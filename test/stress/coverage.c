/*
 * coverage.c
 *	  What a run has tried, and whether that was enough.
 *
 * A stress test that happens to refresh only when nobody writes proves
 * nothing.  So the driver counts, and a run that misses its coverage fails
 * as one that finds a difference does.  The demands are for 5,000 refreshes
 * and shrink with --refreshes.
 */
#include "stress.h"

#include <stdlib.h>

Coverage coverage;

typedef struct Demand
{
	const char *what;
	const int *count;
	int per_5000; /* refreshes; or, */
	int percent;  /* of the refreshes */
} Demand;

static const Demand demands[] = {
	{"refreshes that applied a delta", &coverage.differential, 0, 95},
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
	{"comparisons with recomputation", &coverage.comparisons, 2500, 0},
};

#define N_DEMANDS ((int) (sizeof(demands) / sizeof(demands[0])))

void
coverage_init(void)
{
	coverage.per_shape = calloc((size_t) n_shapes, sizeof(int));
	coverage.most_rows = calloc((size_t) n_shapes, sizeof(int));
	if (coverage.per_shape == NULL || coverage.most_rows == NULL)
		fail("out of memory");
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

/* ---- the report ---- */

static int
demanded(const Demand *demand)
{
	int refreshes = coverage.refreshes;

	if (demand->percent > 0)
		return refreshes * demand->percent / 100;
	return (int) ((long) demand->per_5000 * refreshes / 5000);
}

static bool
report_demands(void)
{
	bool ok = true;

	printf("\n%-48s %8s %8s\n", "coverage", "count", "demanded");
	for (int i = 0; i < N_DEMANDS; i++)
	{
		const Demand *demand = &demands[i];
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
	ok = report_shapes();
	ok = report_demands() && ok;
	printf("%-48s %8d %8d%s\n", "differences", coverage.differences, 0,
		   coverage.differences > 0 ? "  FAILED" : "");
	return ok && coverage.differences == 0;
}
