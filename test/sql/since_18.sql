-- What PostgreSQL has since version 18.
SELECT current_setting('server_version_num')::int < 180000 AS too_old \gset
\if :too_old
\quit
\endif
\i trickle_test.sql

-- A virtual generated column is computed when it is read, so its changes are in
-- no log; a stream table that does not read it has a delta.
CREATE TABLE boxes (id int PRIMARY KEY, w int, h int, area int GENERATED ALWAYS AS (w * h));
INSERT INTO boxes VALUES (1, 2, 3), (2, 4, 5);
SELECT pgtrickle.create_stream_table('areas', 'SELECT id, area FROM boxes');
SELECT trickle_test.stream('sizes', 'SELECT w, h, count(*) FROM boxes GROUP BY w, h');
SELECT check_name, result FROM pgtrickle.validate_query('SELECT sum(area) FROM boxes')
	WHERE severity = 'WARNING';
UPDATE boxes SET h = h + 1;
INSERT INTO boxes VALUES (3, 6, 7);
SELECT trickle_test.same_as_query('areas', 'FULL');
SELECT trickle_test.same_as_query('sizes');
SELECT * FROM areas ORDER BY id;
ALTER TABLE boxes ALTER COLUMN area SET EXPRESSION AS (w * h * 100);
SELECT trickle_test.same_as_query('areas', 'FULL');
SELECT * FROM areas ORDER BY id;
SELECT pgtrickle.create_stream_table('whole', 'SELECT boxes FROM boxes');
UPDATE boxes SET w = 0 WHERE id = 1;
SELECT trickle_test.same_as_query('whole', 'FULL');

-- A key of ranges that do not overlap is not taken for a key.
CREATE TABLE prices (item int4range, during daterange, price int,
	PRIMARY KEY (item, during WITHOUT OVERLAPS));
SELECT result FROM pgtrickle.validate_query('SELECT item, during, price FROM prices')
	WHERE check_name = 'row_identity';
SELECT trickle_test.stream('price_list', 'SELECT item, during, price FROM prices');
INSERT INTO prices VALUES ('[1,2)', '[2026-01-01,2026-02-01)', 10), ('[1,2)', '[2026-02-01,)', 11);
UPDATE prices SET price = 12 WHERE during @> date '2026-03-01';
SELECT trickle_test.same_as_query('price_list');

-- A constraint NOT NULL that is not valid, and a foreign key that is not enforced,
-- prove nothing.
CREATE TABLE parents (id int PRIMARY KEY, name text);
CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents NOT ENFORCED, note text);
INSERT INTO children VALUES (1, 1, NULL), (2, NULL, 'b');
ALTER TABLE children ADD CONSTRAINT noted NOT NULL note NOT VALID;
SELECT trickle_test.stream('families', 'SELECT c.id, p.name, c.note FROM children c JOIN parents p ON p.id = c.parent');
SELECT trickle_test.stream('notes', 'SELECT note, count(*), count(note) AS noted FROM children GROUP BY note');
INSERT INTO parents VALUES (1, 'one');
INSERT INTO children VALUES (3, 9, 'c');
SELECT trickle_test.same_as_query('families');
SELECT trickle_test.same_as_query('notes');
DELETE FROM children WHERE note IS NULL;
DELETE FROM parents;
SELECT trickle_test.same_as_query('families');
SELECT trickle_test.same_as_query('notes');

-- Grouping by expressions, which have a range table entry of their own.
SELECT trickle_test.stream('halves', $$ SELECT w / 2 AS half, w / 2 + 1 AS next, count(*)
	FROM boxes GROUP BY w / 2 HAVING w / 2 < 100 $$);
UPDATE boxes SET w = w * 2;
DELETE FROM boxes WHERE id = 1;
SELECT trickle_test.same_as_query('halves');

-- A foreign key of periods looks whether they are covered by rows, not whether the
-- same row is there; others beside it refer to values.
SELECT trickle_test.stream('tariffs', 'SELECT item, during, price FROM prices');
ALTER TABLE tariffs ADD UNIQUE (item, during WITHOUT OVERLAPS), ADD UNIQUE (price);
CREATE TABLE sales (item int4range, during daterange,
	FOREIGN KEY (item, PERIOD during) REFERENCES tariffs (item, PERIOD during));
CREATE TABLE labels (price int REFERENCES tariffs (price) ON DELETE CASCADE);
TRUNCATE prices;
INSERT INTO prices VALUES ('[1,1]', '[2026-01-01,2026-07-01)', 100), ('[1,1]', '[2026-07-01,2027-01-01)', 101);
SELECT trickle_test.same_as_query('tariffs', 'FULL');
INSERT INTO sales VALUES ('[1,1]', '[2026-06-01,2026-08-01)');
INSERT INTO labels VALUES (100), (101);
\set VERBOSITY terse
DELETE FROM prices WHERE price = 101;
UPDATE prices SET during = '[2026-01-01,2027-01-01)' WHERE price = 100;
SELECT trickle_test.same_as_query('tariffs');
TABLE labels;
TABLE sales;
DELETE FROM prices;
SELECT pgtrickle.refresh_stream_table('tariffs');
DELETE FROM sales;
SELECT trickle_test.same_as_query('tariffs');
TABLE labels;
