-- Errors: SQLSTATE, detail, hint and position; and nothing half-made stays.
\i trickle_test.sql
\set SHOW_CONTEXT never
CREATE TABLE sales (id int PRIMARY KEY, region text, amount int);
CREATE VIEW view_of_sales AS SELECT * FROM sales;
CREATE MATERIALIZED VIEW frozen AS SELECT * FROM sales;
CREATE TEMP TABLE passing (a int);
CREATE SEQUENCE numbers;

-- The functions' own line numbers are of no interest.
CREATE FUNCTION fails(sql text) RETURNS TABLE (part text, value text) LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE sql;
	RETURN QUERY VALUES ('nothing', 'no error');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN QUERY SELECT * FROM (VALUES (state, message), ('detail', detail), ('hint', hint)) v (p, t)
	WHERE t <> '';
END $$;
CREATE FUNCTION create_fails(query text, mode text DEFAULT 'AUTO')
RETURNS TABLE (part text, value text) LANGUAGE sql AS $$
	SELECT * FROM fails(format('SELECT pgtrickle.create_stream_table(''st'', %L, refresh_mode => %L)',
		query, mode)) $$;

-- A query that is none, or not one, or not a SELECT.
SELECT * FROM create_fails('SELEKT 1');
SELECT * FROM create_fails('');
SELECT * FROM create_fails('-- just a comment');
SELECT * FROM create_fails('SELECT 1 AS a; SELECT 2 AS a');
SELECT * FROM create_fails('INSERT INTO sales VALUES (1) RETURNING id');
SELECT * FROM create_fails('EXPLAIN SELECT 1');
SELECT * FROM create_fails('CREATE TABLE t AS SELECT 1 AS a');
SELECT * FROM create_fails('SELECT id INTO t FROM sales');
SELECT * FROM create_fails('WITH gone AS (DELETE FROM sales RETURNING id) SELECT id FROM gone');
SELECT * FROM create_fails('SELECT id FROM sales FOR UPDATE');
SELECT * FROM create_fails('SELECT id FROM (SELECT id FROM sales FOR SHARE) s');
SELECT * FROM create_fails('SELECT id FROM sales WHERE amount > $1');

-- Output columns without a name, with one name, without a type.
SELECT * FROM create_fails('SELECT id, amount AS id FROM sales');
SELECT * FROM create_fails('SELECT 1, 2');
SELECT * FROM create_fails('SELECT FROM sales');
SELECT * FROM create_fails('SELECT ''a'' COLLATE "C" || ''b'' COLLATE "POSIX" AS ab');

-- Relations that cannot be read, and what does not exist.
SELECT * FROM create_fails('SELECT id FROM nowhere');
SELECT * FROM create_fails('SELECT wrong FROM sales');
SELECT * FROM create_fails('SELECT nothing(id) FROM sales') WHERE part <> 'hint';
SELECT * FROM create_fails('SELECT a FROM passing');
SELECT * FROM create_fails('SELECT relname FROM pg_class');
SELECT * FROM create_fails('SELECT tablename FROM pg_tables');
SELECT * FROM create_fails('SELECT pgt_id FROM pgtrickle.pgt_stream_tables');

-- A mode that cannot do it.
SELECT * FROM create_fails('SELECT id, random() FROM sales');
SELECT * FROM create_fails('SELECT id, random() FROM sales', 'DIFFERENTIAL');
SELECT * FROM create_fails('SELECT id, rank() OVER (ORDER BY id) FROM sales', 'DIFFERENTIAL');
SELECT * FROM create_fails('SELECT id FROM frozen', 'DIFFERENTIAL');
SELECT * FROM create_fails('SELECT id, now() FROM sales', 'DIFFERENTIAL');

-- The position of an error is in the query.
SELECT pgtrickle.create_stream_table('st', 'SELECT id,
	ammount FROM sales');
SELECT pgtrickle.create_stream_table('st', 'SELECT ''ä'' AS a, * FROM nowhere');
SELECT pgtrickle.create_stream_table('st', 'SELECT id, random() FROM sales');
SELECT pgtrickle.create_stream_table('st', 'SELECT id AS a, amount AS a FROM sales');
SELECT pgtrickle.create_stream_table('st', 'SELECT ''for update'' AS a FROM sales FOR UPDATE');
SELECT pgtrickle.create_stream_table('st', 'SELECT 1 AS a, row(id, amount) AS b FROM sales');
SELECT pgtrickle.alter_stream_table('st', query => 'SELECT 1');

-- Names: taken, wrong, in no schema.
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('sales', 'SELECT 1 AS a')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('view_of_sales', 'SELECT 1 AS a')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('', 'SELECT 1 AS a')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('a.b.c.d', 'SELECT 1 AS a')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('no where', 'SELECT 1 AS a')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('nowhere.st', 'SELECT 1 AS a')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('pg_catalog.st', 'SELECT 1 AS a')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('pg_temp.st', 'SELECT 1 AS a')$$);

