-- Inner joins: any number of tables, any condition.
\i trickle_test.sql

CREATE TABLE r (id int PRIMARY KEY, a int, sid int);
CREATE TABLE s (id int PRIMARY KEY, b text, tid int);
CREATE TABLE t (k int, c numeric);
INSERT INTO r SELECT i, i % 3, i % 5 FROM generate_series(1, 12) i;
INSERT INTO s SELECT i, 'b' || i, i % 4 FROM generate_series(1, 5) i;
INSERT INTO t VALUES (0, 1.0), (1, 1.00), (1, 1.00), (2, NULL), (NULL, 5);

SELECT trickle_test.stream('two', 'SELECT r.id, b FROM r JOIN s ON s.id = sid');
SELECT trickle_test.stream('three', $$
	SELECT r.id, b, c FROM r, s JOIN t ON t.k = s.tid WHERE s.id = sid $$);
SELECT trickle_test.stream('self', $$
	SELECT x.id AS x, y.id AS y FROM r x JOIN r y ON x.a = y.sid $$);
SELECT trickle_test.stream('triangle', $$
	SELECT x.k, y.c, z.k AS z FROM t x JOIN t y ON x.k = y.k JOIN t z ON z.c = y.c $$);
SELECT trickle_test.stream('non_equi', $$
	SELECT r.id, c FROM r JOIN t ON r.a < t.k AND t.c IS NOT NULL $$);
SELECT trickle_test.stream('crossed', 'SELECT a, b FROM r CROSS JOIN s');
SELECT trickle_test.stream('natural_', 'SELECT * FROM r NATURAL JOIN s');
SELECT trickle_test.stream('mixed', $$
	SELECT id, x.a, y.b FROM (r x JOIN s y USING (id)) JOIN t ON k = id $$);

CREATE FUNCTION differences() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT st || ': ' || d
	FROM unnest('{two,three,self,triangle,non_equi,crossed,natural_,mixed}'::text[]) st,
		trickle_test.same_as_query(st) d
$$;

-- A change of one table is joined with the others.
INSERT INTO r VALUES (20, 1, 2), (21, NULL, NULL);
UPDATE s SET b = 'new' WHERE id = 2;
INSERT INTO t VALUES (3, 7);
SELECT differences();

-- Changes of several tables are not counted twice, nor left out.
DELETE FROM s WHERE id = 2;
DELETE FROM r WHERE sid = 2;
DELETE FROM t WHERE k = 1;
SELECT differences();
INSERT INTO s VALUES (2, 'back', 1);
INSERT INTO r VALUES (30, 1, 2);
INSERT INTO t VALUES (1, 1.00), (1, 1.0);
UPDATE r SET id = id + 100, a = a + 1 WHERE id < 5;
UPDATE s SET tid = 3 - tid;
UPDATE t SET k = k + 1;
SELECT differences();

-- Duplicates have their number: three rows become two.
SELECT trickle_test.stream('duplicates', 'SELECT s.b FROM r JOIN s ON s.id = sid');
SELECT count(*) FROM duplicates WHERE b = 'b3';
DELETE FROM r WHERE id = (SELECT max(id) FROM r WHERE sid = 3);
SELECT trickle_test.same_as_query('duplicates');
SELECT count(*) FROM duplicates WHERE b = 'b3';

-- A column that only a condition reads is captured too.
SELECT trickle_test.stream('condition', 'SELECT id FROM r WHERE a > 1');
UPDATE r SET a = 5 - a;
SELECT trickle_test.same_as_query('condition');

-- A change that the query does not read changes nothing.
SELECT trickle_test.stream('narrow', 'SELECT s.id FROM s');
UPDATE s SET b = b || '!';
SELECT trickle_test.same_as_query('narrow', 'NO_DATA');

-- Everything may go and come again.
DELETE FROM r;
DELETE FROM s;
DELETE FROM t;
SELECT differences();
INSERT INTO t VALUES (0, 1), (0, 1), (1, NULL), (2, 1);
INSERT INTO r SELECT i, i % 3, i % 5 FROM generate_series(1, 12) i;
INSERT INTO s SELECT i, 'b' || i, i % 4 FROM generate_series(1, 5) i;
SELECT differences();
