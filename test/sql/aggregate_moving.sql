-- Aggregates whose transition can be undone.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, g int, i2 int2, i4 int4, i8 int8, m numeric,
	iv interval, c money);
INSERT INTO t SELECT i, i % 3, i, i * 10, i * 10000000000, i / 10.0,
	i * interval '1 hour', i::text::money FROM generate_series(1, 9) i;

-- Each built-in aggregate that can be used over a moving frame is exact.
SELECT trickle_test.stream('integers', $$
	SELECT g, sum(i2) AS s2, sum(i4) AS s4, sum(i8) AS s8, avg(i2) AS a2,
		avg(i4) AS a4, avg(i8) AS a8, stddev(i2) AS d2, stddev_pop(i4) AS d4,
		stddev_samp(i8) AS d8, variance(i2) AS v2, var_pop(i4) AS v4,
		var_samp(i8) AS v8
	FROM t GROUP BY g $$);
SELECT trickle_test.stream('others', $$
	SELECT g, sum(m), avg(m), stddev(m), stddev_pop(m) AS pop, variance(m),
		sum(iv) AS intervals, avg(iv) AS average, sum(c) AS money
	FROM t GROUP BY g $$);
INSERT INTO t SELECT i, i % 4, -i, i, i, i * 1.001, i * interval '1 day',
	'1.25' FROM generate_series(10, 30) i;
SELECT trickle_test.same_as_query('integers');
SELECT trickle_test.same_as_query('others');
UPDATE t SET i2 = i2 + 1, i4 = NULL, i8 = i8 * 1000000, m = -m, iv = -iv,
	c = c * 2 WHERE id % 4 = 1;
DELETE FROM t WHERE id % 5 = 0;
SELECT trickle_test.same_as_query('integers');
SELECT trickle_test.same_as_query('others');
DELETE FROM t WHERE g = 1 AND id > 1;
SELECT trickle_test.same_as_query('integers');
SELECT trickle_test.same_as_query('others');

-- A state that was stored goes on to work: squares are still added up.
INSERT INTO t VALUES (100, 2, 1000, 1000, 1000, 1000);
SELECT trickle_test.same_as_query('integers');
INSERT INTO t VALUES (101, 2, -1000, -1000, -1000, -1000);
SELECT trickle_test.same_as_query('integers');
SELECT trickle_test.same_as_query('others');

-- A state that knows nothing of its rows: when the last value has gone, there
-- is no sum, and not one of nothing.
UPDATE t SET c = NULL WHERE g = 2;
SELECT trickle_test.same_as_query('others');
UPDATE t SET c = id::text::money WHERE g = 2 AND id < 9;
SELECT trickle_test.same_as_query('others');
SELECT trickle_test.same_as_query('integers', 'NO_DATA');

-- Sums are of any size.
INSERT INTO t (id, g, i8, m) SELECT 200 + i, 2, 9223372036854775807, 1e100
FROM generate_series(1, 5) i;
SELECT trickle_test.same_as_query('integers');
SELECT trickle_test.same_as_query('others');
SELECT s8 FROM integers WHERE g = 2;
DELETE FROM t WHERE id > 200;
SELECT trickle_test.same_as_query('integers');
SELECT trickle_test.same_as_query('others');

-- The scale of a numeric sum is that of the values that are left.
CREATE TABLE scales (id int PRIMARY KEY, g int, m numeric);
INSERT INTO scales VALUES (1, 1, 1.0), (2, 1, 1.00), (3, 2, 7);
SELECT trickle_test.stream('scaled', $$
	SELECT g, sum(m), sum(m)::text AS shown FROM scales GROUP BY g $$);
