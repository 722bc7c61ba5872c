-- Aggregates that are computed anew for the groups that changed.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, g int, h text, x int, f float8, s text);
INSERT INTO t SELECT i, i % 3, CASE WHEN i % 2 = 0 THEN 'even' END, i, i, 's' || i
FROM generate_series(1, 12) i;

-- Float sums do not drift: what was lost in a sum comes back.
SELECT trickle_test.stream('floats', $$
	SELECT g, sum(f), avg(f), count(*) FROM t GROUP BY g $$);
INSERT INTO t (id, g, f) VALUES (100, 0, 1e20);
SELECT trickle_test.same_as_query('floats');
DELETE FROM t WHERE id = 100;
SELECT trickle_test.same_as_query('floats');
SELECT * FROM floats ORDER BY g;
INSERT INTO t (id, g, f) VALUES (101, 1, 'NaN'), (102, 1, 'Infinity'), (103, 1, '-Infinity');
SELECT trickle_test.same_as_query('floats');
DELETE FROM t WHERE id IN (101, 103);
SELECT trickle_test.same_as_query('floats');
DELETE FROM t WHERE id = 102;
SELECT trickle_test.same_as_query('floats');
SELECT * FROM floats ORDER BY g;

-- The order inside an aggregate is kept.
SELECT trickle_test.stream('lists', $$
	SELECT g, string_agg(s, ',' ORDER BY x DESC), array_agg(x ORDER BY s, id),
		string_agg(DISTINCT h, '+' ORDER BY h) AS kinds, xmlagg(xmlelement(name x, x) ORDER BY x)
	FROM t GROUP BY g $$);
INSERT INTO t VALUES (20, 0, 'odd', 0, 0, 'new'), (21, 3, 'odd', 5, 0, 'alone');
UPDATE t SET x = -x WHERE id IN (4, 5);
DELETE FROM t WHERE id = 6;
SELECT trickle_test.same_as_query('lists');
SELECT g, string_agg, array_agg, kinds FROM lists ORDER BY g;

-- Results of a type without "=".
SELECT trickle_test.stream('documents', $$
	SELECT g, json_agg(x ORDER BY x, id), jsonb_object_agg(s, x ORDER BY x) FROM t GROUP BY g $$);
UPDATE t SET x = 100 WHERE id = 7;
SELECT trickle_test.same_as_query('documents');

-- Ordered-set and hypothetical-set aggregates, with keys as direct arguments.
SELECT trickle_test.stream('positions', $$
	SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY x),
		percentile_disc(g / 10.0) WITHIN GROUP (ORDER BY x) AS by_key,
		percentile_cont(array[0.25, 0.75]) WITHIN GROUP (ORDER BY f) AS several,
		mode() WITHIN GROUP (ORDER BY h),
		rank(5) WITHIN GROUP (ORDER BY x), dense_rank(g) WITHIN GROUP (ORDER BY x)
	FROM t GROUP BY g $$);
INSERT INTO t SELECT i, i % 4, 'more', i / 2, i, 'm' || i FROM generate_series(30, 50) i;
SELECT trickle_test.same_as_query('positions');
DELETE FROM t WHERE x % 2 = 0;
SELECT trickle_test.same_as_query('positions');

-- Statistics over floats, bits, and what else has no inverse.
SELECT trickle_test.stream('others', $$
	SELECT g, stddev(f) AS d, corr(f, x) IS NULL AS no_corr, regr_count(f, x), bit_and(x),
		bit_or(x), bit_xor(x), range_agg(int4range(x, x + 1)) AS covered
	FROM t GROUP BY g $$);
UPDATE t SET x = x + 1, f = f * 2 WHERE id % 4 = 1;
SELECT trickle_test.same_as_query('others');

-- Keys that are NULL in some groups: each pattern is found.
SELECT trickle_test.stream('patterns', $$
	SELECT g, h, sum(f), max(s), array_agg(x ORDER BY x, id) FROM t GROUP BY g, h $$);
