-- A log that is too large takes marks instead of rows, and nothing is lost.
\i trickle_test.sql

CREATE TABLE src (id int, v text);
CREATE TABLE other (id int);
SELECT trickle_test.stream('groups', 'SELECT id % 7 AS k, count(*) AS n, sum(id) AS s FROM src GROUP BY 1');
SELECT trickle_test.stream('copy', 'SELECT o.id, s.v FROM src s JOIN other o USING (id)');
INSERT INTO other SELECT generate_series(1, 100);

-- Rows and marks in the log of src.
CREATE FUNCTION log_of_src(OUT has_rows bool, OUT marks bigint) LANGUAGE plpgsql AS $$
DECLARE
	log regclass;
	r bigint;
BEGIN
	has_rows := false;
	marks := 0;
	FOR log IN SELECT log_relid FROM pgtrickle.pgt_log_segments JOIN pgtrickle.pgt_change_tracking USING (track_id)
		WHERE source_relid = 'src'::regclass
	LOOP
		EXECUTE format('SELECT has_rows OR bool_or(weight <> 0), marks + count(*) FILTER (WHERE weight = 0)
			FROM %s, (SELECT $1 AS has_rows, $2 AS marks) x GROUP BY has_rows, marks', log)
			INTO has_rows, marks USING has_rows, marks;
	END LOOP;
END $$;

SET pg_trickle.max_log_size = '64kB';
SET pg_trickle.backpressure_timeout = 0;
SET pg_trickle.capture_buffer_rows = 100;

-- Without enforce_backpressure the log grows.
INSERT INTO src SELECT i, repeat('x', 100) FROM generate_series(1, 1000) i;
INSERT INTO src VALUES (1, 'one');
SELECT pg_table_size(log_relid) > 64 * 1024 AS is_large
FROM pgtrickle.pgt_log_segments JOIN pgtrickle.pgt_change_tracking USING (track_id)
WHERE source_relid = 'src'::regclass;
SELECT * FROM log_of_src();
SELECT trickle_test.same_as_query('groups');
SELECT trickle_test.same_as_query('copy');

-- With it one transaction leaves one mark per hundred rows, and readers
-- recompute.
SET pg_trickle.enforce_backpressure = on;
UPDATE src SET id = id + 1 WHERE id > 400;
SELECT marks BETWEEN 6 AND 10 AS few FROM log_of_src();
SELECT trickle_test.same_as_query('groups', 'FULL');
SELECT trickle_test.same_as_query('copy', 'FULL');
SELECT refresh_reason FROM pgtrickle.get_refresh_history('copy', 1);

-- Subtransactions: what is rolled back leaves none; what a refresh writes for
-- outer levels is written again when that is undone.
BEGIN;
INSERT INTO src VALUES (-1, 'stays');
SAVEPOINT a;
INSERT INTO src SELECT -i, 'goes' FROM generate_series(1, 300) i;
SELECT pgtrickle.refresh_stream_table('groups');
SELECT sum(n) FROM groups;
ROLLBACK TO a;
INSERT INTO src VALUES (-2, 'stays');
COMMIT;
SELECT trickle_test.same_as_query('groups', 'FULL');
SELECT trickle_test.same_as_query('copy', 'FULL');

-- A refresh sees what its own transaction has marked, and so does the next.
BEGIN;
INSERT INTO src SELECT i, 'first' FROM generate_series(1, 250) i;
SELECT trickle_test.same_as_query('groups', 'FULL');
INSERT INTO src SELECT i, 'second' FROM generate_series(1, 250) i;
SELECT trickle_test.same_as_query('groups', 'FULL');
DELETE FROM src WHERE v = 'first';
COMMIT;
SELECT trickle_test.same_as_query('groups', 'FULL');
SELECT trickle_test.same_as_query('copy', 'FULL');
SELECT trickle_test.same_as_query('groups', 'NO_DATA');

-- When readers have passed the log, it takes rows again: a mark of before is
-- seen, and what comes now is a delta.
SET pg_trickle.segment_blocks = 1;
DO $$
BEGIN
	FOR i IN 1..300 LOOP
		PERFORM pgtrickle.refresh_stream_table(st) FROM unnest('{groups,copy}'::text[]) st;
		COMMIT;
		EXIT WHEN (SELECT count(*) FILTER (WHERE state NOT IN ('f', 'd')) = 1
			AND sum(pg_table_size(log_relid)) FILTER (WHERE state NOT IN ('f', 'd')) < 64 * 1024
			FROM pgtrickle.pgt_log_segments JOIN pgtrickle.pgt_change_tracking USING (track_id)
			WHERE source_relid = 'src'::regclass);
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
INSERT INTO src VALUES (5, 'five');
SELECT trickle_test.same_as_query('groups');
SELECT trickle_test.same_as_query('copy');
