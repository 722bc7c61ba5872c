-- The text of a query stays, what it means does not: the content must follow.
\i trickle_test.sql

-- Refresh, then say what was done, why, and how many rows differ.
CREATE TABLE base (id int PRIMARY KEY, a int);
INSERT INTO base SELECT i, i FROM generate_series(1, 9) i;

-- A view is replaced; renaming it and what it reads is no change.
CREATE VIEW small AS SELECT id, a FROM base WHERE a < 5;
SELECT pgtrickle.create_stream_table('seen', 'SELECT * FROM small', 'manual');
CREATE OR REPLACE VIEW small AS SELECT id, a FROM base WHERE a >= 5;
SELECT * FROM trickle_test.refreshed('seen');
ALTER VIEW small RENAME TO large;
ALTER TABLE base RENAME a TO amount;
UPDATE base SET amount = 7 WHERE id = 1;
SELECT * FROM trickle_test.refreshed('seen');

-- It reads another table now: recomputed, until the definition is given again.
CREATE TABLE other (id int PRIMARY KEY, a int);
CREATE OR REPLACE VIEW large AS SELECT id, a FROM other;
INSERT INTO other VALUES (1, 1);
SELECT * FROM trickle_test.refreshed('seen');
INSERT INTO other VALUES (2, 2);
SELECT * FROM trickle_test.refreshed('seen');
SELECT pgtrickle.create_or_replace_stream_table('seen', 'SELECT * FROM large', 'manual');
INSERT INTO other VALUES (3, 3);
SELECT * FROM trickle_test.refreshed('seen');

