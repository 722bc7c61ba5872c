/*
 * What there is to see; src/monitor.  Whoever may read a stream table sees that
 * it is there and how old it is; its query, sources, logs and errors are for
 * its owner.
 */
CREATE FUNCTION pgtrickle.pgt_status(
	OUT name text,
	OUT status text,
	OUT refresh_mode text,
	OUT is_populated boolean,
	OUT consecutive_errors integer,
	OUT schedule text,
	OUT data_timestamp timestamptz,
	OUT staleness interval,
	OUT last_refresh_at timestamptz,
	OUT last_error_message text,
	OUT pgt_id bigint)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_status';
COMMENT ON FUNCTION pgtrickle.pgt_status()
	IS 'the stream tables that you may read, their status, and how old their data are';

CREATE FUNCTION pgtrickle.get_staleness(name text)
RETURNS double precision LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pgt_sql_get_staleness';
COMMENT ON FUNCTION pgtrickle.get_staleness(text)
	IS 'age of the data of a stream table in seconds; NULL if it was never filled';

CREATE FUNCTION pgtrickle.version()
RETURNS text LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgt_sql_version';
COMMENT ON FUNCTION pgtrickle.version()
	IS 'version of the extension in this database';

CREATE FUNCTION pgtrickle.get_refresh_history(
	name text,
	max_rows integer DEFAULT 20,
	OUT refresh_id bigint,
	OUT data_timestamp timestamptz,
	OUT start_time timestamptz,
	OUT end_time timestamptz,
	OUT action text,
	OUT status text,
	OUT rows_inserted bigint,
	OUT rows_deleted bigint,
	OUT delta_row_count bigint,
	OUT duration_ms double precision,
	OUT initiated_by text,
	OUT refresh_reason text,
	OUT error_message text)
RETURNS SETOF record LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pgt_sql_get_refresh_history';
COMMENT ON FUNCTION pgtrickle.get_refresh_history(text, integer)
	IS 'the last refreshes of a stream table, newest first';

CREATE FUNCTION pgtrickle.st_refresh_stats(
	OUT name text,
	OUT refreshes bigint,
	OUT differential bigint,
	OUT recomputed bigint,
	OUT no_data bigint,
	OUT rows_inserted bigint,
	OUT rows_deleted bigint,
	OUT avg_duration_ms double precision,
	OUT max_duration_ms double precision,
	OUT last_refresh_at timestamptz)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_refresh_stats';
COMMENT ON FUNCTION pgtrickle.st_refresh_stats()
	IS 'what the refreshes of each stream table did, summed up';

CREATE FUNCTION pgtrickle.change_buffer_sizes(
	OUT stream_table text,
	OUT source_table text,
	OUT cdc_mode text,
	OUT pending_rows bigint,
	OUT buffer_bytes bigint,
	OUT segments bigint)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_change_buffer_sizes';
COMMENT ON FUNCTION pgtrickle.change_buffer_sizes()
	IS 'the logs that your stream tables read, and how many rows of them are new';

CREATE FUNCTION pgtrickle.list_sources(
	name text,
	OUT source_table text,
	OUT source_type text,
	OUT columns_used text[],
	OUT cdc_mode text)
RETURNS SETOF record LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'pgt_sql_list_sources';
COMMENT ON FUNCTION pgtrickle.list_sources(text)
	IS 'the relations that a stream table reads';

CREATE FUNCTION pgtrickle.trigger_inventory(
	OUT table_name text,
	OUT purpose text,
	OUT trigger_name text,
	OUT is_present boolean,
	OUT is_enabled boolean)
RETURNS SETOF record LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'pgt_sql_trigger_inventory';
COMMENT ON FUNCTION pgtrickle.trigger_inventory()
	IS 'the triggers that capture changes and guard stream tables, and whether they are in place';

CREATE FUNCTION pgtrickle.explain_st(
	name text,
	with_analyze boolean DEFAULT false,
	OUT property text,
	OUT value text)
RETURNS SETOF record LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pgt_sql_explain_st';
COMMENT ON FUNCTION pgtrickle.explain_st(text, boolean)
	IS 'how a stream table is maintained; with_analyze refreshes it and tells what that took';

CREATE FUNCTION pgtrickle.explain_delta(name text, format text DEFAULT 'text')
RETURNS SETOF text LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pgt_sql_explain_delta';
COMMENT ON FUNCTION pgtrickle.explain_delta(text, text)
	IS 'the queries that derive the change of a stream table, as text or json';

CREATE FUNCTION pgtrickle.explain_refresh_mode(
	name text,
	OUT configured_mode text,
	OUT effective_mode text,
	OUT reason text)
RETURNS SETOF record LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pgt_sql_explain_refresh_mode';
COMMENT ON FUNCTION pgtrickle.explain_refresh_mode(text)
	IS 'what refreshes of a stream table do, and why';

CREATE FUNCTION pgtrickle.verify_stream_table(
	name text,
	repair boolean DEFAULT false,
	OUT row_source text,
	OUT row_data jsonb)
RETURNS SETOF record LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pgt_sql_verify';
COMMENT ON FUNCTION pgtrickle.verify_stream_table(text, boolean)
	IS 'refresh a stream table and compare it with a recomputation; returns the rows that differ, and puts them right if asked';
