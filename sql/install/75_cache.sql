/* What new sessions find in shared memory; src/monitor/cache.c. */
CREATE FUNCTION pgtrickle.cache_stats(
	OUT hits bigint,
	OUT misses bigint,
	OUT invalidations bigint,
	OUT evictions bigint,
	OUT entries bigint,
	OUT bytes bigint,
	OUT max_bytes bigint)
RETURNS SETOF record LANGUAGE C ROWS 1 AS 'MODULE_PATHNAME', 'pgt_sql_cache_stats';
COMMENT ON FUNCTION pgtrickle.cache_stats()
	IS 'what sessions of this server found in the shared cache of compiled stream tables';
