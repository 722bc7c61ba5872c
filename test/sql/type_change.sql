-- Types whose values become other ones, or equal ones, though no row is written.
\i trickle_test.sql

-- A composite type loses an attribute: rows that differed are the same.
CREATE TYPE address AS (street text, no int);
CREATE TABLE person (id int, home address);
INSERT INTO person VALUES (1, '(x,1)'), (2, '(x,2)'), (3, '(y,2)');
CREATE DOMAIN seat AS address;
CREATE TABLE firm (id int PRIMARY KEY, seats seat[]);
INSERT INTO firm VALUES (1, ARRAY['(x,1)'::seat, '(x,2)']), (2, ARRAY['(x,1)'::seat, '(x,3)']);
SELECT trickle_test.stream('distincts', 'SELECT DISTINCT home FROM person');
SELECT trickle_test.stream('grouped', 'SELECT home, count(*) FROM person GROUP BY home');
SELECT trickle_test.stream('bag', 'SELECT home FROM person');
SELECT trickle_test.stream('many', 'SELECT seats, count(*) AS n FROM firm GROUP BY seats');
SELECT trickle_test.stream('least', 'SELECT count(DISTINCT home) AS n FROM person');
SELECT trickle_test.stream('above', 'SELECT p.id, g.count FROM person p JOIN grouped g USING (home)');
ALTER TYPE address DROP ATTRIBUTE no;
INSERT INTO person VALUES (4, '(y)');
SELECT st, r.* FROM unnest(ARRAY['distincts', 'grouped', 'bag', 'many', 'least', 'above']) st, trickle_test.refreshed(st) r;
INSERT INTO person VALUES (5, '(z)');
DELETE FROM person WHERE id = 1;
DELETE FROM firm WHERE id = 2;
SELECT st, r.* FROM unnest(ARRAY['distincts', 'grouped', 'bag', 'many', 'least', 'above']) st, trickle_test.refreshed(st) r;
DELETE FROM person WHERE id = 4;
SELECT st, r.* FROM unnest(ARRAY['distincts', 'grouped', 'bag', 'many', 'least', 'above']) st, trickle_test.refreshed(st) r;
SELECT * FROM distincts ORDER BY home;
SELECT * FROM grouped ORDER BY home;
-- ... and gets one.
ALTER TYPE address ADD ATTRIBUTE floor int;
INSERT INTO person VALUES (6, '(y,7)');
UPDATE person SET home.floor = 3 WHERE id = 3;
SELECT st, r.* FROM unnest(ARRAY['distincts', 'grouped', 'bag', 'many', 'least', 'above']) st, trickle_test.refreshed(st) r;

-- What is made into text shows names.
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE felt (id int, m mood, who address);
INSERT INTO felt VALUES (1, 'sad', '(x,1)'), (2, 'sad', '(y,2)'), (3, 'ok', NULL);
SELECT trickle_test.stream('texts', 'SELECT m::text AS t, count(*) FROM felt GROUP BY 1');
SELECT trickle_test.stream('chosen', 'SELECT id FROM felt WHERE m::text = ''blue''');
SELECT trickle_test.stream('joined', 'SELECT id, ''is '' || m AS t FROM felt');
SELECT trickle_test.stream('arrays', 'SELECT id, to_jsonb(ARRAY[m]) AS j FROM felt');
SELECT trickle_test.stream('rows', 'SELECT to_jsonb(felt) AS j FROM felt');
SELECT trickle_test.stream('fields', 'SELECT id, row_to_json(who)::text AS j FROM felt');
SELECT trickle_test.stream('plain', 'SELECT id, m FROM felt WHERE m > ''sad''');
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
INSERT INTO felt VALUES (4, 'blue', '(z,3)');
SELECT st, r.* FROM unnest(ARRAY['texts', 'chosen', 'joined', 'arrays', 'rows', 'fields', 'plain']) st, trickle_test.refreshed(st) r;
SELECT * FROM texts ORDER BY t;
ALTER TYPE address RENAME ATTRIBUTE street TO road;
INSERT INTO felt VALUES (5, 'ok', '(z,3)');
SELECT st, r.* FROM unnest(ARRAY['rows', 'fields', 'plain']) st, trickle_test.refreshed(st) r;
-- One more label changes nothing for who compares.
ALTER TYPE mood ADD VALUE 'fine' BEFORE 'ok';
INSERT INTO felt VALUES (6, 'fine', NULL);
SELECT st, r.* FROM unnest(ARRAY['texts', 'plain']) st, trickle_test.refreshed(st) r;
-- Texts that become labels: two of them change places.
CREATE TABLE said (id int, t text);
INSERT INTO said VALUES (1, 'blue'), (2, 'ok');
SELECT trickle_test.stream('meant', 'SELECT id, t::mood AS m FROM said');
ALTER TYPE mood RENAME VALUE 'blue' TO 'other';
ALTER TYPE mood RENAME VALUE 'ok' TO 'blue';
ALTER TYPE mood RENAME VALUE 'other' TO 'ok';
INSERT INTO said VALUES (3, 'ok');
SELECT * FROM trickle_test.refreshed('meant');
SELECT * FROM meant ORDER BY id;
-- A type of rows of a table.
CREATE TABLE kept (street text, no int);
CREATE TABLE held (id int, k kept);
INSERT INTO held VALUES (1, '(x,1)');
SELECT trickle_test.stream('kept_as', 'SELECT id, to_jsonb(k) AS j FROM held');
ALTER TABLE kept RENAME COLUMN street TO road;
INSERT INTO held VALUES (2, '(y,2)');
SELECT * FROM trickle_test.refreshed('kept_as');

