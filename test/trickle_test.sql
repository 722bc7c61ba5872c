\set ECHO none
/*
 * What the tests of stream tables share; a test starts with
 *
 *		\i trickle_test.sql
 *
 * trickle_test.same_as_query(name) refreshes a stream table and compares it
 * with its query: no row if all is well, else one row per difference.  The
 * refresh must have been a delta, unless another action is named.
 */
SET client_min_messages = warning;
CREATE EXTENSION pg_trickle;
CREATE SCHEMA trickle_test;

/* The columns of a table, those without "=" as text. */
CREATE FUNCTION trickle_test.comparable_columns(relid regclass)
RETURNS text LANGUAGE sql AS
$$
	SELECT string_agg(format(CASE WHEN EXISTS (
			SELECT FROM pg_opclass
			WHERE opcdefault AND (opcintype = base
				OR opcintype = 'anyarray'::regtype AND elem <> 0
					AND EXISTS (SELECT FROM pg_opclass o WHERE o.opcdefault
						AND o.opcintype = elem)
				OR opcintype = 'record'::regtype AND kind = 'c'
				OR opcintype = 'anyenum'::regtype AND kind = 'e'
				OR opcintype = 'anyrange'::regtype AND kind = 'r'
				OR opcintype = 'text'::regtype AND base = 'varchar'::regtype))
		THEN '%I' ELSE '%I::text' END, attname), ', ' ORDER BY attnum)
	FROM pg_attribute
		JOIN LATERAL (SELECT CASE typtype WHEN 'd' THEN typbasetype ELSE oid END,
			typelem, typtype FROM pg_type WHERE oid = atttypid)
		AS type (base, elem, kind) ON true
	WHERE attrelid = relid AND attnum > 0 AND NOT attisdropped
$$;

/* Rows of the first query that are not in the second, each with a label. */
CREATE FUNCTION trickle_test.surplus(label text, a text, b text)
RETURNS SETOF text LANGUAGE plpgsql AS
$$
BEGIN
	RETURN QUERY EXECUTE format(
		'SELECT %L || x::text FROM (%s EXCEPT ALL %s) x ORDER BY 1',
		label || ' ', a, b);
END
$$;

CREATE FUNCTION trickle_test.same_as_query(st text,
	expected_action text DEFAULT 'DIFFERENTIAL')
RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE
	relid regclass;
	columns text;
	names text;
	query text;
	last_action text;
BEGIN
	PERFORM pgtrickle.refresh_stream_table(st);
	relid := st::regclass;
	SELECT original_query INTO STRICT query
	FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = relid;
	SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO names
	FROM pg_attribute WHERE attrelid = relid AND attnum > 0;
	columns := trickle_test.comparable_columns(relid);

	RETURN QUERY SELECT * FROM trickle_test.surplus('missing',
		format('SELECT %s FROM (%s) q (%s)', columns, query, names),
		format('SELECT %s FROM %s', columns, relid));
	RETURN QUERY SELECT * FROM trickle_test.surplus('wrong',
		format('SELECT %s FROM %s', columns, relid),
		format('SELECT %s FROM (%s) q (%s)', columns, query, names));

	SELECT action INTO last_action
	FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables s USING (pgt_id)
	WHERE s.pgt_relid = relid ORDER BY refresh_id DESC LIMIT 1;
	IF last_action <> expected_action THEN
		RETURN NEXT format('refresh was %s, not %s', last_action, expected_action);
	END IF;
END
$$;

/* Create a stream table whose refreshes are deltas. */
CREATE FUNCTION trickle_test.stream(st text, query text)
RETURNS void LANGUAGE sql AS
$$
	SELECT pgtrickle.create_stream_table(st, query, 'manual', 'DIFFERENTIAL')
$$;

/* Refresh: what was done and why, and in how many places it is wrong now. */
CREATE FUNCTION trickle_test.refreshed(st text, OUT action text,
	OUT reason text, OUT wrong bigint)
LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM pgtrickle.refresh_stream_table(st);
	SELECT h.action, h.refresh_reason INTO action, reason
	FROM pgtrickle.get_refresh_history(st, 1) h;
	SELECT count(*) INTO wrong FROM pgtrickle.verify_stream_table(st);
END
$$;
\set ECHO all