-- Arguments: NULL, or not one of those there are.
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table(NULL, 'SELECT 1 AS a')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('st', NULL)$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('st', 'SELECT 1 AS a', NULL)$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('st', 'SELECT 1 AS a', refresh_mode => 'SOMETIMES')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('st', 'SELECT 1 AS a', refresh_mode => 'immediate')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('st', 'SELECT 1 AS a', schedule => 'soon')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('st', 'SELECT 1 AS a', schedule => '61 * * * *')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('st', 'SELECT 1 AS a', schedule => '0 0 30 2 *')$$);
SELECT * FROM fails($$SELECT pgtrickle.create_stream_table('st', 'SELECT 1 AS a', partition_by => 'a')$$) WHERE part <> 'hint';

-- Nothing of all that stays.
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
SELECT count(*) FROM pgtrickle.pgt_change_tracking;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sales'::regclass;
SELECT relname FROM pg_class WHERE relnamespace IN ('pgtrickle_query'::regnamespace,
	'pgtrickle_changes'::regnamespace, 'pgtrickle_state'::regnamespace);
SELECT to_regclass('st');

-- A first fill that fails takes everything with it.
INSERT INTO sales VALUES (1, 'north', 0);
SELECT * FROM create_fails('SELECT id, 1 / amount AS a FROM sales');
SELECT to_regclass('st'), (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sales'::regclass) AS triggers;
-- A refresh that fails changes nothing, and the next one makes up for it.
UPDATE sales SET amount = 1;
SELECT trickle_test.stream('st', 'SELECT id, 1 / amount AS a FROM sales');
INSERT INTO sales VALUES (2, 'south', 0), (3, 'south', 2);
SELECT * FROM fails($$SELECT pgtrickle.refresh_stream_table('st')$$);
SELECT * FROM st;
DELETE FROM sales WHERE id = 2;
SELECT trickle_test.same_as_query('st');

-- What is no stream table, or is not there.
SELECT st, f.* FROM unnest(ARRAY['sales', 'view_of_sales', 'frozen', 'numbers', 'st_pkey', 'nowhere', 'nowhere.st', '"St"']) st,
	fails(format('SELECT pgtrickle.refresh_stream_table(%L)', st)) f;
SELECT function, f.* FROM unnest(ARRAY['alter_stream_table', 'drop_stream_table', 'resume_stream_table',
		'refresh_if_stale', 'export_definition', 'repair_stream_table', 'get_staleness',
		'get_refresh_history', 'list_sources', 'explain_st', 'explain_delta',
		'explain_refresh_mode', 'verify_stream_table']) function,
	fails(format('SELECT * FROM pgtrickle.%I(''sales'')', function)) f;
SELECT * FROM fails($$SELECT pgtrickle.write_and_refresh('SELECT 1', 'sales')$$);
SELECT * FROM fails($$SELECT pgtrickle.alter_stream_table(NULL)$$);
SELECT * FROM fails($$SELECT pgtrickle.alter_stream_table('st', schedule => 'never')$$);
SELECT * FROM fails($$SELECT pgtrickle.alter_stream_table('st', status => 'broken')$$);
SELECT * FROM fails($$SELECT pgtrickle.alter_stream_table('st', status => 'ERROR')$$);
SELECT * FROM fails($$SELECT pgtrickle.alter_stream_table('st', refresh_mode => 'x')$$);
SELECT * FROM fails($$SELECT pgtrickle.explain_delta('st', 'x')$$);

-- Nobody writes to a stream table.
SELECT * FROM fails('INSERT INTO st VALUES (1, 1)');
SELECT * FROM fails('UPDATE st SET a = 1');
SELECT * FROM fails('DELETE FROM st');
SELECT * FROM fails('TRUNCATE st');
SELECT * FROM fails('MERGE INTO st USING sales s ON s.id = st.id WHEN MATCHED THEN DELETE');
SELECT * FROM fails('INSERT INTO st SELECT 1, 1 ON CONFLICT DO NOTHING');
COPY st FROM stdin;
7	7
\.

-- A statement that changes a source cannot refresh what reads it.
CREATE FUNCTION refresh_now() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN PERFORM pgtrickle.refresh_stream_table('st'); RETURN NULL; END$$;
CREATE TRIGGER now AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION refresh_now();
SELECT * FROM fails('INSERT INTO sales VALUES (4, ''x'', 1), (5, ''x'', 1)');
DROP TRIGGER now ON sales;
CREATE TRIGGER now AFTER INSERT ON sales EXECUTE FUNCTION refresh_now();
INSERT INTO sales VALUES (4, 'x', 1), (5, 'x', 1);
SELECT * FROM st ORDER BY id;
DROP TRIGGER now ON sales;

-- DROP of a source names who depends on it, and CASCADE takes them.
SELECT trickle_test.stream('above', 'SELECT a, count(*) AS n FROM st GROUP BY a');
SELECT pgtrickle.create_stream_table('on_view', 'SELECT region FROM view_of_sales', refresh_mode => 'FULL');
SELECT * FROM fails('DROP TABLE sales');
SELECT * FROM fails('DROP VIEW view_of_sales');
SELECT * FROM fails('ALTER TABLE sales DROP COLUMN amount');
SELECT * FROM fails('ALTER TABLE sales ALTER COLUMN amount TYPE bigint');
SELECT * FROM fails('DROP TABLE st');
SELECT * FROM fails($$SELECT pgtrickle.drop_stream_table('st')$$);
SELECT * FROM fails('ALTER TABLE st DROP COLUMN a CASCADE');
SELECT 'DROP VIEW ' || query_relid::text AS drop_view
FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'above'::regclass \gset
SELECT * FROM fails(:'drop_view');
-- A column that none of them reads may go.
ALTER TABLE sales DROP COLUMN region CASCADE;
SELECT trickle_test.same_as_query('above', 'NO_DATA');
SELECT name FROM pgtrickle.pgt_status();
BEGIN;
DROP TABLE sales CASCADE;
SELECT name FROM pgtrickle.pgt_status();
SELECT count(*) FROM pgtrickle.pgt_change_tracking;
ROLLBACK;
SELECT pgtrickle.drop_stream_table('st', cascade => true);
SELECT name FROM pgtrickle.pgt_status();
SELECT count(*) FROM pgtrickle.pgt_change_tracking;

-- DROP EXTENSION: stream tables stay, as plain tables; all else goes.
SELECT trickle_test.stream('st', 'SELECT id, sum(amount) AS a, max(amount) AS b FROM sales GROUP BY id');
SELECT trickle_test.stream('above', 'SELECT a FROM st');
SELECT * FROM fails('DROP EXTENSION pg_trickle') WHERE part <> 'detail';
SELECT count(*) FROM pg_depend WHERE objid = 'st'::regclass AND refobjid = 'sales'::regclass;
DROP EXTENSION pg_trickle CASCADE;
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgtrickle%';
SELECT tgrelid::regclass, tgname FROM pg_trigger
WHERE tgrelid IN ('sales'::regclass, 'st'::regclass, 'above'::regclass);
SELECT evtname FROM pg_event_trigger;
INSERT INTO sales VALUES (10, 7);
UPDATE st SET a = 0 WHERE id = 1;
SELECT * FROM st ORDER BY id;
DROP TABLE sales;
-- And it may come back.
CREATE EXTENSION pg_trickle;
SELECT pgtrickle.create_stream_table('again', 'SELECT id FROM st');
SELECT count(*) FROM again;

-- An argument that must not be NULL is an error, and not a refresh of nothing.
SELECT pgtrickle.refresh_stream_table(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.refresh_if_stale(NULL);
SELECT pgtrickle.refresh_if_stale('st', NULL);
SELECT pgtrickle.write_and_refresh(NULL, 'st');
SELECT pgtrickle.write_and_refresh('SELECT 1', NULL);
SELECT pgtrickle.drop_stream_table(NULL);
SELECT pgtrickle.drop_stream_table('st', NULL);
SELECT pgtrickle.resume_stream_table(NULL);
SELECT pgtrickle.repair_stream_table(NULL);
SELECT pgtrickle.create_stream_table('fresh', 'SELECT id FROM st', initialize => NULL);
SELECT * FROM pgtrickle.verify_stream_table(NULL);
SELECT * FROM pgtrickle.verify_stream_table('again', NULL);
SELECT * FROM pgtrickle.validate_query(NULL);
SELECT * FROM pgtrickle.get_refresh_history('again', NULL);
SELECT pgtrickle.export_definition(NULL);
-- So it is with all arguments of all functions, but these.
CREATE FUNCTION state_of(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE sql;
	RAISE 'undone' USING ERRCODE = 'ZZ000';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'ZZ000' THEN 'accepted' ELSE SQLSTATE END;
END $$;
WITH argument AS (
	SELECT p.oid, p.proname, a.name, a.number, format_type(a.type, NULL) AS type,
		a.number > p.pronargs - p.pronargdefaults AS optional
	FROM pg_proc p, unnest(p.proargnames[:p.pronargs], p.proargtypes::oid[])
		WITH ORDINALITY a (name, type, number)
	WHERE p.pronamespace = 'pgtrickle'::regnamespace AND a.name <> ''
), valid (name, value) AS (VALUES
	('name', '''again'''), ('query', '''SELECT id FROM st'''), ('sql', '''SELECT 1'''),
	('stream_table_name', '''again'''), ('source', '''st'''), ('ts', 'now()'),
	('sources', '''{st,again}'''), ('definitions', '''[]'''), ('names', '''{again}'''),
	('params', '''{}''')
), call AS (
	SELECT a.proname, a.name, a.number,
		format('SELECT * FROM pgtrickle.%I(%s)', a.proname, string_agg(
			format('%I => %s::%s', b.name,
				CASE WHEN b.name = a.name THEN 'NULL'
					WHEN a.proname LIKE 'create_stream%' AND b.name = 'name' THEN '''fresh'''
					ELSE value END, b.type), ', ' ORDER BY b.number)) AS sql
	FROM argument a JOIN argument b ON b.oid = a.oid AND (b.name = a.name OR NOT b.optional)
	LEFT JOIN valid ON valid.name = b.name
	GROUP BY a.oid, a.proname, a.name, a.number
)
SELECT proname, string_agg(name || ': ' || state_of(sql), ', ' ORDER BY number)
	FILTER (WHERE state_of(sql) <> '22004') AS null_means_something
FROM call GROUP BY proname HAVING bool_or(state_of(sql) <> '22004') ORDER BY proname COLLATE "C";
SELECT count(*) > 40 AS looked_at FROM pg_proc p
WHERE pronamespace = 'pgtrickle'::regnamespace AND pronargs > 0;

-- Who may not read or may not have captured is told so, not by what statement of ours.
CREATE ROLE regress_errors_owner;
CREATE SCHEMA theirs AUTHORIZATION regress_errors_owner;
CREATE TABLE closed (id int, v int);
CREATE VIEW of_closed AS SELECT id FROM closed;
\set SHOW_CONTEXT errors
SET ROLE regress_errors_owner;
SELECT pgtrickle.create_stream_table('theirs.x', 'SELECT id FROM closed');
SELECT pgtrickle.create_stream_table('theirs.x', 'SELECT id FROM of_closed', refresh_mode => 'FULL');
SELECT check_name, result FROM pgtrickle.validate_query('SELECT id FROM closed') WHERE severity = 'ERROR';
RESET ROLE;
GRANT SELECT ON closed TO regress_errors_owner;
SET ROLE regress_errors_owner;
SELECT pgtrickle.create_stream_table('theirs.x', 'SELECT id FROM closed');
SELECT pgtrickle.create_stream_table('theirs.x', 'SELECT id FROM closed', refresh_mode => 'FULL');
RESET ROLE;
REVOKE SELECT ON closed FROM regress_errors_owner;
SET ROLE regress_errors_owner;
SELECT pgtrickle.refresh_stream_table('theirs.x');
RESET ROLE;
DROP SCHEMA theirs CASCADE;
DROP OWNED BY regress_errors_owner;
DROP ROLE regress_errors_owner;
\set SHOW_CONTEXT never

-- A column cannot be called as those that every table has.
SELECT pgtrickle.create_stream_table('x', 'SELECT id, v AS ctid FROM closed');
-- A mode that is yet to come: what there is instead.
SELECT pgtrickle.create_stream_table('x', 'SELECT id FROM closed', refresh_mode => 'IMMEDIATE');

-- What is volatile within a view: where the view is named.
CREATE VIEW lucky AS SELECT id, random() AS luck FROM closed;
CREATE VIEW luckier AS SELECT id, luck + 1 AS luck FROM lucky;
SELECT pgtrickle.create_stream_table('x', 'SELECT id, luck FROM lucky');
SELECT pgtrickle.create_stream_table('x', 'WITH lucky AS (SELECT id FROM closed)
	SELECT luck FROM luckier JOIN lucky USING (id)');
-- What is no function is not called one.
SELECT pgtrickle.create_stream_table('x', 'SELECT id FROM closed TABLESAMPLE bernoulli (50)');