SELECT * FROM scaled ORDER BY g;
DELETE FROM scales WHERE id = 2;
SELECT trickle_test.same_as_query('scaled');
SELECT * FROM scaled ORDER BY g;
UPDATE scales SET m = 1.5 WHERE id = 3;
SELECT trickle_test.same_as_query('scaled');
INSERT INTO scales VALUES (4, 1, 2.125), (5, NULL, 0.5), (6, NULL, 0.25);
SELECT trickle_test.same_as_query('scaled');
DELETE FROM scales WHERE id IN (4, 6);
SELECT trickle_test.same_as_query('scaled');
SELECT * FROM scaled ORDER BY g;

-- The same without GROUP BY: the whole table is read again, and only once.
SELECT trickle_test.stream('scale', $$ SELECT sum(m)::text FROM scales $$);
INSERT INTO scales VALUES (7, 3, 0.0001);
SELECT trickle_test.same_as_query('scale');
DELETE FROM scales WHERE id = 7;
SELECT trickle_test.same_as_query('scale');
DELETE FROM scales;
SELECT trickle_test.same_as_query('scale');

-- NaN and Infinity leave no trace when they go.
INSERT INTO scales VALUES (1, 1, 1), (2, 1, 'NaN'), (3, 1, 'Infinity'),
	(4, 1, '-Infinity'), (5, 2, 'Infinity'), (6, 2, 3);
SELECT trickle_test.same_as_query('scaled');
SELECT * FROM scaled ORDER BY g;
DELETE FROM scales WHERE m = 'NaN';
SELECT trickle_test.same_as_query('scaled');
DELETE FROM scales WHERE m = '-Infinity';
SELECT trickle_test.same_as_query('scaled');
SELECT * FROM scaled ORDER BY g;
DELETE FROM scales WHERE m = 'Infinity';
SELECT trickle_test.same_as_query('scaled');
SELECT * FROM scaled ORDER BY g;

