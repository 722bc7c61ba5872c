-- An UPDATE is one row of the log, with both images, wherever that fits.
\i trickle_test.sql

-- The rows of the logs of a source, by what they are.
CREATE FUNCTION logged(source regclass) RETURNS TABLE (weight int2, n bigint) LANGUAGE plpgsql AS
$$
DECLARE
	log regclass;
BEGIN
	FOR log IN SELECT log_relid FROM pgtrickle.pgt_log_segments
		JOIN pgtrickle.pgt_change_tracking USING (track_id)
		WHERE source_relid = source AND state <> 'f' ORDER BY segno
	LOOP
		RETURN QUERY EXECUTE format('SELECT weight, count(*) FROM %s GROUP BY 1 ORDER BY 1', log);
	END LOOP;
END
$$;

CREATE FUNCTION open_log(source regclass) RETURNS regclass LANGUAGE sql AS
$$
	SELECT log_relid FROM pgtrickle.pgt_log_segments
		JOIN pgtrickle.pgt_change_tracking USING (track_id)
		WHERE source_relid = source AND state = 'O'
$$;

CREATE TABLE t (id int PRIMARY KEY, a int, b text, gone int, c numeric);
ALTER TABLE t DROP COLUMN gone;
SELECT trickle_test.stream('st', 'SELECT id, a, b, c FROM t');
SELECT attnum, attname FROM pg_attribute WHERE attrelid = open_log('t') AND attnum > 3 ORDER BY 1;
INSERT INTO t SELECT i, i, 'b' || i, i FROM generate_series(1, 10) i;
UPDATE t SET a = NULL WHERE id <= 2;
UPDATE t SET a = 7, b = NULL WHERE id = 1;
UPDATE t SET id = id + 100 WHERE id = 2;
DELETE FROM t WHERE id = 3;
SELECT * FROM logged('t');
-- It counts as the two rows that it is a short form of.
SELECT pending_rows FROM pgtrickle.change_buffer_sizes() WHERE stream_table = 'public.st';
SELECT trickle_test.same_as_query('st');
SELECT * FROM st ORDER BY id LIMIT 3;

-- Too large for both images in one row, at one side or the other; stored elsewhere.
CREATE TABLE large (id int, v text);
ALTER TABLE large ALTER v SET STORAGE PLAIN;
SELECT trickle_test.stream('stl', 'SELECT id, v FROM large');
INSERT INTO large VALUES (1, 'small');
SELECT trickle_test.same_as_query('stl');
UPDATE large SET v = repeat('1', 1000);
UPDATE large SET v = repeat('2', 1000);
UPDATE large SET v = repeat('3', 7000);
UPDATE large SET v = repeat('4', 7000);
UPDATE large SET v = 'small';
SELECT * FROM logged('large');
SELECT trickle_test.same_as_query('stl', 'NO_DATA');
ALTER TABLE large ALTER v SET STORAGE EXTERNAL;
INSERT INTO large VALUES (2, repeat('x', 5000));
UPDATE large SET id = 3 WHERE id = 2;
UPDATE large SET v = 'y' WHERE id = 3;
SELECT trickle_test.same_as_query('stl');
SELECT id, length(v) FROM stl ORDER BY id;

-- What fills a page in the source does not fit into one of the log, which has
-- columns of its own: a reset mark says that there was a change.
DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE page (id int, v text, ' || string_agg('u' || i || ' uuid', ', ') || ')'
	FROM generate_series(1, 499) i); END $$;
ALTER TABLE page ALTER v SET STORAGE EXTERNAL;
SELECT trickle_test.stream('stpage', 'SELECT * FROM page');
DO $$ BEGIN EXECUTE (SELECT 'INSERT INTO page SELECT 1, repeat(''x'', 3000), ' ||
	string_agg('gen_random_uuid()', ', ') FROM generate_series(1, 499) i); END $$;
SELECT trickle_test.same_as_query('stpage', 'FULL');
UPDATE page SET id = 2;
SELECT trickle_test.same_as_query('stpage', 'FULL');
UPDATE page SET u1 = NULL, u2 = NULL, u3 = NULL, u4 = NULL, u5 = NULL, u6 = NULL;
SELECT trickle_test.same_as_query('stpage', 'FULL');
UPDATE page SET id = 3, v = NULL;
UPDATE page SET u10 = NULL;
DELETE FROM page;
SELECT trickle_test.same_as_query('stpage');

-- More columns than two images have room for.
DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE wide (id int, ' || string_agg('c' || i || ' int', ', ') || ')'
	FROM generate_series(1, 900) i); END $$;
SELECT trickle_test.stream('stw', 'SELECT * FROM wide');
SELECT count(*) FROM pg_attribute WHERE attrelid = open_log('wide') AND attnum > 0;
INSERT INTO wide (id, c1, c900) VALUES (1, 1, 1), (2, 2, 2);
UPDATE wide SET c900 = c1 + 10;
SELECT * FROM logged('wide');
SELECT trickle_test.same_as_query('stw');
SELECT id, c1, c900 FROM stw ORDER BY id;

-- Partitions with other orders of columns, and from one to the other.
CREATE TABLE p (a int, b text) PARTITION BY LIST (a);
CREATE TABLE p1 (b text, a int);
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1, 2);
CREATE TABLE p3 PARTITION OF p FOR VALUES IN (3);
SELECT trickle_test.stream('stp', 'SELECT a, b FROM p');
INSERT INTO p VALUES (1, 'one'), (3, 'three');
UPDATE p SET b = b || '!';
UPDATE p SET a = 2 WHERE a = 1;
UPDATE p SET a = 3 WHERE a = 2;
SELECT * FROM logged('p');
SELECT trickle_test.same_as_query('stp');
SELECT * FROM stp ORDER BY b;

-- Whoever alters the columns of the old images makes a segment that is not
-- read, and not written any more.
CREATE TABLE o (id int, v int);
SELECT trickle_test.stream('sto', 'SELECT id, v FROM o');
INSERT INTO o VALUES (1, 1);
UPDATE o SET v = 2;
SELECT 'ALTER TABLE ' || open_log('o') || ' ALTER COLUMN o2 TYPE text' \gexec
SELECT trickle_test.same_as_query('sto', 'FULL');
UPDATE o SET v = 3;
SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
	WHERE attrelid = open_log('o') AND attname = 'o2';
SELECT trickle_test.same_as_query('sto');
SELECT 'ALTER TABLE ' || open_log('o') || ' DROP COLUMN o1' \gexec
UPDATE o SET v = 4;
SELECT trickle_test.same_as_query('sto');
SELECT * FROM sto;
DROP TABLE t, large, page, wide, p, o CASCADE;
