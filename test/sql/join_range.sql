-- Many changed rows that lie together: a join reads only that range of the
-- other table, whatever integers, dates or times they are joined by.
\i trickle_test.sql
SET max_parallel_workers_per_gather = 0;

CREATE TABLE keys (i2 smallint, i4 int, i8 bigint, d date, t timestamp,
	tz timestamptz, note text);
INSERT INTO keys
SELECT i - 15000, i - 15000, i - 15000, date '2000-01-01' + i,
	timestamp '2000-01-01' + i * interval '1 minute',
	timestamptz '2000-01-01 00:00+00' + i * interval '1 minute', 'k' || i % 7
FROM generate_series(1, 30000) i;
CREATE INDEX ON keys (i2);
CREATE INDEX ON keys (i4);
CREATE INDEX ON keys (i8);
CREATE INDEX ON keys (d);
CREATE INDEX ON keys (t);
CREATE INDEX ON keys (tz);
VACUUM ANALYZE keys;

CREATE TABLE facts (LIKE keys);
ALTER TABLE facts ADD id int PRIMARY KEY, ADD v int;
SELECT trickle_test.stream('by_' || col, format($$
	SELECT k.note, count(*) AS n, sum(f.v) AS v
	FROM facts f JOIN keys k ON %s GROUP BY k.note $$, condition))
FROM (VALUES ('i2', 'k.i2 = f.i2'), ('i4', 'f.i4 = k.i4'),
	('i8', 'k.i8 = f.i8'), ('d', 'f.d = k.d'), ('t', 'k.t = f.t'),
	('tz', 'f.tz = k.tz'), ('i24', 'k.i2 = f.i4'), ('i82', 'f.i8 = k.i2'),
	('i84', 'k.i4 = f.i8'), ('dt', 'k.t = f.d')) c (col, condition);
