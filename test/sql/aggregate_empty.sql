-- Groups none of whose rows an aggregate gets: its result over no rows is not
-- always NULL.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, g int, x float8, v int, ok bool);
CREATE AGGREGATE counted(int) (sfunc = int4_sum, stype = int8, initcond = '0');
CREATE FUNCTION shown(int8) RETURNS text IMMUTABLE LANGUAGE sql
	RETURN coalesce($1::text, 'nothing');
CREATE AGGREGATE described(int) (sfunc = int4_sum, stype = int8, finalfunc = shown);
CREATE FUNCTION undone(int8, int) RETURNS int8 IMMUTABLE LANGUAGE sql
	RETURN $1 - coalesce($2, 0);
CREATE FUNCTION done(int8, int) RETURNS int8 IMMUTABLE LANGUAGE sql
	RETURN $1 + coalesce($2, 0);
CREATE AGGREGATE moving(int) (sfunc = done, stype = int8, initcond = '7',
	msfunc = done, minvfunc = undone, mstype = int8, minitcond = '7',
	finalfunc = shown, mfinalfunc = shown);

CREATE TABLE shapes (st text, query text);
INSERT INTO shapes VALUES
	('filtered', $$ SELECT g, regr_count(x, x) FILTER (WHERE ok) AS n,
		counted(v) FILTER (WHERE ok), described(v) FILTER (WHERE ok),
		moving(v) FILTER (WHERE ok), count(*) FILTER (WHERE ok) AS rows,
		string_agg(v::text, ',' ORDER BY v) FILTER (WHERE ok) AS list,
		max(v) FILTER (WHERE ok), bool_or(ok) FILTER (WHERE ok) AS any
		FROM t GROUP BY g $$),
	('hypothetical', $$ SELECT g, rank(1) WITHIN GROUP (ORDER BY v) FILTER (WHERE ok) AS r,
		percent_rank(1) WITHIN GROUP (ORDER BY v) FILTER (WHERE ok) AS p
		FROM t GROUP BY g $$),
	('distincts', $$ SELECT g, counted(DISTINCT v) FILTER (WHERE ok),
		described(DISTINCT v) FILTER (WHERE ok), moving(DISTINCT v) FILTER (WHERE ok)
		FROM t GROUP BY g $$),
	('nulls', $$ SELECT g, counted(v), described(v), moving(v), regr_count(v, x) AS n
		FROM t GROUP BY g $$),
	('had', $$ SELECT g FROM t GROUP BY g HAVING regr_count(x, x) FILTER (WHERE ok) = 0 $$),
	('scalars', $$ SELECT regr_count(x, x) FILTER (WHERE ok) AS n, counted(v) FILTER (WHERE ok),
		described(DISTINCT v) FILTER (WHERE ok) FROM t $$),
	('inner_node', $$ SELECT a.g, a.n, b.n AS m FROM
		(SELECT g, regr_count(x, x) FILTER (WHERE ok) AS n FROM t GROUP BY g) a
		JOIN (SELECT g, count(*) AS n FROM t GROUP BY g) b USING (g) $$);
SELECT trickle_test.stream(st, query) FROM shapes;

INSERT INTO t VALUES (1, 1, 1, 1, false), (2, 2, 2, NULL, NULL);
SELECT st, w FROM shapes, trickle_test.same_as_query(st) w;
TABLE filtered ORDER BY g;
-- A group with both kinds of rows, and one that loses what the filter lets in.
INSERT INTO t VALUES (3, 3, 3, 3, true), (4, 3, 3, 3, false), (5, 1, NULL, NULL, false);
SELECT st, w FROM shapes, trickle_test.same_as_query(st) w;
UPDATE t SET ok = NOT ok;
SELECT st, w FROM shapes, trickle_test.same_as_query(st) w;
UPDATE t SET ok = false WHERE id <> 2;
SELECT st, w FROM shapes, trickle_test.same_as_query(st) w;
TABLE filtered ORDER BY g;
-- Groups that go and come again.
DELETE FROM t;
SELECT st, w FROM shapes, trickle_test.same_as_query(st) w;
INSERT INTO t VALUES (1, 1, 1, 1, false), (6, NULL, 1, 1, NULL);
SELECT st, w FROM shapes, trickle_test.same_as_query(st) w;
SELECT st, v FROM shapes, pgtrickle.verify_stream_table(st) v;

SET client_min_messages = error;
DROP TABLE t CASCADE;
DROP EXTENSION pg_trickle;
