-- What foreign keys do to the rows that refer to a stream table, when values go
-- from one row to another.
\i trickle_test.sql

-- Refresh and compare; the error, if there is one.
CREATE FUNCTION refreshed(st text) RETURNS SETOF text LANGUAGE plpgsql AS
$$
BEGIN
	RETURN QUERY SELECT * FROM trickle_test.same_as_query(st);
EXCEPTION WHEN integrity_constraint_violation THEN
	RETURN NEXT 'refused: ' || regexp_replace(SQLERRM, ' violates.* on table', '');
END
$$;

-- A bag has no key: each row that changes goes, and another one comes.  Who
-- refers to a value that is there afterwards does not notice.
CREATE TABLE t (u int UNIQUE NOT NULL, v int, x text);
INSERT INTO t SELECT i, i, 'x' FROM generate_series(1, 9) i;
SELECT trickle_test.stream('bag', 'SELECT u + 0 AS u, v, x FROM t');
ALTER TABLE bag ADD UNIQUE (u), ADD UNIQUE (v);
CREATE TABLE cascaded (u int REFERENCES bag (u) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE nulled (u int REFERENCES bag (u) ON DELETE SET NULL, v int REFERENCES bag (v) ON DELETE SET NULL);
CREATE TABLE defaulted (u int DEFAULT 9 REFERENCES bag (u) ON DELETE SET DEFAULT);
CREATE TABLE restricted (u int CONSTRAINT restricted_u REFERENCES bag (u) ON DELETE RESTRICT);
INSERT INTO cascaded VALUES (1), (2), (3), (NULL);
INSERT INTO nulled VALUES (1, 1), (2, 2), (3, 3), (4, NULL);
INSERT INTO defaulted VALUES (1), (2), (3);
INSERT INTO restricted VALUES (1);
CREATE VIEW referring AS
	SELECT (SELECT array_agg(u ORDER BY u) FROM cascaded) AS cascaded,
		(SELECT array_agg(n ORDER BY n) FROM nulled n) AS nulled,
		(SELECT array_agg(u ORDER BY u) FROM defaulted) AS defaulted,
		(SELECT array_agg(u ORDER BY u) FROM restricted) AS restricted;
UPDATE t SET x = 'z' WHERE u = 1;
SELECT refreshed('bag');
TABLE referring;
-- One of two values of a row goes, several rows exchange theirs.
UPDATE t SET v = 20 WHERE u = 2;
SELECT refreshed('bag');
TABLE referring;
UPDATE t SET x = 'swapped', v = CASE u WHEN 1 THEN 3 WHEN 3 THEN 1 ELSE v END;
SELECT refreshed('bag');
TABLE referring;
-- A value that goes for good.
DELETE FROM t WHERE u = 2;
UPDATE t SET x = 'y';
SELECT refreshed('bag');
TABLE referring;
DELETE FROM t WHERE u = 1;
SELECT refreshed('bag');
-- Another row has it.
INSERT INTO t VALUES (1, 100, 'new');
SELECT refreshed('bag');
TABLE referring;
-- A recomputation does the same.
CREATE TABLE copy AS SELECT u, v, 'w' AS x FROM t WHERE u <> 3;
TRUNCATE t;
INSERT INTO t SELECT * FROM copy;
SELECT trickle_test.same_as_query('bag', 'FULL');
TABLE referring;
-- Nobody refers to NULL.
ALTER TABLE t ALTER u DROP NOT NULL;
INSERT INTO t VALUES (NULL, NULL, 'a'), (NULL, NULL, 'b');
SELECT refreshed('bag');
DELETE FROM t WHERE x = 'a';
UPDATE t SET x = 'c' WHERE u IS NULL;
SELECT refreshed('bag');
TABLE referring;
DROP TABLE cascaded, nulled, defaulted, restricted CASCADE;

-- The order of foreign keys counts, as for other tables: a row that CASCADE
-- deletes is no obstacle for one that takes NO ACTION.
CREATE TABLE twice (u int REFERENCES bag (u) ON DELETE CASCADE,
	v int REFERENCES bag (v));
INSERT INTO twice VALUES (4, 4), (5, 5);
DELETE FROM t WHERE u = 4;
SELECT refreshed('bag');
TABLE twice;
DROP TABLE twice;

-- With a key, values of other columns go from row to row.
CREATE TABLE k (k int PRIMARY KEY, u int UNIQUE);
INSERT INTO k SELECT i, i FROM generate_series(1, 40) i;
SELECT trickle_test.stream('keyed', 'SELECT k, u FROM k');
ALTER TABLE keyed ADD UNIQUE (u);
CREATE TABLE deleted (u int REFERENCES keyed (u) ON DELETE CASCADE);
CREATE TABLE refused (u int CONSTRAINT refused_u REFERENCES keyed (u) ON DELETE RESTRICT ON UPDATE RESTRICT);
CREATE TABLE moved (u int REFERENCES keyed (u) ON DELETE CASCADE ON UPDATE CASCADE, was int);
CREATE TABLE emptied (u int REFERENCES keyed (u) ON DELETE SET NULL ON UPDATE SET NULL);
INSERT INTO deleted VALUES (5);
INSERT INTO refused VALUES (5);
INSERT INTO emptied VALUES (5);
-- One row loses the value, and another one, which was there or was not, gets it.
DELETE FROM k WHERE k = 5;
UPDATE k SET u = 5 WHERE k = 2;
SELECT refreshed('keyed');
SELECT * FROM deleted, refused, emptied;
BEGIN;
UPDATE k SET u = 50 WHERE k = 2;
INSERT INTO k VALUES (5, 5);
COMMIT;
SELECT refreshed('keyed');
SELECT * FROM deleted, refused, emptied;
-- Nobody gets it.
UPDATE k SET u = NULL WHERE k = 5;
SELECT refreshed('keyed');
DELETE FROM refused;
DELETE FROM deleted;
SELECT refreshed('keyed');
TABLE emptied;
-- Rows that follow each other: who refers to one goes with it, whatever the
-- order in which they are written.
INSERT INTO moved SELECT i, i FROM generate_series(11, 40) i;
UPDATE k SET u = -u WHERE u > 10;
UPDATE k SET u = 1 - u WHERE u < 0;
SELECT refreshed('keyed');
SELECT count(*) FROM moved WHERE u = was + 1;
-- Rows that swap values leave who refers to them.
UPDATE k SET u = -u WHERE k IN (11, 12, 13, 14, 15);
UPDATE k SET u = CASE k WHEN 11 THEN 13 WHEN 12 THEN 12 WHEN 13 THEN 99 WHEN 14 THEN 16 ELSE 15 END
	WHERE k IN (11, 12, 13, 14, 15);
SELECT refreshed('keyed');
SELECT * FROM moved WHERE was BETWEEN 11 AND 15 ORDER BY was;
