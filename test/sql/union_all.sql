-- UNION ALL and UNION.
\i trickle_test.sql

CREATE TABLE a (x int, y text);
CREATE TABLE b (x int, y varchar(10), z numeric);
CREATE TABLE c (x smallint, f float8);
INSERT INTO a VALUES (1, 'a'), (1, 'a'), (2, NULL);
INSERT INTO b VALUES (1, 'a', 1.5), (3, 'b', 2);
INSERT INTO c VALUES (1, 0.5), (4, 2);

SELECT trickle_test.stream('all_', $$
	SELECT x, y FROM a UNION ALL SELECT x, y FROM b UNION ALL SELECT 7, 'seven' $$);
-- int, numeric and float8 become float8, step by step as the server does it.
SELECT trickle_test.stream('casts', $$
	(SELECT x AS v FROM a UNION ALL SELECT z FROM b) UNION ALL SELECT f FROM c $$);
SELECT trickle_test.stream('set_', $$
	SELECT x FROM a UNION SELECT x FROM b UNION SELECT x FROM c ORDER BY 1 $$);
SELECT trickle_test.stream('set_in_all', $$
	SELECT x FROM a UNION ALL (SELECT x FROM b UNION SELECT x FROM c) $$);
SELECT trickle_test.stream('all_in_set', $$
	(SELECT x FROM a UNION ALL SELECT x FROM b) UNION SELECT x FROM c $$);
SELECT trickle_test.stream('set_of_sets', $$
	SELECT z FROM b UNION (SELECT x FROM a UNION SELECT x FROM c) $$);
SELECT trickle_test.stream('joined', $$
	SELECT u.x, u.y, c.f FROM (SELECT x, y FROM a UNION ALL SELECT x, y FROM b) u
	JOIN c ON c.x = u.x $$);
SELECT trickle_test.stream('twice', 'SELECT x FROM a UNION ALL SELECT x FROM a WHERE x > 1');
SELECT trickle_test.stream('lateral_', $$
	SELECT a.x, u.v FROM a, LATERAL (SELECT a.x + 1 UNION ALL SELECT b.x FROM b
		WHERE b.x = a.x) u (v) $$);
SELECT trickle_test.stream('grouped', $$
	SELECT x, count(*) AS n FROM (SELECT x FROM a UNION ALL SELECT x FROM b) u GROUP BY x $$);

CREATE FUNCTION differences() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT st || ': ' || d
	FROM unnest('{all_,casts,set_,set_in_all,all_in_set,set_of_sets,joined,twice,lateral_,grouped}'::text[]) st,
		trickle_test.same_as_query(st) d
$$;

-- The first member gives the names, the set operation the types.
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid IN ('all_'::regclass, 'casts'::regclass, 'set_of_sets'::regclass)
	AND attnum > 0 ORDER BY attrelid, attnum;

-- A change reaches the members that read the table, and no other.
INSERT INTO a VALUES (1, 'a'), (4, 'new');
SELECT trickle_test.same_as_query(st) FROM unnest('{all_,casts,set_}'::text[]) st;
INSERT INTO b VALUES (9, 'nine', 9.00);
INSERT INTO c VALUES (9, 9);
SELECT differences();

-- A duplicate may stay after its equal has gone; constants always do.
DELETE FROM a WHERE ctid = (SELECT min(ctid) FROM a WHERE x = 1);
DELETE FROM b WHERE x = 1;
UPDATE c SET x = x + 1;
SELECT differences();
DELETE FROM a;
DELETE FROM b;
DELETE FROM c;
SELECT trickle_test.same_as_query(st) FROM unnest('{all_,casts,set_,set_of_sets}'::text[]) st;
SELECT * FROM all_;
