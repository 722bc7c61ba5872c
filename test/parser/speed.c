/*-------------------------------------------------------------------------
 *
 * speed.c
 *	  How long does the parser of this server take, whoever's it is?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg_trickle/compat.h"

#include "parser_test.h"

/* Microseconds of the fastest of n times. */
static double
fastest(const char *text, int n)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "parser speed",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	double best = -1;

	while (n-- > 0)
	{
		instr_time start;
		instr_time duration;

		INSTR_TIME_SET_CURRENT(start);
		raw_parser(text, RAW_PARSE_DEFAULT);
		INSTR_TIME_SET_CURRENT(duration);
		INSTR_TIME_SUBTRACT(duration, start);
		MemoryContextReset(context);
		if (best < 0 || INSTR_TIME_GET_DOUBLE(duration) * 1e6 < best)
			best = INSTR_TIME_GET_DOUBLE(duration) * 1e6;
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return best;
}

PG_FUNCTION_INFO_V1(parser_test_speed);

/*
 * parser_test_speed(text bytea, n int) returns the microseconds that parsing
 * took the fastest of n times: others disturb the rest.
 */
Datum
parser_test_speed(PG_FUNCTION_ARGS)
{
	char *text = text_to_cstring(PG_GETARG_BYTEA_PP(0));

	PG_RETURN_FLOAT8(fastest(text, PG_GETARG_INT32(1)));
}