-- A stream table's refresh, and how many rows of "keys" it reads.
CREATE FUNCTION reads(st text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
BEGIN
	SELECT seq_tup_read + idx_tup_fetch INTO before
	FROM pg_stat_xact_user_tables WHERE relname = 'keys';
	PERFORM pgtrickle.refresh_stream_table(st);
	RETURN (SELECT CASE WHEN n <= 6500 THEN 'few' ELSE 'many' END
		FROM (SELECT seq_tup_read + idx_tup_fetch - before AS n
			FROM pg_stat_xact_user_tables WHERE relname = 'keys') k);
END
$$;
CREATE VIEW streams AS SELECT st FROM unnest('{by_i2,by_i4,by_i8,by_d,by_t,
	by_tz,by_i24,by_i82,by_i84}'::text[]) WITH ORDINALITY s (st, place);

-- The first 6000 keys, the negative ones.
INSERT INTO facts SELECT k.*, row_number() OVER (ORDER BY i4), i4
FROM keys k WHERE i4 <= -9000;
SELECT st, reads(st) FROM streams;
SELECT trickle_test.same_as_query(st, 'NO_DATA') FROM streams;

-- Days and minutes are not compared as integers.
SELECT trickle_test.same_as_query('by_dt');
SELECT pgtrickle.drop_stream_table('by_dt');

-- Changes of rows whose keys stay, with NULLs among them; in the middle.
UPDATE facts SET v = v + 1;
UPDATE facts SET i2 = NULL, i4 = NULL, i8 = NULL, d = NULL, t = NULL, tz = NULL
WHERE id % 3 = 0;
SELECT st, reads(st) FROM streams;
SELECT trickle_test.same_as_query(st, 'NO_DATA') FROM streams;
UPDATE facts f SET i2 = k.i2, i4 = k.i4, i8 = k.i8, d = k.d, t = k.t, tz = k.tz
FROM keys k WHERE k.i4 = f.id - 3000;
SELECT trickle_test.same_as_query(st) FROM streams;

-- The bounds themselves belong to the range.
DELETE FROM facts;
SELECT trickle_test.same_as_query(st) FROM streams;
INSERT INTO facts SELECT k.*, row_number() OVER (ORDER BY i4), 1
FROM keys k WHERE i4 BETWEEN 100 AND 6100;
SELECT st, reads(st) FROM streams;
SELECT st, trickle_test.same_as_query(st, 'NO_DATA') FROM streams;
SELECT sum(n) FROM by_i4;

-- Rows all over the table, only NULLs, infinite times.
UPDATE facts f SET i2 = k.i2, i4 = k.i4, i8 = k.i8, d = k.d, t = k.t, tz = k.tz
FROM keys k WHERE k.i4 = f.id * 4 - 14000;
SELECT trickle_test.same_as_query(st) FROM streams;
UPDATE facts SET i2 = NULL, i4 = NULL, i8 = NULL, d = NULL, t = NULL, tz = NULL;
SELECT trickle_test.same_as_query(st) FROM streams;
INSERT INTO keys (d, t, tz) VALUES ('infinity', 'infinity', '-infinity');
UPDATE facts SET v = 0, d = 'infinity', t = 'infinity', tz = '-infinity';
SELECT trickle_test.same_as_query(st) FROM streams;
SELECT n FROM by_tz;

-- Without true statistics all is as the planner thinks: rows have come that
-- they do not show, or have come beyond.
DELETE FROM facts;
INSERT INTO facts SELECT k.*, row_number() OVER (ORDER BY i4), 1
FROM keys k WHERE i4 BETWEEN 9500 AND 15000;
SELECT trickle_test.same_as_query(st) FROM streams;
INSERT INTO keys SELECT i, i, i FROM generate_series(15001, 15500) i;
UPDATE facts SET i2 = i2 + 400, i4 = i4 + 400, i8 = i8 + 400;
SELECT st, reads(st) FROM streams WHERE st LIKE 'by_i%';
INSERT INTO keys SELECT 10000, 10000, 10000 FROM generate_series(1, 20000) i;
UPDATE facts SET i2 = i2 - 400, i4 = i4 - 400, i8 = i8 - 400;
SELECT st, reads(st) FROM streams WHERE st LIKE 'by_i%';
SELECT trickle_test.same_as_query(st, 'NO_DATA') FROM streams WHERE st LIKE 'by_i%';
SELECT trickle_test.same_as_query(st) FROM streams WHERE st NOT LIKE 'by_i%';

-- Both tables change: what the range is of stays a condition of its own term.
UPDATE facts f SET i4 = k.i4, i8 = k.i8, i2 = k.i2
FROM keys k WHERE k.i4 = f.id - 3000;
UPDATE keys SET i4 = i4 + 1, i8 = i8 + 1, i2 = i2 + 1, note = note || '!'
WHERE i4 BETWEEN -2000 AND 4000;
SELECT trickle_test.same_as_query(st) FROM streams;

-- A table with children is read the same way; joins of three; a subquery.
CREATE TABLE parts (id int, note text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (20000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (20000) TO (40000);
CREATE INDEX ON parts (id);
INSERT INTO parts SELECT i, 'p' || i % 5 FROM generate_series(0, 39999) i;
VACUUM ANALYZE parts;
SELECT trickle_test.stream('three', $$
	SELECT k.note, p.note AS part, count(*) AS n FROM facts f
	JOIN keys k ON k.i4 = f.i4 JOIN parts p ON p.id = f.i8
	GROUP BY k.note, p.note $$);
SELECT trickle_test.stream('subquery', $$
	SELECT p.note, sum(x.v) AS v FROM parts p,
		(SELECT i8, v * 2 AS v FROM facts WHERE v >= 0) x
	WHERE x.i8 = p.id GROUP BY p.note $$);
DELETE FROM facts;
INSERT INTO facts SELECT k.*, row_number() OVER (ORDER BY i4), 1
FROM keys k WHERE i4 BETWEEN 500 AND 6500;
SELECT trickle_test.same_as_query(st) FROM unnest('{three,subquery}'::text[]) st;
SELECT sum(n) > 5000 AS many FROM three;
