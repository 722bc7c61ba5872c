-- Groups that are recomputed: what is read for them.
\i trickle_test.sql

CREATE TABLE readings (id int PRIMARY KEY, device int, day int, value float8);
INSERT INTO readings SELECT i, i % 7, i / 700, i % 100 FROM generate_series(1, 20000) i;
CREATE INDEX ON readings (device);
VACUUM ANALYZE readings;
SELECT trickle_test.stream('averages', $$
	SELECT device, day, avg(value) FROM readings GROUP BY device, day $$);
SELECT trickle_test.stream('sums', $$
	SELECT device, string_agg(total::text, ' ' ORDER BY day)
	FROM (SELECT device, day, sum(id) AS total FROM readings GROUP BY device, day) d
	WHERE total > 0 GROUP BY device $$);

CREATE FUNCTION rows_read() RETURNS bigint LANGUAGE sql AS $$
	SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
	WHERE relname = 'readings'
$$;

-- An index on some of the columns leads to far too many rows, once per group:
-- the table is scanned instead, once.
UPDATE readings SET value = value + 1 WHERE id % 700 = 5;
BEGIN;
SELECT rows_read() AS before \gset
SELECT pgtrickle.refresh_stream_table('averages');
SELECT rows_read() - :before BETWEEN 20000 AND 20100 AS once;
COMMIT;
SELECT trickle_test.same_as_query('averages', 'NO_DATA');

-- One on all of them is used.
CREATE INDEX ON readings (device, day);
UPDATE readings SET value = value + 1 WHERE id % 7000 = 6;
BEGIN;
SELECT rows_read() AS before \gset
SELECT pgtrickle.refresh_stream_table('averages');
SELECT rows_read() - :before < 1000 AS few;
COMMIT;
SELECT trickle_test.same_as_query('averages', 'NO_DATA');

-- The rows of a state have an index for those above.
SELECT string_agg(pg_get_indexdef(indexrelid, 1, true), ',' ORDER BY 1) AS "index on"
FROM pg_index JOIN pg_class c ON c.oid = indexrelid
WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relname LIKE '%lookup%';
UPDATE readings SET id = -id WHERE id = 6;
SELECT trickle_test.same_as_query('sums');
