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
#include "utils/typcache.h"

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

/*
 * Equal is what "=" of the type says: 1.0 and 1.00 are, and which of them a
 * group shows is not defined.  Types without it: the image.
 */
static bool
values_equal(Datum a, Datum b, const FormData_pg_attribute *att)
{
	TypeCacheEntry *type = lookup_type_cache(att->atttypid,
											 TYPECACHE_EQ_OPR_FINFO);

	if (!OidIsValid(type->eq_opr_finfo.fn_oid))
		return pgt_datum_image_equal(a, b, att->atttypid);

	return DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo,
										  att->attcollation, a, b));
}

/* Do two rows of one key differ? */
static bool
rows_differ(TupleTableSlot *a, TupleTableSlot *b)
{
	TupleDesc desc = a->tts_tupleDescriptor;

	slot_getallattrs(a);
	slot_getallattrs(b);
	for (int i = 0; i < desc->natts; i++)
	{
		if (a->tts_isnull[i] != b->tts_isnull[i])
			return true;
		if (!a->tts_isnull[i] &&
			!values_equal(a->tts_values[i], b->tts_values[i],
						  TupleDescAttr(desc, i)))
			return true;
	}

	return false;
}

/*
 * The rows of one group: nothing, or one that is missing and one that should
 * not be there, or, in a bag, copies of one row.
 */
static void
compare_group(const ApplyTarget *target, ZSet *difference, Verification *v)
{
	TupleDesc desc = pgt_zset_desc(difference);
	TupleTableSlot *missing = MakeSingleTupleTableSlot(desc,
													   &TTSOpsMinimalTuple);
	TupleTableSlot *row;
	int64 weight;

	while ((row = pgt_zset_next_row(difference, &weight)) != NULL)
	{
		if (target->keyed && weight == 1 && TTS_EMPTY(missing))
		{
			ExecCopySlot(missing, row);
			continue;
		}
		if (!TTS_EMPTY(missing) && weight == -1 &&
			!rows_differ(missing, row))
		{
			ExecClearTuple(missing);
			continue;
		}
		note_difference(0, row, weight, v);
	}
	if (!TTS_EMPTY(missing))
		note_difference(0, missing, 1, v);
	ExecDropSingleTupleTableSlot(missing);
}

static void
compare_content(Compiled *compiled, Verification *v)
{
	ZSet *difference = pgt_recompute_difference(compiled);

	while (pgt_zset_next_group(difference))
		compare_group(&compiled->target, difference, v);
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
	RefreshRequest request = {
		.initiated_by = "VERIFY",
		.reason = "requested",
	};
	Compiled *compiled = pgt_refresh_and_stay(relid, &request);
	RunAs before = pgt_run_as_in(compiled->owner, &compiled->settings);

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
