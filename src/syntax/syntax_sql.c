/*-------------------------------------------------------------------------
 *
 * syntax_sql.c
 *	  What SQL can ask about the syntax.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "pg_trickle/syntax.h"

PG_FUNCTION_INFO_V1(pgt_sql_syntax_status);

/*
 * sql_syntax_status() returns (available bool, reason text): does this server
 * take CREATE STREAM TABLE, and if not, why?
 */
Datum
pgt_sql_syntax_status(PG_FUNCTION_ARGS)
{
	const char *obstacle = pgt_syntax_obstacle();
	TupleDesc desc;
	Datum values[2] = {BoolGetDatum(obstacle == NULL)};
	bool nulls[2] = {false, obstacle == NULL};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (obstacle != NULL)
		values[1] = CStringGetTextDatum(obstacle);

	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
