/*
 * Capture.  The trigger functions are of use to the triggers that the
 * extension makes only (they check), and PUBLIC may execute them so that
 * whoever owns a table can restore it, triggers and all.  The names of the
 * event triggers sort before others: what a user's event trigger does to a
 * new partition is captured.
 */
CREATE FUNCTION pgtrickle.capture_change() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'pgt_capture_change';
COMMENT ON FUNCTION pgtrickle.capture_change() IS 'internal: logs the changed rows of a source';

CREATE FUNCTION pgtrickle.capture_truncate() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'pgt_capture_truncate';
COMMENT ON FUNCTION pgtrickle.capture_truncate() IS 'internal: logs that a source was truncated';

CREATE FUNCTION pgtrickle.capture_ddl_start() RETURNS event_trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'pgt_capture_ddl_start';
COMMENT ON FUNCTION pgtrickle.capture_ddl_start() IS 'internal: makes changes of partitions and refreshes wait for each other';

CREATE FUNCTION pgtrickle.capture_ddl_end() RETURNS event_trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'pgt_capture_ddl_end';
COMMENT ON FUNCTION pgtrickle.capture_ddl_end() IS 'internal: keeps capture complete when sources are altered';

CREATE FUNCTION pgtrickle.capture_table_rewrite() RETURNS event_trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'pgt_capture_table_rewrite';
COMMENT ON FUNCTION pgtrickle.capture_table_rewrite() IS 'internal: notices when ALTER TABLE changes the rows of a source';

CREATE FUNCTION pgtrickle.capture_sql_drop() RETURNS event_trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'pgt_capture_sql_drop';
COMMENT ON FUNCTION pgtrickle.capture_sql_drop() IS 'internal: notices when a part of a source is dropped';

CREATE EVENT TRIGGER "!pgt_capture_ddl_start" ON ddl_command_start
	WHEN TAG IN ('ALTER TABLE', 'ALTER FOREIGN TABLE')
	EXECUTE FUNCTION pgtrickle.capture_ddl_start();
CREATE EVENT TRIGGER "!pgt_capture_ddl_end" ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER TYPE',
				 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA',
				 'CREATE TRIGGER')
	EXECUTE FUNCTION pgtrickle.capture_ddl_end();
CREATE EVENT TRIGGER "!pgt_capture_table_rewrite" ON table_rewrite
	EXECUTE FUNCTION pgtrickle.capture_table_rewrite();
CREATE EVENT TRIGGER "!pgt_capture_sql_drop" ON sql_drop
	EXECUTE FUNCTION pgtrickle.capture_sql_drop();

ALTER EVENT TRIGGER "!pgt_capture_ddl_start" ENABLE ALWAYS;
ALTER EVENT TRIGGER "!pgt_capture_ddl_end" ENABLE ALWAYS;
ALTER EVENT TRIGGER "!pgt_capture_table_rewrite" ENABLE ALWAYS;
ALTER EVENT TRIGGER "!pgt_capture_sql_drop" ENABLE ALWAYS;
