/*-------------------------------------------------------------------------
 *
 * lineage_sql.c
 *	  stream_table_lineage(): what is each column computed from?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/heap.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_lineage);

static const char *
column_name(const LineageColumn *column)
{
	if (column->attno < 0)
		return NameStr(SystemAttributeDefinition(column->attno)->attname);

	return get_attname(column->relid, column->attno, false);
}

static void
put_column(FunctionCallInfo fcinfo, const char *output,
		   const LineageColumn *column)
{
	AnswerRow row = {0};

	pgt_add_text(&row, output);
	if (column != NULL)
	{
		pgt_add_relation(&row, column->relid);
		pgt_add_text(&row, column_name(column));
	}
	else
	{
		pgt_add_null(&row);
		pgt_add_null(&row);
	}
	pgt_put_row(fcinfo, &row);
}

/*
 * stream_table_lineage(name text) returns setof (output_col, source_table,
 * source_col): the columns of tables that each column is computed from; one
 * row with NULLs for a column that is computed from none.
 */
Datum
pgt_sql_lineage(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_stream_argument(fcinfo, AccessShareLock, true);
	ListCell *lc;
	ListCell *lc2;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_lineage(pgt_view_query(st->query_relid),
							 pgt_relation_owner(st->relid)))
	{
		AttrNumber attno = foreach_current_index(lc) + 1;
		const char *output = get_attname(st->relid, attno, false);

		if (lfirst(lc) == NIL)
			put_column(fcinfo, output, NULL);
		foreach (lc2, (List *) lfirst(lc))
			put_column(fcinfo, output, lfirst(lc2));
	}

	return (Datum) 0;
}