-- A user's aggregate: strict, its first input is its first state.
CREATE TABLE u (id int PRIMARY KEY, g int, x int, y int);
CREATE FUNCTION int_xor(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT $1 # $2';
CREATE AGGREGATE xor_all(int) (SFUNC = int_xor, STYPE = int,
	MSFUNC = int_xor, MINVFUNC = int_xor, MSTYPE = int);
SELECT trickle_test.stream('xors', $$
	SELECT g, xor_all(x) FROM u GROUP BY g $$);
INSERT INTO u VALUES (1, 1, 5, 0), (2, 1, 9, 1), (3, 2, NULL, 2), (4, 2, 3, 3);
SELECT trickle_test.same_as_query('xors');
DELETE FROM u WHERE id = 1;
UPDATE u SET x = NULL WHERE id = 4;
SELECT trickle_test.same_as_query('xors');
SELECT * FROM xors ORDER BY g;

-- A user's aggregate: several arguments, NULLs count, a final function with
-- extra arguments, an array as polymorphic state.
CREATE FUNCTION bag_add(anyarray, anyelement, int) RETURNS anyarray
LANGUAGE sql IMMUTABLE AS
	'SELECT array(SELECT v FROM unnest($1 || $2) v ORDER BY v)';
CREATE FUNCTION bag_remove(anyarray, anyelement, int) RETURNS anyarray
LANGUAGE sql IMMUTABLE AS
$$
	SELECT $1[:at - 1] || $1[at + 1:]
	FROM coalesce(array_position($1, $2)) at
$$;
CREATE FUNCTION bag_show(anyarray, anyelement, int) RETURNS anyarray
LANGUAGE sql IMMUTABLE AS 'SELECT $1[2:]';
CREATE AGGREGATE bag(anyelement, int) (SFUNC = bag_add, STYPE = anyarray,
	FINALFUNC = bag_show, FINALFUNC_EXTRA, INITCOND = '{}',
	MSFUNC = bag_add, MINVFUNC = bag_remove, MSTYPE = anyarray,
	MFINALFUNC = bag_show, MFINALFUNC_EXTRA, MINITCOND = '{}');
SELECT trickle_test.stream('bags', $$
	SELECT g, bag(x, y), bag(x::text, y) AS texts FROM u GROUP BY g $$);
INSERT INTO u VALUES (5, 1, 4, 0), (6, 1, 4, 0), (7, 1, 2, 0), (8, 2, 1, 1);
SELECT trickle_test.same_as_query('bags');
DELETE FROM u WHERE id IN (5, 8);
UPDATE u SET x = 1 WHERE id = 3;
SELECT trickle_test.same_as_query('bags');
SELECT * FROM bags ORDER BY g;

-- An inverse function that answers NULL: the group is fed again.
CREATE FUNCTION no_way_back(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT CASE WHEN $2 <> 3 THEN $1 - $2 END';
CREATE AGGREGATE one_way(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0',
	MSFUNC = int4pl, MINVFUNC = no_way_back, MSTYPE = int, MINITCOND = '0');
SELECT trickle_test.stream('one_ways', $$
	SELECT g, one_way(x), count(*), string_agg(id::text, ',' ORDER BY id)
	FROM u GROUP BY g $$);
SELECT trickle_test.stream('one_way_all', $$ SELECT one_way(x) FROM u $$);
INSERT INTO u VALUES (10, 1, 3, 0), (11, NULL, 3, 0), (12, NULL, 1, 0),
	(13, 2, 3, 0);
SELECT trickle_test.same_as_query('one_ways');
SELECT trickle_test.same_as_query('one_way_all');
DELETE FROM u WHERE x = 3;
SELECT trickle_test.same_as_query('one_ways');
SELECT trickle_test.same_as_query('one_way_all');
SELECT * FROM one_ways ORDER BY g;

-- A user's aggregate with a composite state.
CREATE TYPE span_state AS (n int8, total numeric);
CREATE FUNCTION span_add(span_state, numeric) RETURNS span_state
LANGUAGE sql IMMUTABLE
RETURN row($1.n + 1, $1.total + coalesce($2, 0))::span_state;
CREATE FUNCTION span_sub(span_state, numeric) RETURNS span_state
LANGUAGE sql IMMUTABLE
RETURN row($1.n - 1, $1.total - coalesce($2, 0))::span_state;
CREATE FUNCTION span_show(span_state) RETURNS text LANGUAGE sql IMMUTABLE AS
	'SELECT format(''%s rows, %s'', $1.n, trim_scale($1.total))';
CREATE AGGREGATE span(numeric) (SFUNC = span_add, STYPE = span_state,
	FINALFUNC = span_show, INITCOND = '(0,0)', MSFUNC = span_add,
	MINVFUNC = span_sub, MSTYPE = span_state, MFINALFUNC = span_show,
	MINITCOND = '(0,0)');
SELECT trickle_test.stream('spans', $$ SELECT g, span(x) FROM u GROUP BY g $$);
INSERT INTO u VALUES (20, 1, 8, 0), (21, 1, NULL, 0);
DELETE FROM u WHERE id = 6;
SELECT trickle_test.same_as_query('spans');
SELECT * FROM spans ORDER BY g;

-- Who may not call the aggregate any more is told so, though its state is kept.
CREATE ROLE trickle_owner;
GRANT CREATE ON SCHEMA public TO trickle_owner;
GRANT SELECT ON u TO trickle_owner;
SELECT pgtrickle.create_stream_table('denied',
	'SELECT g, xor_all(x) FROM u GROUP BY g', 'manual', 'DIFFERENTIAL');
ALTER TABLE denied OWNER TO trickle_owner;
INSERT INTO u VALUES (30, 1, 1, 1);
REVOKE EXECUTE ON FUNCTION xor_all(int) FROM PUBLIC;
SELECT pgtrickle.refresh_stream_table('denied');
GRANT EXECUTE ON FUNCTION xor_all(int) TO PUBLIC;
SELECT trickle_test.same_as_query('denied');
DROP TABLE denied;
REVOKE ALL ON SCHEMA public FROM trickle_owner;
REVOKE ALL ON u FROM trickle_owner;
DROP ROLE trickle_owner;
