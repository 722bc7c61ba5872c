/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  Does the shared cache help new sessions?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "pg_trickle/shared_cache.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_cache_stats);

/*
 * cache_stats() returns record: numbers of the whole server, which say nothing
 * about anybody's stream tables.
 */
Datum
pgt_sql_cache_stats(PG_FUNCTION_ARGS)
{
	SharedCacheStats stats;
	AnswerRow row = {0};

	pgt_shared_cache_stats(&stats);
	InitMaterializedSRF(fcinfo, 0);
	pgt_add_int8(&row, (int64) stats.hits);
	pgt_add_int8(&row, (int64) stats.misses);
	pgt_add_int8(&row, (int64) stats.invalidations);
	pgt_add_int8(&row, (int64) stats.evictions);
	pgt_add_int8(&row, (int64) stats.entries);
	pgt_add_int8(&row, (int64) stats.bytes);
	pgt_add_int8(&row, (int64) stats.max_bytes);
	pgt_put_row(fcinfo, &row);
	return (Datum) 0;
}
