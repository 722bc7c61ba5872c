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
-- Triggers are put on partitions by the superuser, who must not load the key;
-- nor must ANALYZE of ours, whose owner he is, measure ranges.
CREATE TABLE parts (id int, k int) PARTITION BY RANGE ((id + ten('x')));
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000) PARTITION BY LIST ((k + ten('y')));
CREATE TABLE parts_1_1 PARTITION OF parts_1 DEFAULT;
INSERT INTO parts SELECT i, i % 3 FROM generate_series(1, 10) i;
\c
SET client_min_messages = warning;
SET ROLE regress_user_code;
SELECT pgtrickle.create_stream_table('by_parts', 'SELECT k, count(*) FROM parts GROUP BY k', 'manual');
-- The code of a key changes the family while it is looked at.
CREATE FUNCTION grow(a int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.as_owner('x');
	IF a = 1 AND to_regclass('public.late_1') IS NOT NULL AND current_setting('search_path') NOT LIKE '%public%' THEN
		BEGIN
			ALTER TABLE public.early ATTACH PARTITION public.late FOR VALUES FROM (0) TO (100);
		EXCEPTION WHEN object_in_use THEN
			CREATE TABLE public.later PARTITION OF public.early FOR VALUES FROM (200) TO (300)
				PARTITION BY RANGE (a, (b + public.growing(3)));
		END;
	END IF;
	RETURN 0;
END $$;
CREATE FUNCTION growing(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.grow(a); END';
CREATE TABLE whole (a int, b int) PARTITION BY RANGE (a, (b + growing(1)));
CREATE TABLE early (a int, b int) PARTITION BY RANGE (a);
ALTER TABLE whole ATTACH PARTITION early FOR VALUES FROM (0, MINVALUE) TO (1000, MAXVALUE);
CREATE TABLE late (a int, b int) PARTITION BY RANGE (a, (b + growing(2)));
CREATE TABLE late_1 PARTITION OF late FOR VALUES FROM (0, MINVALUE) TO (100, MAXVALUE);
\c
SET client_min_messages = warning;
SET ROLE regress_user_code;
SELECT pgtrickle.create_stream_table('by_whole', 'SELECT a, b FROM whole', 'manual', 'DIFFERENTIAL');
SELECT inhrelid::regclass, inhparent::regclass FROM pg_inherits
WHERE inhparent IN ('whole'::regclass, 'early'::regclass, 'late'::regclass) ORDER BY 1;
CREATE FUNCTION difference(a int, b int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM public.as_owner(''x''); RETURN a - b; END';
CREATE TYPE span AS RANGE (subtype = int, subtype_diff = difference, multirange_type_name = spanmultirange);
CREATE DOMAIN short_span AS span;
CREATE TABLE spans (id int PRIMARY KEY, s span, d short_span, m spanmultirange);
INSERT INTO spans SELECT i, span(i, i + 10), span(i, i + 1), spanmultirange(span(i, i + 3)) FROM generate_series(1, 500) i;
SELECT pgtrickle.create_stream_table('by_range',
	'SELECT s, count(*), count(DISTINCT m) AS m, count(DISTINCT id) AS i, count(DISTINCT d) AS d FROM spans GROUP BY s', 'manual');
INSERT INTO spans SELECT i, span(i, i + 10), span(i, i + 1), spanmultirange(span(i, i + 3)) FROM generate_series(501, 600) i;
SELECT pgtrickle.refresh_stream_table('by_range');
RESET ROLE;
SELECT relname, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relkind = 'r' AND attnum > 0 AND attstattarget = 0
ORDER BY relname, attnum;
SELECT format('ANALYZE %s', oid::regclass) FROM pg_class
WHERE relnamespace IN ('pgtrickle_state'::regnamespace, 'pgtrickle_changes'::regnamespace) AND relkind = 'r' ORDER BY oid \gexec
SET ROLE regress_user_code;

-- What hangs on the table: indexes, constraints, triggers.
CREATE INDEX ON by_domain (as_owner(id::text), (k + ten('x')));
CREATE INDEX ON by_aggregate (k) WHERE as_owner(total::text);
ALTER TABLE by_limit ADD CHECK (as_owner(id::text));
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.ten(''x''); RETURN NULL; END';
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON by_aggregate FOR EACH ROW
	WHEN (as_owner('x')) EXECUTE FUNCTION on_change();
GRANT SELECT ON by_parts, by_range, by_domain, by_limit, by_offset, by_aggregate, by_itself TO PUBLIC;
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
	SELECT said FROM unnest('{by_domain,by_limit,by_offset,by_aggregate,by_itself,by_parts,by_range}'::text[]) st,
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
