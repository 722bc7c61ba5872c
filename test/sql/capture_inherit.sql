-- Capture: inheritance children.
\i trickle_test.sql

CREATE TABLE i0 (a int, b text);
CREATE TABLE i1 (c int, b text, a int);
INSERT INTO i1 VALUES (0, 'one', 1);
ALTER TABLE i1 INHERIT i0;
CREATE TABLE i2 () INHERITS (i1);
SELECT trickle_test.stream('st', 'SELECT a, b FROM i0');

INSERT INTO i0 VALUES (10, 'a');
INSERT INTO i1 (a, b) VALUES (11, 'b');
INSERT INTO i2 (a, b) VALUES (12, 'c');
SELECT trickle_test.same_as_query('st');
UPDATE i0 SET a = a + 100 WHERE a > 10;
DELETE FROM i1 WHERE b = 'c';
SELECT trickle_test.same_as_query('st');

-- Children of children, two parents.
CREATE TABLE other (d int);
CREATE TABLE i3 () INHERITS (i2, other);
INSERT INTO i3 (a, b, d) VALUES (13, 'd', 1);
SELECT trickle_test.same_as_query('st');
SELECT * FROM st ORDER BY a;

-- TRUNCATE reaches children, or one child only.
TRUNCATE i3;
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO i3 (a, b) VALUES (14, 'e');
TRUNCATE ONLY i0;
SELECT trickle_test.same_as_query('st', 'FULL');

-- ONLY is a source of its own kind.
ALTER TABLE i1 NO INHERIT i0;
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO i3 (a, b) VALUES (15, 'f');
INSERT INTO i0 VALUES (16, 'g');
SELECT trickle_test.same_as_query('st');
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE tgname LIKE '!pgt%' GROUP BY 1;
ALTER TABLE i1 INHERIT i0;
SELECT trickle_test.same_as_query('st', 'FULL');
UPDATE i3 SET a = a + 1000;
SELECT trickle_test.same_as_query('st');

-- A renamed column is found again.
ALTER TABLE i0 RENAME a TO "A";
UPDATE i0 SET "A" = "A" + 1;
SELECT pgtrickle.refresh_stream_table('st');
SELECT (SELECT sum(a) FROM st) = (SELECT sum("A") FROM i0) AS same;

-- A dropped child took its rows along.
DROP TABLE i2 CASCADE;
SELECT pgtrickle.refresh_stream_table('st');
SELECT (SELECT sum(a) FROM st) = (SELECT sum("A") FROM i0) AS same;