-- A function's default is part of it.
CREATE TABLE number (x int);
INSERT INTO number VALUES (1), (2);
CREATE FUNCTION times(a int, b int DEFAULT 5) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT a * b';
SELECT trickle_test.stream('product', 'SELECT x, times(x) AS y FROM number');
CREATE OR REPLACE FUNCTION times(a int, b int DEFAULT 6) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT a * b';
INSERT INTO number VALUES (3);
SELECT * FROM trickle_test.refreshed('product');
SELECT * FROM product ORDER BY x;

-- A function's row gets columns: those that follow keep their places.
CREATE TYPE cell AS (x int, y int);
CREATE TABLE grid (id int PRIMARY KEY, cells cell[]);
INSERT INTO grid VALUES (1, ARRAY['(1,2)'::cell, '(3,4)']);
SELECT trickle_test.stream('numbered',
	'SELECT id, u.p, u.o FROM grid, unnest(cells) WITH ORDINALITY AS u(p, q, o)');
SELECT trickle_test.stream('unnamed',
	'SELECT id, u.* FROM grid, unnest(cells) WITH ORDINALITY AS u');
SELECT trickle_test.stream('side_by_side',
	'SELECT u.g, count(*) FROM grid, ROWS FROM (unnest(cells), generate_series(1, 2)) AS u(p, q, g) GROUP BY u.g');
SELECT trickle_test.stream('alone', 'SELECT id, u.p FROM grid, unnest(cells) AS u(p, q)');
ALTER TYPE cell ADD ATTRIBUTE z bigint;
INSERT INTO grid VALUES (2, ARRAY['(5,6,77)'::cell]);
SELECT st, r.* FROM unnest(ARRAY['numbered', 'unnamed', 'side_by_side', 'alone']) st, trickle_test.refreshed(st) r;
INSERT INTO grid VALUES (3, ARRAY['(7,8,99)'::cell]);
SELECT st, r.* FROM unnest(ARRAY['numbered', 'unnamed', 'side_by_side', 'alone']) st, trickle_test.refreshed(st) r;
SELECT * FROM numbered ORDER BY id, o;
SELECT pgtrickle.alter_stream_table('numbered', query =>
	'SELECT id, u.p, u.o FROM grid, unnest(cells) WITH ORDINALITY AS u(p, q, z, o)');
INSERT INTO grid VALUES (4, ARRAY['(9,10,111)'::cell]);
SELECT * FROM trickle_test.refreshed('numbered');
SELECT * FROM numbered ORDER BY id, o;

-- A table is written anew, because rows that had a key each are one.  What its
-- triggers write into a source comes after that, and is not counted twice; who
-- refers to a value that is still there goes on to do so.
CREATE TYPE place AS (street text, no int);
CREATE TABLE lives (id int, home place);
INSERT INTO lives SELECT i, ROW('s' || i / 2, i)::place FROM generate_series(2, 21) i;
SELECT trickle_test.stream('homes', 'SELECT home, count(*) AS n, min(id) AS first FROM lives GROUP BY home');
ALTER TABLE homes ADD UNIQUE (first);
CREATE TABLE visit (first int REFERENCES homes (first) ON DELETE CASCADE);
CREATE TABLE letter (first int REFERENCES homes (first));
INSERT INTO visit VALUES (2), (3);
INSERT INTO letter VALUES (2);
CREATE FUNCTION one_more() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	INSERT INTO public.lives VALUES (100, ROW('more')::public.place);
	RETURN NULL;
END
$$;
CREATE TRIGGER one_more AFTER DELETE ON homes FOR EACH ROW EXECUTE FUNCTION one_more();
ALTER TYPE place DROP ATTRIBUTE no;
INSERT INTO lives VALUES (22, ROW('s11'));
SELECT pgtrickle.refresh_stream_table('homes');
SELECT sum(n) FROM homes;
TABLE visit;
SELECT * FROM trickle_test.refreshed('homes');
SELECT (SELECT sum(n) FROM homes), (SELECT count(*) FROM lives);
