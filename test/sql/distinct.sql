-- SELECT DISTINCT.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, a int, b text);
INSERT INTO t VALUES (1, 1, 'x'), (2, 1, 'x'), (3, 2, NULL), (4, NULL, NULL), (5, NULL, NULL);
SELECT trickle_test.stream('d', 'SELECT DISTINCT a, b FROM t');
SELECT * FROM d ORDER BY a, b;

-- A row is there once, as long as there is one in the table.
INSERT INTO t VALUES (6, 1, 'x'), (7, 2, 'y');
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE id IN (1, 2);
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE id = 6;
SELECT trickle_test.same_as_query('d');
SELECT * FROM d ORDER BY a, b;

-- NULLs are equal.
DELETE FROM t WHERE id = 4;
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE id = 5;
SELECT trickle_test.same_as_query('d');
INSERT INTO t VALUES (8, NULL, NULL), (9, NULL, 'n');
SELECT trickle_test.same_as_query('d');

-- A row that is replaced by an equal one stays untouched.
SELECT xmin AS before FROM d WHERE a = 2 AND b = 'y' \gset
BEGIN;
DELETE FROM t WHERE id = 7;
INSERT INTO t VALUES (10, 2, 'y'), (11, 2, 'y');
COMMIT;
SELECT trickle_test.same_as_query('d');
SELECT xmin = :'before' AS untouched FROM d WHERE a = 2 AND b = 'y';

-- Values that are equal but not identical are one row, which shows one of them.
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE pair AS (a numeric, b text);
CREATE TABLE v (id int PRIMARY KEY, m numeric, l text COLLATE loose, p pair, arr text[], f float8);
SELECT trickle_test.stream('equal', 'SELECT DISTINCT m, l, p, arr, f FROM v');
INSERT INTO v VALUES (1, 1.0, 'ann', '(2.0,x)', '{a,NULL}', 0),
	(2, 1.00, 'ANN', '(2.00,x)', '{a,NULL}', '-0'), (3, 1, 'bob', '(2,)', '{}', 'NaN');
SELECT trickle_test.same_as_query('equal');
SELECT count(*) FROM equal;
DELETE FROM v WHERE id = 1;
SELECT trickle_test.same_as_query('equal');
DELETE FROM v WHERE id = 2;
SELECT trickle_test.same_as_query('equal');
SELECT * FROM equal;

-- Rows too large for an index.
INSERT INTO v (id, l) VALUES (10, repeat('x', 50000)), (11, repeat('X', 50000)), (12, repeat('x', 50001));
SELECT trickle_test.same_as_query('equal');
DELETE FROM v WHERE id IN (10, 12);
SELECT trickle_test.same_as_query('equal');

-- Blanks at the end of bpchar count as little as case does, within other values, too.
CREATE TYPE padded AS (c char(3) COLLATE loose);
CREATE TABLE c3 (c char(3) COLLATE loose, arr char(3)[] COLLATE loose, p padded);
CREATE TABLE c5 (c char(5) COLLATE loose, arr char(5)[] COLLATE loose, p padded);
SELECT trickle_test.stream('blanks', 'SELECT c FROM c3 UNION SELECT c FROM c5');
SELECT trickle_test.stream('blanks_within', 'SELECT arr, p FROM c3 UNION SELECT arr, p FROM c5');
SELECT trickle_test.stream('blanks_counted', $$
	SELECT count(DISTINCT c) AS n FROM (SELECT c::bpchar FROM c3 UNION ALL SELECT c FROM c5) x $$);
INSERT INTO c3 VALUES ('a', '{a}', '(a)');
SELECT trickle_test.same_as_query('blanks');
SELECT trickle_test.same_as_query('blanks_within');
SELECT trickle_test.same_as_query('blanks_counted');
INSERT INTO c5 VALUES ('A', '{A}', '(A)'), ('b', '{b}', '(b)');
SELECT trickle_test.same_as_query('blanks');
SELECT trickle_test.same_as_query('blanks_within');
SELECT trickle_test.same_as_query('blanks_counted');
DELETE FROM c3;
SELECT trickle_test.same_as_query('blanks');
SELECT trickle_test.same_as_query('blanks_within');
SELECT trickle_test.same_as_query('blanks_counted');

-- DISTINCT over a join, under a filter, and of an aggregate.
CREATE TABLE u (a int, c int);
INSERT INTO u VALUES (1, 10), (1, 11), (2, 10);
SELECT trickle_test.stream('joined', 'SELECT DISTINCT t.b, u.c FROM t JOIN u USING (a)');
SELECT trickle_test.stream('above', $$
	SELECT c + 1 AS next FROM (SELECT DISTINCT c FROM u) d WHERE c > 10 $$);
SELECT trickle_test.stream('sums', $$
	SELECT DISTINCT total FROM (SELECT a, sum(c) AS total FROM u GROUP BY a) s $$);
INSERT INTO u VALUES (2, 12), (2, 12), (3, 21), (1, 10);
INSERT INTO t VALUES (12, 1, 'q'), (13, 3, 'r');
SELECT trickle_test.same_as_query('joined');
SELECT trickle_test.same_as_query('above');
SELECT trickle_test.same_as_query('sums');
DELETE FROM u WHERE c IN (10, 12);
SELECT trickle_test.same_as_query('joined');
SELECT trickle_test.same_as_query('above');
SELECT trickle_test.same_as_query('sums');
DELETE FROM u;
SELECT trickle_test.same_as_query('joined');
SELECT trickle_test.same_as_query('above');
SELECT trickle_test.same_as_query('sums');

-- Nothing but constants: one row or none.
SELECT trickle_test.stream('any_row', 'SELECT DISTINCT 1 AS one FROM u');
INSERT INTO u VALUES (1, 1), (2, 2);
SELECT trickle_test.same_as_query('any_row');
DELETE FROM u;
SELECT trickle_test.same_as_query('any_row');
SELECT * FROM any_row;
