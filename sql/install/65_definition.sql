/* Definitions: changing, checking, exporting, repairing them; src/command. */
CREATE FUNCTION pgtrickle.alter_stream_table(
	name text,
	query text DEFAULT NULL,
	schedule text DEFAULT NULL,
	refresh_mode text DEFAULT NULL,
	status text DEFAULT NULL,
	diamond_consistency text DEFAULT NULL,
	diamond_schedule_policy text DEFAULT NULL,
	tier text DEFAULT NULL,
	fuse_ceiling bigint DEFAULT NULL)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_alter';
COMMENT ON FUNCTION pgtrickle.alter_stream_table(text, text, text, text, text, text, text, text, bigint)
	IS 'change the query, the schedule, the refresh mode, the status or other options of a stream table; NULL keeps what is';

CREATE FUNCTION pgtrickle.resume_stream_table(name text)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_resume';
COMMENT ON FUNCTION pgtrickle.resume_stream_table(text)
	IS 'let a suspended stream table be refreshed again';

CREATE FUNCTION pgtrickle.create_or_replace_stream_table(
	name text,
	query text,
	schedule text DEFAULT 'calculated',
	refresh_mode text DEFAULT NULL,
	initialize boolean DEFAULT true,
	diamond_consistency text DEFAULT 'none',
	diamond_schedule_policy text DEFAULT 'fastest',
	tier text DEFAULT 'hot',
	fuse_ceiling bigint DEFAULT NULL)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_create_or_replace';
COMMENT ON FUNCTION pgtrickle.create_or_replace_stream_table(text, text, text, text, boolean, text, text, text, bigint)
	IS 'create a stream table, or give the one of that name this definition, in place';

CREATE FUNCTION pgtrickle.on_ddl_command_end()
RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_on_ddl_command_end';
COMMENT ON FUNCTION pgtrickle.on_ddl_command_end()
	IS 'internal: keeps stream tables as their queries have them when they are altered';
CREATE EVENT TRIGGER pgt_ddl_command_end ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE',
				 'CREATE SCHEMA', 'CREATE TRIGGER', 'ALTER TRIGGER', 'CREATE RULE')
	EXECUTE FUNCTION pgtrickle.on_ddl_command_end();
ALTER EVENT TRIGGER pgt_ddl_command_end ENABLE ALWAYS;

CREATE FUNCTION pgtrickle.on_new_references()
RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_on_new_references';
COMMENT ON FUNCTION pgtrickle.on_new_references()
	IS 'internal: refuses what would depend on logs, states or query views';
CREATE EVENT TRIGGER pgt_new_references ON ddl_command_end
	WHEN TAG IN ('ALTER DOMAIN', 'ALTER FOREIGN TABLE', 'ALTER MATERIALIZED VIEW',
				 'ALTER POLICY', 'ALTER TABLE', 'ALTER TYPE', 'ALTER VIEW',
				 'CREATE AGGREGATE', 'CREATE CAST', 'CREATE DOMAIN',
				 'CREATE FOREIGN TABLE', 'CREATE FUNCTION', 'CREATE INDEX',
				 'CREATE MATERIALIZED VIEW', 'CREATE OPERATOR', 'CREATE POLICY',
				 'CREATE PROCEDURE', 'CREATE RULE', 'CREATE SCHEMA',
				 'CREATE STATISTICS', 'CREATE TABLE', 'CREATE TABLE AS',
				 'CREATE TRIGGER', 'CREATE TYPE', 'CREATE VIEW', 'SELECT INTO')
	EXECUTE FUNCTION pgtrickle.on_new_references();
ALTER EVENT TRIGGER pgt_new_references ENABLE ALWAYS;

CREATE FUNCTION pgtrickle.validate_query(
	query text,
	OUT check_name text,
	OUT result text,
	OUT severity text)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_validate_query';
COMMENT ON FUNCTION pgtrickle.validate_query(text)
	IS 'say what a stream table with this query would be like, without creating anything';

CREATE FUNCTION pgtrickle.export_definition(name text)
RETURNS text LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'pgt_sql_export_definition';
COMMENT ON FUNCTION pgtrickle.export_definition(text)
	IS 'the SQL that creates a stream table as it is now';

CREATE FUNCTION pgtrickle.repair_stream_table(name text)
RETURNS text LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_repair';
COMMENT ON FUNCTION pgtrickle.repair_stream_table(text)
	IS 'put back what was dropped or altered of a stream table, and recompute it; returns what was done';

CREATE FUNCTION pgtrickle.on_drop_extension()
RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_on_drop_extension';
COMMENT ON FUNCTION pgtrickle.on_drop_extension()
	IS 'internal: makes plain tables of stream tables when the extension is dropped';
CREATE EVENT TRIGGER pgt_drop_extension ON ddl_command_start
	WHEN TAG IN ('DROP EXTENSION')
	EXECUTE FUNCTION pgtrickle.on_drop_extension();
ALTER EVENT TRIGGER pgt_drop_extension ENABLE ALWAYS;
