/*
 * What indexes and triggers of stream tables call.  A dump restores these
 * with the rights of their owners, so PUBLIC may execute the functions; they
 * show nothing and change nothing.
 */
CREATE FUNCTION pgtrickle.row_hash(VARIADIC "any") RETURNS bigint
	AS 'MODULE_PATHNAME', 'pgt_row_hash'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION pgtrickle.row_hash(VARIADIC "any") IS 'hash of the binary image of a row, however its values are stored';

CREATE FUNCTION pgtrickle.key_hash(VARIADIC "any") RETURNS bigint
	AS 'MODULE_PATHNAME', 'pgt_key_hash'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION pgtrickle.key_hash(VARIADIC "any") IS 'hash of a key that agrees with the equality of its types, NULLs being equal';

CREATE FUNCTION pgtrickle.guard() RETURNS trigger
	AS 'MODULE_PATHNAME', 'pgt_guard'
	LANGUAGE C;
COMMENT ON FUNCTION pgtrickle.guard() IS 'trigger that refuses changes of a stream table';
