/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Is a stream table what it should be?
 *
 * After a refresh under snapshot N the content must be the result of the query
 * under N, and so must the states of the nodes be what the query's parts
 * yield under N.  Both are computed afresh and compared row by row, still
 * under N: concurrent writers make no difference.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/snapmgr.h"

#include "pg_trickle/refresh.h"
#include "pg_trickle/run_as.h"

/* Who wants to know, and whether there was anything to tell. */
typedef struct Verification
{
	RowDifference report;
	void *arg;
	bool differs;
} Verification;

static void
note_difference(int node_id, TupleTableSlot *row, int64 weight, void *arg)
{
	Verification *v = arg;

	v->differs = true;
	v->report(node_id, row, weight, v->arg);
}

static void
compare_content(Compiled *compiled, Verification *v)
{
	ZSet *difference = pgt_recompute_difference(compiled);
	TupleTableSlot *row;
	int64 weight;

	while (pgt_zset_next_group(difference))
	{
		while ((row = pgt_zset_next_row(difference, &weight)) != NULL)
			note_difference(0, row, weight, v);
	}
	pgt_zset_free(difference);
}

/*
 * See refresh.h.  Runs what the report needs as the owner of the stream
 * table.  The repair is a refresh of its own, which recomputes; under READ
 * COMMITTED it sees changes that were committed after the comparison, too.
 */
void
pgt_verify(Oid relid, bool repair, RowDifference report, void *arg)
{
	Verification v = {.report = report, .arg = arg};
	Compiled *compiled = pgt_refresh_and_stay(relid, &(RefreshRequest){
														 .initiated_by = "VERIFY",
														 .reason = "requested",
													 });
	RunAs before = pgt_run_as(compiled->owner);

	compare_content(compiled, &v);
	if (compiled->program != NULL)
		pgt_program_compare(compiled->program, note_difference, &v);
	pgt_run_as_done(before);
	PopActiveSnapshot();

	if (repair && v.differs)
		(void) pgt_refresh(relid, &(RefreshRequest){
									  .initiated_by = "VERIFY",
									  .reason = "repair",
									  .recompute = true,
								  });
}
