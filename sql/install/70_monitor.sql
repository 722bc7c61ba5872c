/*
 * What there is to see; src/monitor.  Whoever may read a stream table sees that
 * it is there and how old it is; its query, sources, logs and errors are for
 * its owner, and all of that but queries and texts of errors for members of
 * pg_monitor.
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
RETURNS double precision LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_get_staleness';
COMMENT ON FUNCTION pgtrickle.get_staleness(text)
	IS 'how far a stream table may be behind its sources, in seconds; NULL if it was never filled';

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
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_get_refresh_history';
COMMENT ON FUNCTION pgtrickle.get_refresh_history(text, integer)
	IS 'the last refreshes of a stream table, newest first';

CREATE FUNCTION pgtrickle.st_refresh_stats(
	since interval DEFAULT NULL,
	OUT name text,
	OUT refreshes bigint,
	OUT differential bigint,
	OUT recomputed bigint,
	OUT no_data bigint,
	OUT failed bigint,
	OUT rows_inserted bigint,
	OUT rows_deleted bigint,
	OUT avg_duration_ms double precision,
	OUT max_duration_ms double precision,
	OUT last_refresh_at timestamptz)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_refresh_stats';
COMMENT ON FUNCTION pgtrickle.st_refresh_stats(interval)
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
RETURNS SETOF record LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'pgt_sql_list_sources';
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
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_explain_st';
COMMENT ON FUNCTION pgtrickle.explain_st(text, boolean)
	IS 'how a stream table is maintained; with_analyze refreshes it and tells what that took';

CREATE FUNCTION pgtrickle.explain_delta(name text, format text DEFAULT 'text')
RETURNS SETOF text LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_explain_delta';
COMMENT ON FUNCTION pgtrickle.explain_delta(text, text)
	IS 'the queries that derive the change of a stream table, as text or json';

CREATE FUNCTION pgtrickle.explain_refresh_mode(
	name text,
	OUT configured_mode text,
	OUT effective_mode text,
	OUT reason text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_explain_refresh_mode';
COMMENT ON FUNCTION pgtrickle.explain_refresh_mode(text)
	IS 'what refreshes of a stream table do, and why';

CREATE FUNCTION pgtrickle.verify_stream_table(
	name text,
	repair boolean DEFAULT false,
	OUT row_source text,
	OUT row_data jsonb)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_verify';
COMMENT ON FUNCTION pgtrickle.verify_stream_table(text, boolean)
	IS 'refresh a stream table and compare it with a recomputation; returns the rows that differ, and puts them right if asked';

CREATE FUNCTION pgtrickle.stream_tables_info(
	OUT name text,
	OUT pgt_id bigint,
	OUT owner name,
	OUT status text,
	OUT refresh_mode text,
	OUT schedule text,
	OUT tier text,
	OUT is_populated boolean,
	OUT data_timestamp timestamptz,
	OUT staleness interval,
	OUT is_late boolean,
	OUT last_refresh_at timestamptz,
	OUT consecutive_errors integer,
	OUT last_error_message text,
	OUT retry_at timestamptz,
	OUT fuse_ceiling bigint,
	OUT fuse_blown_at timestamptz,
	OUT diamond_consistency text,
	OUT diamond_schedule_policy text,
	OUT query text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_stream_tables_info';
COMMENT ON FUNCTION pgtrickle.stream_tables_info()
	IS 'all that you may know of the stream tables that you may read';

CREATE FUNCTION pgtrickle.refresh_timeline(
	max_rows integer DEFAULT 50,
	OUT start_time timestamptz,
	OUT end_time timestamptz,
	OUT name text,
	OUT action text,
	OUT status text,
	OUT rows_inserted bigint,
	OUT rows_deleted bigint,
	OUT delta_row_count bigint,
	OUT duration_ms double precision,
	OUT initiated_by text,
	OUT refresh_reason text,
	OUT error_message text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_refresh_timeline';
COMMENT ON FUNCTION pgtrickle.refresh_timeline(integer)
	IS 'the last refreshes of all stream tables, newest first';

CREATE FUNCTION pgtrickle.check_cdc_health(
	OUT source_table text,
	OUT cdc_mode text,
	OUT segments bigint,
	OUT log_bytes bigint,
	OUT consumers bigint,
	OUT slowest_consumer text,
	OUT waiting_since timestamptz,
	OUT severity text,
	OUT detail text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_check_cdc_health';
COMMENT ON FUNCTION pgtrickle.check_cdc_health()
	IS 'the sources: are all their changes captured, and who keeps their logs from being emptied?';

CREATE FUNCTION pgtrickle.health_check(
	OUT check_name text,
	OUT severity text,
	OUT detail text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_health_check';
COMMENT ON FUNCTION pgtrickle.health_check()
	IS 'what is wrong, and what to do about it: ok, warning, critical';

CREATE FUNCTION pgtrickle.health_summary(
	OUT total_stream_tables integer,
	OUT active integer,
	OUT unfilled integer,
	OUT failing integer,
	OUT suspended integer,
	OUT fuses_blown integer,
	OUT late integer,
	OUT max_staleness interval,
	OUT log_bytes bigint,
	OUT scheduler text,
	OUT scheduler_running boolean,
	OUT warnings integer,
	OUT criticals integer,
	OUT severity text)
RETURNS SETOF record LANGUAGE C ROWS 1 AS 'MODULE_PATHNAME', 'pgt_sql_health_summary';
COMMENT ON FUNCTION pgtrickle.health_summary()
	IS 'the health of all stream tables in one row of numbers';

CREATE FUNCTION pgtrickle.dependency_tree(
	OUT tree_line text,
	OUT node text,
	OUT node_type text,
	OUT depth integer,
	OUT status text,
	OUT refresh_mode text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_dependency_tree';
COMMENT ON FUNCTION pgtrickle.dependency_tree()
	IS 'the stream tables, with what they read below them, line by line';

CREATE FUNCTION pgtrickle.explain_dag(format text DEFAULT 'mermaid')
RETURNS text LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_explain_dag';
COMMENT ON FUNCTION pgtrickle.explain_dag(text)
	IS 'a picture of which stream table reads what, as mermaid or dot (Graphviz)';

CREATE FUNCTION pgtrickle.diamond_groups(
	OUT group_id integer,
	OUT stream_table text,
	OUT is_convergence boolean,
	OUT diamond_consistency text,
	OUT diamond_schedule_policy text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_diamond_groups';
COMMENT ON FUNCTION pgtrickle.diamond_groups()
	IS 'stream tables that lie between a source and one in which the ways from it meet';

CREATE FUNCTION pgtrickle.explain_query_rewrite(
	query text,
	OUT property text,
	OUT value text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_explain_query_rewrite';
COMMENT ON FUNCTION pgtrickle.explain_query_rewrite(text)
	IS 'what would become of a query: its parts, and the queries that derive its change; creates nothing';

CREATE FUNCTION pgtrickle.diagnose_errors(
	name text,
	OUT failed_at timestamptz,
	OUT error_type text,
	OUT error_code text,
	OUT error_message text,
	OUT remedy text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_diagnose_errors';
COMMENT ON FUNCTION pgtrickle.diagnose_errors(text)
	IS 'the last errors of a stream table, and what to do about them';

CREATE FUNCTION pgtrickle.stream_table_lineage(
	name text,
	OUT output_col text,
	OUT source_table text,
	OUT source_col text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_lineage';
COMMENT ON FUNCTION pgtrickle.stream_table_lineage(text)
	IS 'the columns of tables that each column of a stream table is computed from';

CREATE FUNCTION pgtrickle.refresh_progress(
	OUT name text,
	OUT pid integer,
	OUT phase text,
	OUT rows_done bigint,
	OUT rows_estimated bigint,
	OUT started_at timestamptz)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_refresh_progress';
COMMENT ON FUNCTION pgtrickle.refresh_progress()
	IS 'how far first fills and recomputations are that run now';

/* The same as views: what they show is decided by the functions. */
CREATE VIEW pgtrickle.stream_tables_info AS
	SELECT * FROM pgtrickle.stream_tables_info();
