-- Capture: partitions.
\i trickle_test.sql

CREATE TABLE p (a int, b text, unused int, c numeric) PARTITION BY RANGE (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
-- Another order of columns, and one dropped.
CREATE TABLE p2 (c numeric, gone int, unused int, a int, b text);
ALTER TABLE p2 DROP COLUMN gone;
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);
-- Partitions of partitions.
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (200) TO (400) PARTITION BY RANGE (a);
CREATE TABLE p31 PARTITION OF p3 FOR VALUES FROM (200) TO (300);
SELECT trickle_test.stream('st', 'SELECT a, b, c FROM p');
-- A partition may be a source of its own besides.
SELECT trickle_test.stream('st2', 'SELECT c, a, b FROM p2');
SELECT trickle_test.stream('st31', 'SELECT a, unused FROM p31');

-- By default all three of them are refreshed by a delta.
CREATE FUNCTION all_same(VARIADIC actions text[] DEFAULT '{DIFFERENTIAL,DIFFERENTIAL,DIFFERENTIAL}')
RETURNS SETOF text LANGUAGE sql AS
$$
	SELECT trickle_test.same_as_query(st, action)
	FROM unnest('{st,st2,st31}'::text[], actions) t (st, action)
$$;

-- Through the parent.
INSERT INTO p SELECT i, 'x' || i, i, i * 1.5 FROM generate_series(1, 299, 7) i;
SELECT all_same();
UPDATE p SET c = c + 1 WHERE a % 2 = 0;
DELETE FROM p WHERE a % 5 = 0;
SELECT all_same();

-- Aimed at a partition.
INSERT INTO p2 (a, b, c) VALUES (150, 'd', 1);
UPDATE p31 SET c = 0, unused = -1 WHERE a < 230;
DELETE FROM p1 WHERE a < 20;
INSERT INTO p3 (a, b) VALUES (222, 'mid');
SELECT all_same();

-- Rows move from partition to partition.
UPDATE p SET a = (a + 100) % 300;
SELECT all_same();
CREATE TABLE p32 PARTITION OF p3 FOR VALUES FROM (300) TO (400);
UPDATE p3 SET b = 'moved', a = 399 - a / 3;
SELECT all_same('DIFFERENTIAL', 'NO_DATA', 'DIFFERENTIAL');

-- COPY, MERGE.
COPY p FROM stdin;
5	c	1	5.5
105	c	2	2.5
205	c	3	\N
\.
MERGE INTO p USING (VALUES (5, 150), (105, 7)) v (a, na) ON p.a = v.a
	WHEN MATCHED THEN UPDATE SET a = v.na;
SELECT all_same();

-- A new partition is captured, with no need to recompute.
CREATE TABLE p4 PARTITION OF p FOR VALUES FROM (400) TO (500);
INSERT INTO p VALUES (350, 'new'), (450, 'new');
INSERT INTO p4 VALUES (451, 'new');
SELECT all_same('DIFFERENTIAL', 'NO_DATA', 'NO_DATA');
CREATE SCHEMA more CREATE TABLE p5 PARTITION OF public.p FOR VALUES FROM (500) TO (600);
INSERT INTO more.p5 VALUES (550, 'newer');
SELECT all_same('DIFFERENTIAL', 'NO_DATA', 'NO_DATA');
TRUNCATE more.p5;
SELECT trickle_test.same_as_query('st', 'FULL');

-- TRUNCATE of one partition, of a partitioned one, of all.
TRUNCATE p1;
SELECT trickle_test.same_as_query('st', 'FULL');
SELECT trickle_test.same_as_query('st2', 'NO_DATA');
TRUNCATE p3;
SELECT trickle_test.same_as_query('st', 'FULL');
TRUNCATE p;
SELECT trickle_test.same_as_query('st', 'FULL');
SELECT trickle_test.same_as_query('st2', 'FULL');
SELECT trickle_test.same_as_query('st31', 'FULL');

-- ATTACH brings rows; what is attached with partitions of its own, too.
CREATE TABLE p6 (b text, c numeric, unused int, a int) PARTITION BY RANGE (a);
CREATE TABLE p61 (a int, c numeric, b text, unused int);
ALTER TABLE p6 ATTACH PARTITION p61 FOR VALUES FROM (600) TO (650);
INSERT INTO p6 (a, b, c) VALUES (601, 'attached', 1);
ALTER TABLE p ATTACH PARTITION p6 FOR VALUES FROM (600) TO (700);
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO p61 (a, b, c) VALUES (602, 'leaf', 2);
INSERT INTO p (a, b, c) VALUES (603, 'root', 3);
SELECT trickle_test.same_as_query('st');
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE tgname LIKE '!pgt%' GROUP BY 1 ORDER BY tgrelid::regclass::text;

-- DETACH takes them away, and our triggers.
ALTER TABLE p DETACH PARTITION p6;
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO p61 (a, b, c) VALUES (604, 'alone', 4);
SELECT trickle_test.same_as_query('st', 'NO_DATA');
SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('p6'::regclass, 'p61'::regclass);
INSERT INTO p VALUES (10, 'ten', 1, 1), (110, 'onehundredten', 2, 2), (210, 'twohundredten', 3, NULL);
SELECT trickle_test.same_as_query('st');
SELECT trickle_test.same_as_query('st2');
ALTER TABLE p DETACH PARTITION p2 CONCURRENTLY;
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO p2 (a) VALUES (120);
SELECT trickle_test.same_as_query('st', 'NO_DATA');
SELECT trickle_test.same_as_query('st2');

-- Written, then detached or attached, in one transaction.
BEGIN;
INSERT INTO p2 (a, b) VALUES (130, 'before');
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);
INSERT INTO p2 (a, b) VALUES (131, 'after');
COMMIT;
SELECT trickle_test.same_as_query('st', 'FULL');
SELECT trickle_test.same_as_query('st2');
BEGIN;
INSERT INTO p (a, b) VALUES (132, 'still in');
ALTER TABLE p DETACH PARTITION p2;
INSERT INTO p2 (a, b) VALUES (133, 'out');
COMMIT;
SELECT trickle_test.same_as_query('st', 'FULL');
SELECT trickle_test.same_as_query('st2');

-- DROP of a partition.
DROP TABLE p31 CASCADE;
SELECT trickle_test.same_as_query('st', 'FULL');
BEGIN;
INSERT INTO p (a, b) VALUES (450, 'never seen'), (20, 'seen');
DROP TABLE p4;
COMMIT;
SELECT trickle_test.same_as_query('st', 'FULL');
SELECT * FROM st ORDER BY a;

-- The partition is no source any more, the parent is.
DROP TABLE st2;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'p2'::regclass;
DROP TABLE st;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '!pgt%';
