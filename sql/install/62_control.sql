/*
 * Control of automatic refreshing, and commands on many stream tables;
 * src/command.  NULL arguments are errors: nothing that holds refreshes back
 * fails to, silently.
 */
CREATE FUNCTION pgtrickle.pause_scheduler()
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_pause';
COMMENT ON FUNCTION pgtrickle.pause_scheduler()
	IS 'no automatic refreshes in this database until resume_scheduler()';

CREATE FUNCTION pgtrickle.resume_scheduler()
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_resume_scheduler';
COMMENT ON FUNCTION pgtrickle.resume_scheduler()
	IS 'end of pause_scheduler() and drain()';

CREATE FUNCTION pgtrickle.drain(timeout_s integer DEFAULT 60)
RETURNS boolean LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_drain';
COMMENT ON FUNCTION pgtrickle.drain(integer)
	IS 'let no refresh start in this database until resume_scheduler(), and wait for those that run; returns whether none is left';

CREATE FUNCTION pgtrickle.is_drained()
RETURNS boolean LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_is_drained';
COMMENT ON FUNCTION pgtrickle.is_drained()
	IS 'whether no refresh can start in this database and none is running';

CREATE FUNCTION pgtrickle.gate_source(source text)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_gate';
COMMENT ON FUNCTION pgtrickle.gate_source(text)
	IS 'hold automatic refreshes of the stream tables that read a source until ungate_source()';

CREATE FUNCTION pgtrickle.gate_source(source regclass)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_gate_relation';
COMMENT ON FUNCTION pgtrickle.gate_source(regclass)
	IS 'hold automatic refreshes of the stream tables that read a source until ungate_source()';

CREATE FUNCTION pgtrickle.ungate_source(source text)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_ungate';
COMMENT ON FUNCTION pgtrickle.ungate_source(text)
	IS 'end of gate_source()';

CREATE FUNCTION pgtrickle.ungate_source(source regclass)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_ungate_relation';
COMMENT ON FUNCTION pgtrickle.ungate_source(regclass)
	IS 'end of gate_source()';

CREATE FUNCTION pgtrickle.source_gates(
	OUT source_table text,
	OUT gated_at timestamptz,
	OUT gated_by text,
	OUT held text[])
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_source_gates';
COMMENT ON FUNCTION pgtrickle.source_gates()
	IS 'the gated sources that you may read, and the stream tables that they hold';

CREATE FUNCTION pgtrickle.advance_watermark(source text, ts timestamptz)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_advance_watermark';
COMMENT ON FUNCTION pgtrickle.advance_watermark(text, timestamptz)
	IS 'state that a source is complete up to a time, once this transaction is committed';

CREATE FUNCTION pgtrickle.advance_watermark(source regclass, ts timestamptz)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_advance_watermark_relation';
COMMENT ON FUNCTION pgtrickle.advance_watermark(regclass, timestamptz)
	IS 'state that a source is complete up to a time, once this transaction is committed';

CREATE FUNCTION pgtrickle.create_watermark_group(name text, sources text[], tolerance_secs double precision DEFAULT 0)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_create_watermark_group';
COMMENT ON FUNCTION pgtrickle.create_watermark_group(text, text[], double precision)
	IS 'hold automatic refreshes of stream tables that read several of the sources while their watermarks are further apart';

CREATE FUNCTION pgtrickle.drop_watermark_group(name text)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_drop_watermark_group';
COMMENT ON FUNCTION pgtrickle.drop_watermark_group(text)
	IS 'end of create_watermark_group()';

CREATE FUNCTION pgtrickle.watermarks(
	OUT source_table text,
	OUT watermark timestamptz,
	OUT advanced_at timestamptz,
	OUT advanced_by text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_watermarks';
COMMENT ON FUNCTION pgtrickle.watermarks()
	IS 'the watermarks of the sources that you may read';

CREATE FUNCTION pgtrickle.watermark_status(
	OUT group_name text,
	OUT source_tables text[],
	OUT tolerance_secs double precision,
	OUT lag_secs double precision,
	OUT is_aligned boolean,
	OUT missing text[],
	OUT held text[])
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_watermark_status';
COMMENT ON FUNCTION pgtrickle.watermark_status()
	IS 'the watermark groups whose sources you may read, and the stream tables that wait for them';

CREATE FUNCTION pgtrickle.reset_fuse(name text, action text DEFAULT 'apply')
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_reset_fuse';
COMMENT ON FUNCTION pgtrickle.reset_fuse(text, text)
	IS 'refresh a stream table whose fuse has blown: apply the changes, or reinitialize it';

CREATE FUNCTION pgtrickle.fuse_status(
	OUT name text,
	OUT fuse_ceiling bigint,
	OUT is_blown boolean,
	OUT blown_at timestamptz,
	OUT pending_rows bigint)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_fuse_status';
COMMENT ON FUNCTION pgtrickle.fuse_status()
	IS 'the stream tables that have a fuse, and whether it has blown';

CREATE FUNCTION pgtrickle.bulk_create(definitions jsonb)
RETURNS integer LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_bulk_create';
COMMENT ON FUNCTION pgtrickle.bulk_create(jsonb)
	IS 'create stream tables, all or none: an array of objects whose keys are arguments of create_stream_table()';

CREATE FUNCTION pgtrickle.bulk_alter_stream_tables(names text[], params jsonb)
RETURNS integer LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_bulk_alter';
COMMENT ON FUNCTION pgtrickle.bulk_alter_stream_tables(text[], jsonb)
	IS 'alter stream tables, all or none: an object whose keys are arguments of alter_stream_table()';

CREATE FUNCTION pgtrickle.bulk_drop_stream_tables(names text[])
RETURNS integer LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_bulk_drop';
COMMENT ON FUNCTION pgtrickle.bulk_drop_stream_tables(text[])
	IS 'drop stream tables, all or none, in any order';
