/* Definitions: changing, checking, exporting, repairing them; src/command. */
CREATE FUNCTION pgtrickle.alter_stream_table(
	name text,
	query text DEFAULT NULL,
	schedule text DEFAULT NULL,
	refresh_mode text DEFAULT NULL,
	status text DEFAULT NULL)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_alter';
COMMENT ON FUNCTION pgtrickle.alter_stream_table(text, text, text, text, text)
	IS 'change the query, the schedule, the refresh mode or the status of a stream table; NULL keeps what is';

CREATE FUNCTION pgtrickle.resume_stream_table(name text)
RETURNS void LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pgt_sql_resume';
COMMENT ON FUNCTION pgtrickle.resume_stream_table(text)
	IS 'let a suspended stream table be refreshed again';

CREATE FUNCTION pgtrickle.create_or_replace_stream_table(
	name text,
	query text,
	schedule text DEFAULT 'calculated',
	refresh_mode text DEFAULT 'AUTO',
	initialize boolean DEFAULT true)
RETURNS void LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_sql_create_or_replace';
COMMENT ON FUNCTION pgtrickle.create_or_replace_stream_table(text, text, text, text, boolean)
	IS 'create a stream table, or give the one of that name this definition, in place';
