-- What users wrote runs with the rights of the owner of the stream table and a
-- fixed search_path, whoever makes the server look at a query.  Looking is
-- enough: the CHECK of a domain is simplified when it is loaded, so is a LIMIT,
-- and the initial state of an aggregate is read by a function of its type.
SET client_min_messages = warning;
CREATE EXTENSION pg_trickle;
CREATE ROLE regress_user_code;
CREATE ROLE regress_user_code_reader;
GRANT CREATE ON SCHEMA public TO regress_user_code;
SET ROLE regress_user_code;
CREATE FUNCTION as_owner(a text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'regress_user_code' THEN
		RAISE EXCEPTION 'run by somebody else' USING ERRCODE = '42501';
	ELSIF current_setting('search_path') LIKE '%shadows%' THEN
		RAISE EXCEPTION 'run in the search_path of somebody else' USING ERRCODE = '42501';
	END IF;
	RETURN true;
END $$;
CREATE FUNCTION ten(a text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM public.as_owner(a); RETURN 10; END';
CREATE DOMAIN checked AS int CHECK (public.as_owner('x'));
CREATE FUNCTION plus(checked, int) RETURNS checked LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 + $2';
CREATE FUNCTION minus(checked, int) RETURNS checked LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 - $2';
CREATE AGGREGATE total(int) (sfunc = plus, stype = checked, initcond = '0',
	msfunc = plus, minvfunc = minus, mstype = checked, minitcond = '0');

CREATE TABLE t (id int PRIMARY KEY, k int);
INSERT INTO t VALUES (1, 1), (2, 1), (3, 2);
SELECT pgtrickle.create_stream_table('by_domain', 'SELECT id, k::public.checked AS k FROM t', 'manual');
SELECT pgtrickle.create_stream_table('by_limit', $$SELECT id FROM t LIMIT public.ten('x')$$, 'manual');
SELECT pgtrickle.create_stream_table('by_offset',
	$$SELECT id FROM (SELECT id FROM t OFFSET public.ten('x')) s$$, 'manual');
SELECT pgtrickle.create_stream_table('by_aggregate', 'SELECT k, total(id) FROM t GROUP BY k', 'manual');
SELECT pgtrickle.create_stream_table('by_itself', $$SELECT 1 AS a LIMIT public.ten('x')$$, 'manual');
-- What hangs on the table: indexes, constraints, triggers.
CREATE INDEX ON by_domain (as_owner(id::text), (k + ten('x')));
CREATE INDEX ON by_aggregate (k) WHERE as_owner(total::text);
ALTER TABLE by_limit ADD CHECK (as_owner(id::text));
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.ten(''x''); RETURN NULL; END';
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON by_aggregate FOR EACH ROW
	WHEN (as_owner('x')) EXECUTE FUNCTION on_change();
GRANT SELECT ON by_domain, by_limit, by_offset, by_aggregate, by_itself TO PUBLIC;
RESET ROLE;

-- Everything there is about a stream table, each in a new session, and then
-- what is about all of them.
CREATE SCHEMA shadows;
GRANT USAGE ON SCHEMA shadows TO PUBLIC;
CREATE FUNCTION tried(role text, sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	SET LOCAL search_path = shadows, public;
	EXECUTE sql;
	RESET ROLE;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s for %s: %s %s', sql, role, SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION tried_all(call text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT said FROM unnest('{by_domain,by_limit,by_offset,by_aggregate,by_itself}'::text[]) st,
		public.tried(session_user, 'SELECT * FROM pgtrickle.' || format(call, 'public.' || st)) said
	WHERE said IS NOT NULL
$$;
\c
INSERT INTO t SELECT i, i % 3 FROM generate_series(10, 50) i;
UPDATE t SET k = k + 1;
SELECT * FROM tried_all('refresh_stream_table(%L)');
DELETE FROM t WHERE id > 45;
SELECT * FROM tried_all('refresh_stream_table(%L)');
\c
SELECT * FROM tried_all('list_sources(%L)');
SELECT * FROM tried_all('stream_table_lineage(%L)');
SELECT * FROM tried_all('repair_stream_table(%L)');
SELECT * FROM tried_all('verify_stream_table(%L)');
\c
SELECT * FROM tried_all('explain_st(%L)');
\c
SELECT * FROM tried_all('explain_delta(%L)');
\c
SELECT * FROM tried_all('explain_refresh_mode(%L)');
\c
SELECT * FROM tried_all('export_definition(%L)');
SELECT * FROM tried_all('get_staleness(%L)');
\c
SELECT * FROM tried_all($$alter_stream_table(%L, refresh_mode => 'FULL')$$);
SELECT * FROM tried_all($$alter_stream_table(%L, refresh_mode => 'AUTO')$$);
\c
SELECT role, call, said FROM unnest(ARRAY['regress_user_code_reader', session_user::text]) role,
	unnest('{pgt_status(),stream_tables_info,quick_health,health_check(),status_page(),dependency_tree(),
		diamond_groups(),change_buffer_sizes(),trigger_inventory()}'::text[]) call,
	tried(role, 'SELECT * FROM pgtrickle.' || call) said
WHERE said IS NOT NULL;
SELECT pgtrickle.alter_stream_table('by_aggregate', query => 'SELECT k, total(id + 1) FROM t GROUP BY k');

DROP OWNED BY regress_user_code, regress_user_code_reader CASCADE;
DROP ROLE regress_user_code, regress_user_code_reader;
DROP SCHEMA shadows;
DROP EXTENSION pg_trickle CASCADE;
