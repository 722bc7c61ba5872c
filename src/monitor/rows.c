/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  Rows of answers, column by column in the order of the SQL declaration.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "pg_trickle/sql.h"

#include "monitor.h"

void
pgt_add_datum(AnswerRow *row, Datum value)
{
	Assert(row->ncolumns < (int) lengthof(row->values));
	row->values[row->ncolumns++] = value;
}

void
pgt_add_null(AnswerRow *row)
{
	row->nulls[row->ncolumns] = true;
	pgt_add_datum(row, (Datum) 0);
}

void
pgt_add_text(AnswerRow *row, const char *value)
{
	if (value == NULL)
		pgt_add_null(row);
	else
		pgt_add_datum(row, CStringGetTextDatum(value));
}

void
pgt_add_relation(AnswerRow *row, Oid relid)
{
	char *name = pgt_relation_text_or_null(relid);

	/* It may have been dropped a moment ago. */
	row->is_void |= name == NULL && row->ncolumns == 0;
	pgt_add_text(row, name);
}

char *
pgt_shown_name(Oid relid)
{
	char *name = pgt_relation_text_or_null(relid);

	return name == NULL ? pstrdup("(dropped)") : name;
}

void
pgt_add_bool(AnswerRow *row, bool value)
{
	pgt_add_datum(row, BoolGetDatum(value));
}

void
pgt_add_int4(AnswerRow *row, int32 value)
{
	pgt_add_datum(row, Int32GetDatum(value));
}

void
pgt_add_int8(AnswerRow *row, int64 value)
{
	pgt_add_datum(row, Int64GetDatum(value));
}

void
pgt_add_float8(AnswerRow *row, double value)
{
	pgt_add_datum(row, Float8GetDatum(value));
}

void
pgt_add_time(AnswerRow *row, TimestampTz value)
{
	if (value == 0)
		pgt_add_null(row);
	else
		pgt_add_datum(row, TimestampTzGetDatum(value));
}

void
pgt_add_interval(AnswerRow *row, int64 usec)
{
	if (usec < 0)
		pgt_add_null(row);
	else
		pgt_add_datum(row, DirectFunctionCall2(timestamp_mi,
											   TimestampTzGetDatum(usec),
											   TimestampTzGetDatum(0)));
}

/*
 * Add the row to the answer that InitMaterializedSRF() has begun, unless it is
 * about a relation that is gone.
 */
void
pgt_put_row(FunctionCallInfo fcinfo, AnswerRow *row)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	Assert(row->ncolumns == result->setDesc->natts);
	if (row->is_void)
		return;
	tuplestore_putvalues(result->setResult, result->setDesc, row->values,
						 row->nulls);
}
