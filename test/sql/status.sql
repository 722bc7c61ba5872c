-- What the functions show of stream tables, their logs and refreshes.
\i trickle_test.sql

SELECT pgtrickle.version() = extversion AS same_version
FROM pg_extension WHERE extname = 'pg_trickle';

-- Nothing to see, no rows.
SELECT * FROM pgtrickle.pgt_status();
SELECT * FROM pgtrickle.st_refresh_stats();
SELECT * FROM pgtrickle.change_buffer_sizes();
SELECT * FROM pgtrickle.trigger_inventory();

CREATE TABLE sales (id int PRIMARY KEY, region text, amount int);
CREATE TABLE "Shops" (id int PRIMARY KEY, region text) PARTITION BY RANGE (id);
CREATE TABLE shops_1 PARTITION OF "Shops" FOR VALUES FROM (0) TO (10);
CREATE VIEW big AS SELECT * FROM sales WHERE amount > 0;
CREATE SCHEMA "My schema";
SELECT trickle_test.stream('"My schema"."My totals"',
	'SELECT region, sum(amount) AS total FROM big GROUP BY region');
SELECT pgtrickle.create_stream_table('shop_sales',
	'SELECT s.id, total FROM "Shops" s JOIN "My schema"."My totals" t USING (region)',
	'1h30m', initialize => false);

-- The status, for names as they are to be written.
SELECT name, status, refresh_mode, is_populated, consecutive_errors, schedule,
	data_timestamp IS NOT NULL AND last_refresh_at IS NOT NULL AS refreshed, staleness < '1 hour' AS fresh,
	last_error_message, pgt_id > 0 AS has_id
FROM pgtrickle.pgt_status();
SELECT pgtrickle.get_staleness('"My schema"."My totals"') BETWEEN 0 AND 3600 AS fresh;
SELECT pgtrickle.get_staleness('shop_sales');

-- Staleness is how far it is behind: not at all, if nothing has changed.
SELECT pgtrickle.refresh_stream_table('shop_sales');
SELECT pgtrickle.get_staleness('shop_sales'), staleness
FROM pgtrickle.pgt_status() WHERE name = 'public.shop_sales';
INSERT INTO "Shops" VALUES (1, 'north');
SELECT pg_sleep(0.01);
SELECT pgtrickle.get_staleness('shop_sales') >= 0.01 AS aged,
	staleness >= '10 ms' AS aged_too
FROM pgtrickle.pgt_status() WHERE name = 'public.shop_sales';
DELETE FROM "Shops";
SELECT pgtrickle.refresh_stream_table('shop_sales');

-- The history: newest first, as many as asked for.
INSERT INTO sales VALUES (1, 'north', 10), (2, 'south', 20), (3, 'north', 5);
SELECT pgtrickle.refresh_stream_table('"My schema"."My totals"');
UPDATE sales SET amount = 7 WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('"My schema"."My totals"');
SELECT pgtrickle.refresh_stream_table('"My schema"."My totals"');
SELECT action, status, rows_inserted, rows_deleted, delta_row_count,
	duration_ms >= 0 AS took_time, end_time >= start_time AS forward,
	initiated_by, refresh_reason, error_message
FROM pgtrickle.get_refresh_history('"My schema"."My totals"');
SELECT action, rows_inserted FROM pgtrickle.get_refresh_history('"My schema"."My totals"', 2);
SELECT count(*) FROM pgtrickle.get_refresh_history('"My schema"."My totals"', 0);
SELECT count(*) FROM pgtrickle.get_refresh_history('"My schema"."My totals"', -1);

-- What refreshes did, summed up.
SELECT name, refreshes, differential, recomputed, no_data, rows_inserted, rows_deleted,
	avg_duration_ms <= max_duration_ms AS consistent, last_refresh_at IS NOT NULL AS refreshed
FROM pgtrickle.st_refresh_stats();

-- What each reads, and how: views are shown beside what they read.
SELECT * FROM pgtrickle.list_sources('"My schema"."My totals"');
SELECT * FROM pgtrickle.list_sources('shop_sales');

-- The logs: what is new to whom.
INSERT INTO sales VALUES (4, 'east', 1), (5, 'east', 2);
DELETE FROM sales WHERE id = 4;
SELECT stream_table, source_table, cdc_mode, pending_rows, buffer_bytes > 0 AS has_size, segments
FROM pgtrickle.change_buffer_sizes();
SELECT pgtrickle.refresh_stream_table('"My schema"."My totals"');
SELECT stream_table, source_table, pending_rows FROM pgtrickle.change_buffer_sizes();
-- What a transaction has written counts once it is written out.
BEGIN;
INSERT INTO sales VALUES (6, 'west', 1);
SELECT pgtrickle.refresh_stream_table('"My schema"."My totals"');
SELECT stream_table, source_table, pending_rows FROM pgtrickle.change_buffer_sizes();
ROLLBACK;
SELECT stream_table, source_table, pending_rows FROM pgtrickle.change_buffer_sizes();

-- The triggers: there, or not.
SELECT * FROM pgtrickle.trigger_inventory();
ALTER TABLE sales DISABLE TRIGGER "!pgt_1_row";
DROP TRIGGER "!pgt_2_truncate" ON shops_1;
DROP TRIGGER pgt_guard_truncate ON shop_sales;
SELECT * FROM pgtrickle.trigger_inventory() WHERE NOT (is_present AND is_enabled);
SELECT pgtrickle.repair_stream_table('"My schema"."My totals"');
SELECT pgtrickle.repair_stream_table('shop_sales');
SELECT * FROM pgtrickle.trigger_inventory() WHERE NOT (is_present AND is_enabled);

-- A stream table in mode FULL has no logs.
SELECT pgtrickle.create_stream_table('copy', 'SELECT * FROM sales', 'manual', 'FULL');
SELECT * FROM pgtrickle.list_sources('copy');
SELECT count(*) FROM pgtrickle.change_buffer_sizes() WHERE stream_table = 'public.copy';

-- What is dropped is gone, its history too.
DROP TABLE copy;
SELECT pgtrickle.drop_stream_table('"My schema"."My totals"', cascade => true);
SELECT * FROM pgtrickle.pgt_status();
SELECT count(*) FROM pgtrickle.pgt_refresh_history;
SELECT count(*) FROM pgtrickle.trigger_inventory();

-- A row of a log that the same transaction wrote and read is not waiting: t1 is
-- refreshed when t2 is created, and the segment is closed when t3 is refreshed.
CREATE TABLE t (id int PRIMARY KEY, a int, b int);
SELECT pgtrickle.create_stream_table('t1', 'SELECT id, a, b FROM t', 'manual');
SELECT pgtrickle.create_stream_table('t2', 'SELECT id, a FROM t1', 'manual');
SELECT pgtrickle.create_stream_table('t3', 'SELECT id, b FROM t1', 'manual');
SELECT pgtrickle.refresh_stream_table('t3');
SELECT min_xid = max_xid AS one_writer FROM pgtrickle.pgt_log_segments
WHERE min_xid IS NOT NULL;
SELECT name, staleness FROM pgtrickle.pgt_status();
DROP TABLE t CASCADE;

-- Every function says what it is for.
SELECT oid::regprocedure FROM pg_proc
WHERE pronamespace = 'pgtrickle'::regnamespace
	AND obj_description(oid, 'pg_proc') IS NULL;
-- And none is found by a search_path that others can bend, or runs as another.
SELECT oid::regprocedure FROM pg_proc
WHERE pronamespace = 'pgtrickle'::regnamespace
	AND (prosecdef OR prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c'));