COMMENT ON VIEW pgtrickle.stream_tables_info IS 'the stream tables that you may read';

CREATE VIEW pgtrickle.pg_stat_stream_tables AS
	SELECT s.*, t.status, t.staleness, t.data_timestamp
	FROM pgtrickle.st_refresh_stats() s JOIN pgtrickle.pgt_status() t USING (name);
COMMENT ON VIEW pgtrickle.pg_stat_stream_tables IS 'what the refreshes of each stream table did, and how far it may be behind';

CREATE VIEW pgtrickle.pgt_cdc_status AS
	SELECT * FROM pgtrickle.check_cdc_health();
COMMENT ON VIEW pgtrickle.pgt_cdc_status IS 'the sources whose changes are captured';

CREATE VIEW pgtrickle.quick_health AS
	SELECT total_stream_tables, failing + suspended + fuses_blown AS error_tables,
		late AS stale_tables, scheduler_running, severity AS status
	FROM pgtrickle.health_summary();
COMMENT ON VIEW pgtrickle.quick_health IS 'is all well?  One row';

CREATE VIEW pgtrickle.refresh_progress AS
	SELECT * FROM pgtrickle.refresh_progress();
COMMENT ON VIEW pgtrickle.refresh_progress IS 'first fills and recomputations that run now';

GRANT SELECT ON pgtrickle.stream_tables_info, pgtrickle.pg_stat_stream_tables,
	pgtrickle.pgt_cdc_status, pgtrickle.quick_health, pgtrickle.refresh_progress
	TO PUBLIC;