-- A function is replaced; who may call it is no part of what it does.
CREATE FUNCTION more(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
SELECT pgtrickle.create_stream_table('called', 'SELECT id, more(amount) AS m FROM base', 'manual');
REVOKE EXECUTE ON FUNCTION more(int) FROM PUBLIC;
UPDATE base SET amount = 8 WHERE id = 1;
SELECT * FROM trickle_test.refreshed('called');
CREATE OR REPLACE FUNCTION more(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 2';
SELECT * FROM trickle_test.refreshed('called');

-- So is an aggregate, whose states are of no use any more.
CREATE AGGREGATE from_start(int) (sfunc = int4pl, stype = int, initcond = '0',
	msfunc = int4pl, minvfunc = int4mi, mstype = int, minitcond = '0');
SELECT pgtrickle.create_stream_table('started',
	'SELECT id % 2 AS odd, from_start(amount) AS s FROM base GROUP BY id % 2', 'manual');
CREATE OR REPLACE AGGREGATE from_start(int) (sfunc = int4pl, stype = int, initcond = '100',
	msfunc = int4pl, minvfunc = int4mi, mstype = int, minitcond = '100');
SELECT * FROM trickle_test.refreshed('started');
UPDATE base SET amount = 9 WHERE id = 1;
SELECT * FROM trickle_test.refreshed('started');

-- How array literals are read is not the session's business.
CREATE TABLE literal (t text);
SET array_nulls = off;
SELECT pgtrickle.create_stream_table('arrays', 'SELECT t::text[] AS a FROM literal', 'manual');
INSERT INTO literal VALUES ('{NULL}');
SELECT action, reason FROM trickle_test.refreshed('arrays');
RESET array_nulls;
SELECT a[1] IS NULL AS is_null FROM arrays;

-- Row-level security begins and ends.
CREATE ROLE regress_meaning;
GRANT CREATE ON SCHEMA public TO regress_meaning;
GRANT SELECT, TRIGGER ON base TO regress_meaning;
SET SESSION AUTHORIZATION regress_meaning;
SELECT pgtrickle.create_stream_table('mine', 'SELECT id FROM base', 'manual');
RESET SESSION AUTHORIZATION;
ALTER TABLE base ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON base USING (id < 3);
SELECT action, wrong FROM trickle_test.refreshed('mine');
SELECT count(*) FROM mine;
ALTER TABLE base DISABLE ROW LEVEL SECURITY;
SELECT * FROM trickle_test.refreshed('mine');
SELECT count(*) FROM mine;
INSERT INTO base VALUES (10, 10);
SELECT * FROM trickle_test.refreshed('mine');

-- Whole rows: a column is dropped, renamed, added.
CREATE TABLE whole (a int, b int);
INSERT INTO whole VALUES (1, 2), (2, 3);
SELECT pgtrickle.create_stream_table('rows', 'SELECT row_to_json(whole)::text AS r FROM whole', 'manual');
ALTER TABLE whole DROP COLUMN b;
SELECT * FROM trickle_test.refreshed('rows');
ALTER TABLE whole RENAME a TO aa;
SELECT * FROM trickle_test.refreshed('rows');
ALTER TABLE whole ADD COLUMN b int;
UPDATE whole SET b = 5;
SELECT * FROM trickle_test.refreshed('rows');
SELECT r FROM rows ORDER BY r;

-- A constraint that proved the key goes: a bag from then on.
CREATE TABLE shop (id int PRIMARY KEY, name text);
CREATE TABLE sale (id int PRIMARY KEY, shop int, v int);
INSERT INTO shop VALUES (1, 'a'), (2, 'b');
INSERT INTO sale VALUES (1, 1, 1), (2, 2, 2);
SELECT pgtrickle.create_stream_table('sold',
	'SELECT s.id, p.name, s.v FROM sale s JOIN shop p ON p.id = s.shop', 'manual');
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'sold'::regclass;
ALTER TABLE shop DROP CONSTRAINT shop_pkey;
INSERT INTO shop VALUES (1, 'a');
SELECT * FROM trickle_test.refreshed('sold');
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'sold'::regclass;
UPDATE sale SET v = 5 WHERE id = 1;
SELECT * FROM trickle_test.refreshed('sold');
SELECT * FROM sold ORDER BY id, v;


-- A constraint that the query needs: CASCADE drops what depends on it, whoever
-- owns that; parts of ours go by nothing else.
CREATE TABLE grouped (id int PRIMARY KEY, name text, v int);
ALTER TABLE grouped OWNER TO regress_meaning;
INSERT INTO grouped VALUES (1, 'a', 1), (2, 'b', 2);
SELECT pgtrickle.create_stream_table('by_key', 'SELECT id, name, sum(v) FROM grouped GROUP BY id', 'manual');
SELECT pgtrickle.create_stream_table('above_key', 'SELECT name FROM by_key', 'manual');
CREATE VIEW seen_key AS SELECT * FROM by_key;
SET ROLE regress_meaning;
ALTER TABLE grouped DROP CONSTRAINT grouped_pkey;
RESET ROLE;
DROP VIEW pgtrickle_query.by_key_8;
SET ROLE regress_meaning;
SET client_min_messages = notice;
ALTER TABLE grouped DROP CONSTRAINT grouped_pkey CASCADE;
SET client_min_messages = warning;
RESET ROLE;
SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE query_relid NOT IN (SELECT oid FROM pg_class);
SELECT to_regclass('by_key'), to_regclass('above_key'), to_regclass('seen_key');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'grouped'::regclass;

-- A function is replaced that an aggregate is computed by: every group changes.
CREATE TABLE few (id int PRIMARY KEY, g int, v int);
INSERT INTO few VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3);
CREATE FUNCTION add_up(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION finish(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE AGGREGATE added(int) (sfunc = add_up, stype = int, initcond = '0', finalfunc = finish);
SELECT pgtrickle.create_stream_table('adds', 'SELECT g, added(v) AS s FROM few GROUP BY g', 'manual');
CREATE OR REPLACE FUNCTION finish(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 10';
INSERT INTO few VALUES (4, 1, 1);
SELECT * FROM trickle_test.refreshed('adds');
CREATE OR REPLACE FUNCTION add_up(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
INSERT INTO few VALUES (5, 1, 1);
SELECT * FROM trickle_test.refreshed('adds');
SELECT * FROM adds ORDER BY g;

-- A cast comes by which to_json() and its kin make JSON, and goes.
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE moods (id int PRIMARY KEY, m mood);
INSERT INTO moods VALUES (1, 'sad');
SELECT pgtrickle.create_stream_table('jsons', 'SELECT id, json_build_object(id, m)::text AS j FROM moods', 'manual');
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT ''1''::json';
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
SELECT * FROM trickle_test.refreshed('jsons');
SELECT * FROM jsons;
CREATE OR REPLACE FUNCTION mood_json(mood) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT ''2''::json';
SELECT * FROM trickle_test.refreshed('jsons');
SELECT * FROM trickle_test.refreshed('jsons');
DROP CAST (mood AS json);
SELECT * FROM trickle_test.refreshed('jsons');

DROP TABLE few, moods CASCADE;
DROP TABLE base, other, whole, shop, sale, literal, grouped CASCADE;
REVOKE CREATE ON SCHEMA public FROM regress_meaning;
DROP ROLE regress_meaning;
DROP EXTENSION pg_trickle;
