/*-------------------------------------------------------------------------
 *
 * syntax_sql.c
 *	  What SQL can ask about the syntax.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "pg_trickle/syntax.h"

PG_FUNCTION_INFO_V1(pgt_sql_syntax_status);

/*
 * sql_syntax_status() returns one row (available bool, reason text): does this
 * server take CREATE STREAM TABLE, and if not, why?
 */
Datum
pgt_sql_syntax_status(PG_FUNCTION_ARGS)
{
	const char *obstacle = pgt_syntax_obstacle();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum values[2] = {BoolGetDatum(obstacle == NULL)};
	bool nulls[2] = {false, obstacle == NULL};

	InitMaterializedSRF(fcinfo, 0);
	if (obstacle != NULL)
		values[1] = CStringGetTextDatum(obstacle);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
