/* The SQL syntax; src/syntax. */
CREATE FUNCTION pgtrickle.sql_syntax_status(
	OUT available boolean,
	OUT reason text)
RETURNS SETOF record LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgt_sql_syntax_status';
COMMENT ON FUNCTION pgtrickle.sql_syntax_status()
	IS 'whether this server takes CREATE STREAM TABLE, and if not, why';
