/*-------------------------------------------------------------------------
 *
 * progress_sql.c
 *	  refresh_progress(): how far first fills and recomputations are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "pg_trickle/progress.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_refresh_progress);

/* One that is being created is in no catalog yet. */
static bool
may_see_progress(const Progress *progress)
{
	StreamTable *st = pgt_lookup_stream_by_id(progress->pgt_id, true);

	return st != NULL ? pgt_may_see(st) :
						pgt_watches_all() ||
							has_privs_of_role(GetUserId(), progress->owner);
}

/*
 * refresh_progress() returns setof record: a row per backend that fills or
 * recomputes a stream table of this database now; none unless the library is
 * preloaded.
 */
Datum
pgt_sql_refresh_progress(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_progress_list(MyDatabaseId))
	{
		const Progress *progress = lfirst(lc);
		AnswerRow row = {0};

		if (!may_see_progress(progress))
			continue;
		pgt_add_text(&row, quote_qualified_identifier(NameStr(progress->schema),
													  NameStr(progress->name)));
		pgt_add_int4(&row, progress->pid);
		pgt_add_text(&row, pgt_progress_phase_name(progress->phase));
		pgt_add_int8(&row, progress->rows_done);
		if (progress->rows_estimated < 0)
			pgt_add_null(&row);
		else
			pgt_add_int8(&row, (int64) Min(progress->rows_estimated, 1e15));
		pgt_add_time(&row, progress->started_at);
		pgt_put_row(fcinfo, &row);
	}

	return (Datum) 0;
}
