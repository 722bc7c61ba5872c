-- min, max and their kin.
\i trickle_test.sql

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE t (id int PRIMARY KEY, g int, d date, s text, m numeric,
	p numeric(8, 2), f float8, b boolean, e mood, a int[], ip inet);
INSERT INTO t SELECT i, i % 3, date '2024-01-01' + i, 's' || i, i, i, i,
	i % 2 = 0, CASE WHEN i < 4 THEN 'sad' ELSE 'ok' END::mood, array[i, 1],
	('10.0.0.' || i)::inet
FROM generate_series(1, 9) i;

-- Values that fit an index are kept in order.
SELECT trickle_test.stream('kept', $$
	SELECT g, min(d), max(d), min(p) AS minp, max(p) AS maxp, min(f) AS minf,
		max(f) AS maxf, max(e) AS maxe, min(e) AS mine, max(ip) AS maxip,
		min(DISTINCT d) AS distinct_min
	FROM t GROUP BY g $$);

-- Values that may not are compared with the extremum.
SELECT trickle_test.stream('compared', $$
	SELECT g, min(s), max(s), min(m) AS minm, max(m) AS maxm, max(a) AS maxa,
		max(DISTINCT s) AS distinct_max
	FROM t GROUP BY g $$);

-- A new extremum takes the place of the old one.
INSERT INTO t VALUES (20, 0, '2030-01-01', 'zz', 99, 99, 99, true, 'happy', '{99}', '11.0.0.1'),
	(21, 0, '1990-01-01', '', -99, -99, -99, true, 'sad', '{}', '1.0.0.1');
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');

-- When the extremum goes, the next one is found.
DELETE FROM t WHERE id IN (20, 21);
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');

-- Several rows have it: it goes with the last of them.
INSERT INTO t SELECT i, 1, '2050-01-01', 'zzz', 100.0, 100, 100 FROM generate_series(30, 32) i;
SELECT trickle_test.same_as_query('kept');
DELETE FROM t WHERE id = 30;
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');
DELETE FROM t WHERE id = 31;
SELECT trickle_test.same_as_query('compared');
DELETE FROM t WHERE id = 32;
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');

-- The extremum changes up and down within one group, and moves to another.
UPDATE t SET d = d + 1000, s = 'y' || s, m = m + 1000, p = p + 1000, f = -f WHERE id = 7;
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');
UPDATE t SET d = d - 3000, s = 'a' || s, m = m - 3000, p = p - 3000, f = f * 9, g = 2 WHERE id = 7;
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');

-- The whole group goes with its values, and others become NULL.
DELETE FROM t WHERE g = 2;
UPDATE t SET d = NULL, s = NULL, m = NULL, p = NULL, f = NULL, e = NULL, a = NULL, ip = NULL WHERE g = 1;
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');
SELECT * FROM compared ORDER BY g;

-- NaN is the largest of floats and numerics.
INSERT INTO t (id, g, f, m) VALUES (40, 1, 'NaN', 'NaN'), (41, 1, 'Infinity', 'Infinity'), (42, 1, 1, 1);
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');
DELETE FROM t WHERE id = 40;
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');
SELECT g, maxf FROM kept ORDER BY g;

-- A NULL key is a group like others.
INSERT INTO t (id, g, d, s) VALUES (50, NULL, '2024-01-01', 'x'), (51, NULL, '2024-01-02', 'y');
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');
DELETE FROM t WHERE id = 51;
SELECT trickle_test.same_as_query('kept');
SELECT trickle_test.same_as_query('compared');

-- bool_and, bool_or and every are extrema of booleans.
SELECT trickle_test.stream('truths', $$
	SELECT g, bool_and(b), bool_or(b), every(b) FROM t GROUP BY g $$);
UPDATE t SET b = true WHERE g = 0;
SELECT trickle_test.same_as_query('truths');
UPDATE t SET b = false WHERE id = 3;
UPDATE t SET b = NULL WHERE g = 1;
SELECT trickle_test.same_as_query('truths');
SELECT * FROM truths ORDER BY g;
DELETE FROM t WHERE id = 3;
SELECT trickle_test.same_as_query('truths');

-- Without GROUP BY, down to no row and back.
SELECT trickle_test.stream('all_of_it', $$ SELECT max(d), min(s), max(m) AS maxm FROM t $$);
DELETE FROM t;
SELECT trickle_test.same_as_query('all_of_it');
INSERT INTO t (id, d, s, m) VALUES (1, '2024-01-01', 'x', 1);
SELECT trickle_test.same_as_query('all_of_it');
SELECT * FROM all_of_it;

-- Text under a collation of its own.
CREATE TABLE words (w text COLLATE "C", v text COLLATE "POSIX");
SELECT trickle_test.stream('last_words', $$ SELECT max(w), min(v), max(w COLLATE "default") AS other FROM words $$);
INSERT INTO words VALUES ('a', 'a'), ('B', 'B'), ('c', 'c');
SELECT trickle_test.same_as_query('last_words');
DELETE FROM words WHERE w = 'c';
SELECT trickle_test.same_as_query('last_words');
SELECT * FROM last_words;

-- An aggregate with a sort operator that is not the type's default: by length.
CREATE FUNCTION shorter(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT
RETURN length($1) < length($2);
CREATE FUNCTION same_length(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT
RETURN length($1) = length($2);
CREATE FUNCTION length_cmp(text, text) RETURNS int LANGUAGE sql IMMUTABLE STRICT
RETURN btint4cmp(length($1), length($2));
CREATE OPERATOR <# (LEFTARG = text, RIGHTARG = text, FUNCTION = shorter);
CREATE OPERATOR =# (LEFTARG = text, RIGHTARG = text, FUNCTION = same_length);
CREATE OPERATOR CLASS by_length FOR TYPE text USING btree AS
	OPERATOR 1 <#, OPERATOR 3 =#, FUNCTION 1 length_cmp;
CREATE FUNCTION pick_shorter(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
RETURN CASE WHEN $1 <# $2 THEN $1 ELSE $2 END;
CREATE AGGREGATE shortest(text) (SFUNC = pick_shorter, STYPE = text, SORTOP = <#);
SELECT trickle_test.stream('shortest_words', $$ SELECT length(shortest(w)) FROM words $$);
INSERT INTO words VALUES ('long word'), ('');
SELECT trickle_test.same_as_query('shortest_words');
DELETE FROM words WHERE w = '';
SELECT trickle_test.same_as_query('shortest_words');
SELECT * FROM shortest_words;

-- Values too large for an index.
INSERT INTO words SELECT repeat('z', 100000) || i FROM generate_series(1, 3) i;
SELECT trickle_test.same_as_query('last_words');
DELETE FROM words WHERE w LIKE '%3';
SELECT trickle_test.same_as_query('last_words');
