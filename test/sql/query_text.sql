-- A defining query that cannot be one is refused, with its place in the text.
\i trickle_test.sql

CREATE TABLE r (id int PRIMARY KEY, a int);
CREATE TEMP TABLE mine (id int);
CREATE TEMP VIEW my_view AS SELECT 1 AS one;
CREATE VIEW system_view AS SELECT relname FROM pg_class;

-- SQLSTATE, message and detail.
CREATE FUNCTION refused(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM pgtrickle.create_stream_table('refused', query, 'manual');
	RETURN 'created';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN format('%s %s%s', sqlstate, sqlerrm, coalesce(nullif(' (' || detail || ')', ' ()'), ''));
END
$$;

-- Not one query that reads.
SELECT refused('');
SELECT refused('SELECT 1; SELECT 2');
SELECT refused('DELETE FROM r');
SELECT refused('CREATE TABLE x AS SELECT 1');
SELECT refused('SELECT id INTO x FROM r');
SELECT refused('WITH d AS (DELETE FROM r RETURNING id) SELECT id FROM d');
SELECT refused('SELECT id FROM r FOR UPDATE');
SELECT refused('SELECT id FROM (SELECT id FROM r FOR SHARE) q');
SELECT refused('SELECT id FROM r WHERE id = $1');
SELECT refused('SELECT id FROM r WHERE');

-- Not the columns of a table.
SELECT refused('SELECT FROM r');
SELECT refused('SELECT id, a AS id FROM r');
SELECT refused('SELECT ROW(id, a) AS x FROM r');

-- Not tables of everybody.
SELECT refused('SELECT id FROM mine');
SELECT refused('SELECT one FROM my_view');
SELECT refused('SELECT relname FROM pg_class');
SELECT refused('SELECT relname FROM system_view');
SELECT refused('SELECT id FROM r WHERE a IN (SELECT oid::int FROM pg_type)');
SELECT refused('SELECT pgt_id FROM pgtrickle.pgt_stream_tables');
SELECT refused('SELECT x FROM nowhere');

-- The place is that in the query, also behind characters of several bytes.
SELECT pgtrickle.create_stream_table('refused', 'SELECT id FROM r "é", pg_class');
SELECT pgtrickle.create_stream_table('refused', 'SELECT ''é'', nothing FROM r');
SELECT pgtrickle.create_stream_table('refused', 'SELECT ''é'' AS a, a FROM r');
SELECT pgtrickle.create_stream_table('refused', 'SELECT id FORM r');

-- These are fine.
SELECT refused('TABLE r');
DROP TABLE refused;
SELECT refused('VALUES (1, 2)');
DROP TABLE refused;
SELECT refused('WITH x AS (SELECT 1 AS one) SELECT one FROM x ;');
DROP TABLE refused;

-- What is written under one search_path and with other settings means the same.
CREATE SCHEMA other;
CREATE TABLE other.t (d timestamptz, i interval);
SET search_path = other, public;
SET DateStyle = 'German';
SET TimeZone = 'America/New_York';
SET IntervalStyle = 'sql_standard';
SELECT trickle_test.stream('public.settings', $$
	SELECT d, i FROM t WHERE d > '02.03.2024 10:00' AND i < '1 2:00:00' $$);
RESET DateStyle;
RESET TimeZone;
RESET search_path;
RESET IntervalStyle;
INSERT INTO other.t VALUES ('2024-03-02 14:59+00', '1 day'), ('2024-03-02 15:01+00', '1 day'),
	('2024-03-03 00:00+00', '1 day 3 hours');
SELECT pgtrickle.refresh_stream_table('settings');
SELECT d AT TIME ZONE 'UTC' AS d, i FROM settings;
