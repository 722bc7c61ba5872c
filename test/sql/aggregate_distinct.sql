-- DISTINCT aggregates.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, g text, x int, m numeric, s text);
INSERT INTO t VALUES (1, 'a', 1, 1.0, 'x'), (2, 'a', 1, 1.00, 'x'),
	(3, 'a', 2, 2, 'y'), (4, 'b', NULL, NULL, NULL), (5, 'b', 7, 7, 'z');
SELECT trickle_test.stream('d', $$
	SELECT g, count(DISTINCT x) AS nx, sum(DISTINCT x) AS sx,
		avg(DISTINCT m) AS am, count(DISTINCT s) AS ns, count(x) AS n,
		sum(DISTINCT m) AS sm
	FROM t GROUP BY g $$);
SELECT * FROM d ORDER BY g;

-- A value counts once, as long as one row has it.
DELETE FROM t WHERE id = 1;
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE id = 2;
SELECT trickle_test.same_as_query('d');
INSERT INTO t VALUES (6, 'a', 2, 2.000, 'y'), (7, 'a', 2, 2, 'yy');
SELECT trickle_test.same_as_query('d');

-- NULL is no value; a group may have none.
UPDATE t SET x = NULL, m = NULL, s = NULL WHERE g = 'a';
SELECT trickle_test.same_as_query('d');
SELECT * FROM d ORDER BY g;

-- A value that goes and comes in one change is still there.
UPDATE t SET x = 7, m = 7.0, s = 'z' WHERE id = 4;
DELETE FROM t WHERE id = 5;
SELECT trickle_test.same_as_query('d');

-- The group goes with its values, and returns without them.
DELETE FROM t WHERE g = 'b';
SELECT trickle_test.same_as_query('d');
INSERT INTO t VALUES (8, 'b', 7, 1, 'w'), (9, NULL, 1, 1, 'w'), (10, NULL, 1, 2, 'w');
SELECT trickle_test.same_as_query('d');
SELECT * FROM d ORDER BY g;

-- Values that are equal but not identical are one.
INSERT INTO t VALUES (11, 'c', 1, 5.0, ''), (12, 'c', 1, 5.00, ''), (13, 'c', 1, 5.000, '');
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE id = 11;
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE id = 13;
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE id = 12;
SELECT trickle_test.same_as_query('d');

-- The last value with the largest scale goes: the state is made anew from the
-- values that are left.
INSERT INTO t VALUES (14, 'c', 1, 1.5, ''), (15, 'c', 2, 1.25, ''), (16, 'c', 3, 1.125, '');
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE id = 16;
SELECT trickle_test.same_as_query('d');
SELECT sm FROM d WHERE g = 'c';

-- Without GROUP BY.
SELECT trickle_test.stream('all_d', $$
	SELECT count(DISTINCT x), count(DISTINCT (x, s)) AS rows, sum(DISTINCT x % 2) FROM t $$);
INSERT INTO t SELECT i, 'd', i % 5, i, 's' || i % 2 FROM generate_series(20, 40) i;
SELECT trickle_test.same_as_query('all_d');
SELECT trickle_test.same_as_query('d');
DELETE FROM t WHERE x IN (0, 4);
SELECT trickle_test.same_as_query('all_d');
SELECT trickle_test.same_as_query('d');
DELETE FROM t;
SELECT trickle_test.same_as_query('all_d');
SELECT trickle_test.same_as_query('d');
SELECT * FROM all_d;

-- Values of any size and kind.
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE pair AS (a numeric, b text);
CREATE TABLE v (g int, long text, l text COLLATE loose, p pair, a int[], j jsonb, iv interval);
SELECT trickle_test.stream('kinds', $$
	SELECT g, count(DISTINCT long) AS long, count(DISTINCT l) AS l, count(DISTINCT p) AS p,
		count(DISTINCT a) AS a, count(DISTINCT j) AS j, sum(DISTINCT iv) AS iv
	FROM v GROUP BY g $$);
INSERT INTO v VALUES
	(1, repeat('x', 100000), 'ann', '(1.0,x)', '{1,2}', '{"a": 1}', '24 hours'),
	(1, repeat('x', 100000), 'ANN', '(1.00,x)', '{1,2}', '{"a": 1.0}', '1 day'),
	(1, repeat('x', 100001), 'bob', '(1,)', '{}', '[]', '1 hour');
SELECT trickle_test.same_as_query('kinds');
SELECT * FROM kinds;
DELETE FROM v WHERE l = 'Ann' AND p::text = '(1.0,x)';
SELECT trickle_test.same_as_query('kinds');
DELETE FROM v WHERE l = 'Ann';
SELECT trickle_test.same_as_query('kinds');
SELECT * FROM kinds;