INSERT INTO t VALUES (60, NULL, NULL, 1, 1, 'a'), (61, NULL, 'k', 2, 2, 'b'),
	(62, 1, NULL, 3, 3, 'c'), (63, 1, 'k', 4, 4, 'd');
SELECT trickle_test.same_as_query('patterns');
UPDATE t SET f = f + 1, s = s || 'x' WHERE id BETWEEN 60 AND 63;
SELECT trickle_test.same_as_query('patterns');
DELETE FROM t WHERE id BETWEEN 60 AND 62;
SELECT trickle_test.same_as_query('patterns');

-- Together with aggregates that need no recomputation.
SELECT trickle_test.stream('mixed', $$
	SELECT g, count(*), sum(x) AS total, sum(x::numeric / 8) AS eighths, min(s), max(x), count(DISTINCT h) AS kinds,
		sum(f), array_agg(id ORDER BY id) FILTER (WHERE x > 0) AS positive
	FROM t GROUP BY g $$);
UPDATE t SET x = x * 2 WHERE id % 3 = 0;
DELETE FROM t WHERE id % 7 = 0;
INSERT INTO t SELECT i, NULL, 'z', i, i, 'n' FROM generate_series(70, 75) i;
SELECT trickle_test.same_as_query('mixed');
DELETE FROM t WHERE g IS NULL AND id > 71;
SELECT trickle_test.same_as_query('mixed');

-- Without GROUP BY, down to no row and back.
SELECT trickle_test.stream('whole', $$
	SELECT sum(f), array_agg(id ORDER BY id), percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM t $$);
DELETE FROM t WHERE id > 10;
SELECT trickle_test.same_as_query('whole');
DELETE FROM t;
SELECT trickle_test.same_as_query('whole');
SELECT * FROM whole;
INSERT INTO t VALUES (1, 1, '', 1, 1, '');
SELECT trickle_test.same_as_query('whole');
SELECT * FROM whole;

-- Over a join, and with an equality that is in no search path.
CREATE SCHEMA other;
CREATE COLLATION other.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE names (name text COLLATE other.loose, x float8);
CREATE TABLE factors (name text COLLATE other.loose PRIMARY KEY, factor float8);
INSERT INTO names VALUES ('ann', 1), ('Ann', 2), ('BOB', 4);
INSERT INTO factors VALUES ('ANN', 2), ('bob', 3);
SELECT trickle_test.stream('joined', $$
	SELECT f.name, sum(n.x * f.factor) FROM names n JOIN factors f USING (name) GROUP BY f.name $$);
SELECT trickle_test.stream('loosely', $$
	SELECT name, sum(x), count(*) FROM names GROUP BY name $$);
INSERT INTO names VALUES ('aNN', 8), ('bOb', 16);
UPDATE factors SET factor = 5 WHERE name = 'BOB';
SELECT trickle_test.same_as_query('joined');
SELECT trickle_test.same_as_query('loosely');
DELETE FROM names WHERE x < 3;
SELECT trickle_test.same_as_query('joined');
SELECT trickle_test.same_as_query('loosely');

-- A change of one group reads that group, by the index of its table.
CREATE TABLE big (id int, g int, f float8);
INSERT INTO big SELECT i, i % 10000, i FROM generate_series(1, 100000) i;
CREATE INDEX ON big (g);
VACUUM ANALYZE big;
SELECT trickle_test.stream('big_sums', $$ SELECT g, sum(f) FROM big GROUP BY g $$);
UPDATE big SET f = 0 WHERE id = 4711;
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT pgtrickle.refresh_stream_table('big_sums');
SELECT seq_tup_read, idx_tup_fetch BETWEEN 1 AND 20 AS by_index
FROM pg_stat_xact_user_tables WHERE relname = 'big';
COMMIT;
SELECT trickle_test.same_as_query('big_sums', 'NO_DATA');
