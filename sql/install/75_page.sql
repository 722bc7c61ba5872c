/* The whole state for people; src/monitor/page.c. */
CREATE FUNCTION pgtrickle.status_page(reload_seconds integer DEFAULT 0)
RETURNS text LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_status_page';
COMMENT ON FUNCTION pgtrickle.status_page(integer)
	IS 'an HTML page of all that you may see: who reads whom, freshness, errors, timings';
