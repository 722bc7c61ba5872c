/*-------------------------------------------------------------------------
 *
 * verify_sql.c
 *	  verify_stream_table(), as SQL calls it.
 *
 *		 row_source |               row_data
 *		------------+--------------------------------------
 *		 missing    | {"region": "north", "total": 12}
 *		 unexpected | {"region": "north", "total": 11}
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_verify);

/* As JSON, by the output functions and casts of its types. */
static Datum
row_to_jsonb(TupleTableSlot *row)
{
	TupleDesc desc = CreateTupleDescCopy(row->tts_tupleDescriptor);
	HeapTuple tuple = ExecCopySlotHeapTuple(row);
	Datum json;

	json = DirectFunctionCall1(row_to_json,
							   heap_copy_tuple_as_datum(tuple,
														BlessTupleDesc(desc)));
	return DirectFunctionCall1(jsonb_in,
							   CStringGetDatum(TextDatumGetCString(json)));
}

static void
put_difference(int node_id, TupleTableSlot *row, int64 weight, void *arg)
{
	const char *what = weight > 0 ? "missing" : "unexpected";
	int64 copies = weight > 0 ? weight : -weight;
	Datum data = row_to_jsonb(row);

	if (node_id != 0)
		what = psprintf("node %d %s", node_id, what);
	for (int64 i = 0; i < copies; i++)
	{
		AnswerRow answer = {0};

		pgt_add_text(&answer, what);
		pgt_add_datum(&answer, data);
		pgt_put_row(arg, &answer);
	}
}

/*
 * verify_stream_table(name text, repair bool) returns setof (row_source text,
 * row_data jsonb): the rows by which the stream table, refreshed, and the
 * states of its nodes differ from a recomputation under the same snapshot.
 * With "repair" they differ no longer.
 */
Datum
pgt_sql_verify(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_stream_argument(fcinfo, AccessShareLock, true);

	pgt_require_argument(fcinfo, 1, "repair");
	InitMaterializedSRF(fcinfo, 0);
	pgt_verify(st->relid, PG_GETARG_BOOL(1), put_difference, fcinfo);
	return (Datum) 0;
}
