-- What only one session sees, and what goes at its end unheard of by event
-- triggers: temporary children of sources, and temporary functions and types.
\i trickle_test.sql
\set VERBOSITY default

CREATE TABLE par (id int PRIMARY KEY, x int);
CREATE TABLE kid () INHERITS (par);
INSERT INTO par VALUES (1, 1);
SELECT trickle_test.stream('s', 'SELECT id, x FROM par');
SELECT pgtrickle.create_stream_table('f', 'SELECT count(*) FROM par', 'manual', 'FULL');
CREATE VIEW v AS SELECT id FROM par;
SELECT trickle_test.stream('through', 'SELECT id FROM v');

-- A child of what stream tables read.
CREATE TEMP TABLE tc () INHERITS (par);
CREATE TEMP TABLE tc () INHERITS (kid);
CREATE TEMP TABLE tc (id int NOT NULL, x int);
ALTER TABLE tc INHERIT par;
ALTER TABLE tc INHERIT kid;
DROP TABLE tc;
CREATE TABLE uncle (id int);
CREATE TEMP TABLE tc () INHERITS (uncle);
-- Reading what has one.
SELECT pgtrickle.create_stream_table('u', 'SELECT id FROM uncle', 'manual');
SELECT pgtrickle.create_stream_table('u', 'SELECT id FROM uncle', 'manual', 'FULL');
CREATE VIEW w AS SELECT id FROM uncle;
SELECT pgtrickle.create_stream_table('u', 'SELECT id FROM w', 'manual', 'FULL');
SELECT pgtrickle.create_stream_table('u', 'SELECT id FROM par UNION ALL SELECT id FROM uncle', 'manual', 'FULL');
SELECT pgtrickle.create_stream_table('only', 'SELECT id FROM ONLY uncle', 'manual');
INSERT INTO uncle VALUES (1);
INSERT INTO tc VALUES (2);
SELECT trickle_test.same_as_query('only', 'FULL');
SELECT trickle_test.same_as_query('s', 'NO_DATA');

-- Functions, types, operators, collations.
CREATE FUNCTION pg_temp.up(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE DOMAIN pg_temp.small AS int;
CREATE TYPE pg_temp.pair AS (a int, b int);
CREATE COLLATION pg_temp.plain (provider = libc, locale = 'C');
CREATE TABLE strange (id int, s pg_temp.small);
CREATE FUNCTION told(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtrickle.create_stream_table('public.t', query, 'manual', 'FULL');
	RETURN 'created';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || regexp_replace(sqlerrm, 'pg_temp_\d+', 'pg_temp');
END $$;
SELECT told(query) FROM (VALUES
	('SELECT pg_temp.up(id) AS u FROM par'),
	('SELECT id::pg_temp.small::int AS u FROM par'),
	('SELECT (id, x)::pg_temp.pair AS u FROM par'),
	('SELECT id FROM par ORDER BY id::text COLLATE pg_temp.plain LIMIT 1')) q (query);
SELECT pgtrickle.create_stream_table('t', 'SELECT s::int FROM strange', 'manual');
SELECT pgtrickle.create_stream_table('t', 'SELECT id FROM strange', 'manual', 'FULL');
SELECT pgtrickle.alter_stream_table('f', query => 'SELECT count(id::pg_temp.small) FROM par');
SELECT pgt_relid FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;

SET client_min_messages = error;
DROP TABLE par, uncle, strange CASCADE;
DROP EXTENSION pg_trickle;
