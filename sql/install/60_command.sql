/* Commands on stream tables; src/command. */
CREATE FUNCTION pgtrickle.create_stream_table(
	name text,
	query text,
	schedule text DEFAULT 'calculated',
	refresh_mode text DEFAULT NULL,
	initialize boolean DEFAULT true,
	diamond_consistency text DEFAULT 'none',
	diamond_schedule_policy text DEFAULT 'fastest',
	tier text DEFAULT 'hot',
	fuse_ceiling bigint DEFAULT NULL)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_create';
COMMENT ON FUNCTION pgtrickle.create_stream_table(text, text, text, text, boolean, text, text, text, bigint)
	IS 'create a stream table: a table that holds the result of a query and is kept up to date';

CREATE FUNCTION pgtrickle.create_stream_table_if_not_exists(
	name text,
	query text,
	schedule text DEFAULT 'calculated',
	refresh_mode text DEFAULT NULL,
	initialize boolean DEFAULT true,
	diamond_consistency text DEFAULT 'none',
	diamond_schedule_policy text DEFAULT 'fastest',
	tier text DEFAULT 'hot',
	fuse_ceiling bigint DEFAULT NULL)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_create_if_not_exists';
COMMENT ON FUNCTION pgtrickle.create_stream_table_if_not_exists(text, text, text, text, boolean, text, text, text, bigint)
	IS 'create a stream table unless a relation of that name exists';

CREATE FUNCTION pgtrickle.drop_stream_table(name text, cascade boolean DEFAULT false)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_drop_stream';
COMMENT ON FUNCTION pgtrickle.drop_stream_table(text, boolean)
	IS 'drop a stream table, as DROP TABLE does';

CREATE FUNCTION pgtrickle.refresh_stream_table(name text)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_refresh';
COMMENT ON FUNCTION pgtrickle.refresh_stream_table(text)
	IS 'refresh a stream table now, with the stream tables it reads first';

CREATE FUNCTION pgtrickle.refresh_if_stale(name text, max_age interval DEFAULT '5 minutes')
RETURNS boolean LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_refresh_if_stale';
COMMENT ON FUNCTION pgtrickle.refresh_if_stale(text, interval)
	IS 'refresh a stream table if its data is older than max_age; returns whether it was';

CREATE FUNCTION pgtrickle.write_and_refresh(sql text, stream_table_name text)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_write_and_refresh';
COMMENT ON FUNCTION pgtrickle.write_and_refresh(text, text)
	IS 'run a statement, then refresh a stream table, in one transaction';

CREATE FUNCTION pgtrickle.on_sql_drop()
RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_on_sql_drop';
COMMENT ON FUNCTION pgtrickle.on_sql_drop()
	IS 'forgets stream tables and sources that are dropped';
CREATE EVENT TRIGGER pgt_sql_drop ON sql_drop EXECUTE FUNCTION pgtrickle.on_sql_drop();
ALTER EVENT TRIGGER pgt_sql_drop ENABLE ALWAYS;

CREATE FUNCTION pgtrickle.on_drop_start()
RETURNS event_trigger LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_on_drop_start';
COMMENT ON FUNCTION pgtrickle.on_drop_start()
	IS 'internal: reminds restored stream tables of their parts before something is dropped, and keeps the types of columns that they use';
CREATE EVENT TRIGGER pgt_drop_start ON ddl_command_start
	WHEN TAG IN ('DROP TABLE', 'DROP VIEW', 'DROP MATERIALIZED VIEW',
				 'DROP FOREIGN TABLE', 'DROP SCHEMA', 'DROP OWNED',
				 'DROP TYPE', 'DROP DOMAIN', 'DROP FUNCTION', 'DROP ROUTINE',
				 'DROP AGGREGATE', 'DROP OPERATOR', 'DROP COLLATION',
				 'DROP EXTENSION', 'ALTER TABLE')
	EXECUTE FUNCTION pgtrickle.on_drop_start();
ALTER EVENT TRIGGER pgt_drop_start ENABLE ALWAYS;
