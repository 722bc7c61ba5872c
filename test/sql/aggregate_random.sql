-- Random changes of random tables: every strategy beside every other, under
-- keys that are NULL, equal but not identical, composite, arrays.
\i trickle_test.sql

CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE pair AS (a numeric, b text);
CREATE TABLE t (id serial PRIMARY KEY, g text COLLATE loose, h numeric, p pair,
	a int[], i int, m numeric, f float8, s text, v varchar(10));

-- A sum that cannot be undone for some values.
CREATE FUNCTION sum_add(numeric, numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT RETURN $1 + $2;
CREATE FUNCTION sum_sub(numeric, numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT
RETURN CASE WHEN $2 <> 3 AND $1 NOT IN ('NaN', 'Infinity') THEN $1 - $2 END;
CREATE AGGREGATE some_sum(numeric) (SFUNC = sum_add, STYPE = numeric,
	MSFUNC = sum_add, MINVFUNC = sum_sub, MSTYPE = numeric);

SELECT trickle_test.stream('many', $$
	SELECT g, h, count(*), some_sum(m), sum(m) FILTER (WHERE i % 2 = 0) AS even,
		max(i), min(m), max(s) AS maxs, count(DISTINCT g) AS ng,
		string_agg(DISTINCT s, ',' ORDER BY s), avg(DISTINCT m) AS am,
		some_sum(DISTINCT m) AS dm, count(DISTINCT (i, s)) AS pairs,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY i) AS median,
		mode() WITHIN GROUP (ORDER BY s)
	FROM t GROUP BY g, h $$);
SELECT trickle_test.stream('scalar', $$
	SELECT count(*), some_sum(m), sum(f), max(m), max(i) AS maxi, min(s),
		sum(m) AS sm, count(DISTINCT s) AS ns, array_agg(i ORDER BY i),
		stddev(m), bool_and(i > 0), every(i > 1), bit_or(i), bit_xor(i),
		sum(i::bigint) AS si, max(s COLLATE "C") AS maxs,
		rank(5) WITHIN GROUP (ORDER BY i)
	FROM t $$);
SELECT trickle_test.stream('unique_rows', 'SELECT DISTINCT p, a, h FROM t');
SELECT trickle_test.stream('composite_keys', $$
	SELECT p, a, some_sum(m), sum(m) FROM t GROUP BY p, a $$);
SELECT trickle_test.stream('positions', $$
	SELECT i, h, count(*), sum(f), max(v),
		percentile_disc(array[0.1, 0.9]) WITHIN GROUP (ORDER BY f)
	FROM t GROUP BY i, h $$);
SELECT trickle_test.stream('above', $$
	SELECT n, count(*), max(m) FROM
		(SELECT g, count(*) AS n, sum(m) AS m FROM t GROUP BY g) q
	GROUP BY n HAVING max(m) IS NOT NULL $$);

-- One of the members, all equally likely.
CREATE FUNCTION any_of(VARIADIC choices anycompatiblearray) RETURNS anycompatible
LANGUAGE sql VOLATILE
AS 'SELECT choices[1 + floor(random() * cardinality(choices))]';

CREATE FUNCTION insert_some() RETURNS void LANGUAGE sql AS
$$
	INSERT INTO t (g, h, p, a, i, m, f, s, v)
	SELECT any_of('a'::text, 'A', 'b', NULL, 'c'), any_of(1.0, 1.00, NULL, 2, 'NaN'),
		any_of(NULL, row(1.0, 'x')::pair, row(1.00, 'x')::pair, row(2, NULL)::pair),
		any_of('{1,2}'::text, '{}', NULL)::int[], any_of(0, 1, 2, 3, 4, 5),
		any_of(1.5, 3, 2.25, NULL, 'NaN', 'Infinity', 3.0, 1e10),
		any_of(1e15, 1, -1e15, 'NaN', NULL)::float8,
		any_of('x'::text, 'y', 'zz', '', NULL), 'v' || any_of(1, 2, 3, 4)
	FROM generate_series(1, any_of(0, 1, 2, 8))
$$;

CREATE FUNCTION change_something() RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
	CASE any_of(1, 1, 1, 2, 3, 4, 5)
		WHEN 1 THEN
			PERFORM insert_some();
		WHEN 2 THEN
			DELETE FROM t WHERE random() < 0.2;
		WHEN 3 THEN
			UPDATE t SET i = i + 1, m = any_of(1.5, 3, 2.25, NULL),
				s = any_of(s, s || 'q') WHERE random() < 0.3;
		WHEN 4 THEN
			UPDATE t SET g = any_of('a'::text, 'A', 'b', NULL, 'c'),
				h = any_of(1.0, 1.00, NULL, 2, 'NaN') WHERE random() < 0.3;
		WHEN 5 THEN
			DELETE FROM t WHERE random() < any_of(0.5, 1);
	END CASE;
END
$$;

-- Differences after so many random changes; refreshed after one to three.
CREATE FUNCTION go_wild(steps int) RETURNS SETOF text LANGUAGE plpgsql AS
$$
BEGIN
	FOR step IN 1 .. steps LOOP
		FOR change IN 1 .. any_of(1, 2, 3) LOOP
			PERFORM change_something();
		END LOOP;
		RETURN QUERY SELECT format('%s: %s: %s', step, st, difference)
		FROM unnest('{many,scalar,unique_rows,composite_keys,positions,above}'::text[]) st,
			LATERAL trickle_test.same_as_query(st) difference
		WHERE difference NOT LIKE 'refresh was NO_DATA%';
	END LOOP;
END
$$;
SELECT setseed(0.42);
SELECT go_wild(60);

-- All states and values are what they should be, too.  (Results may be equal
-- without being identical: 3.0 and 3.)
SELECT st, row_source, row_data
FROM unnest('{many,scalar,unique_rows,composite_keys,positions,above}'::text[]) st,
	LATERAL pgtrickle.verify_stream_table(st)
WHERE row_source NOT IN ('missing', 'unexpected');
