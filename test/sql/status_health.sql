-- Whether all is well, as health_check() and its kin tell.
\i trickle_test.sql

-- What differs with the kind of server is left out.
CREATE FUNCTION findings() RETURNS TABLE (check_name text, severity text, detail text)
	LANGUAGE sql AS $$
	SELECT * FROM pgtrickle.health_check() WHERE check_name NOT IN ('preload', 'scheduler') $$;
CREATE FUNCTION problems() RETURNS TABLE (check_name text, severity text, detail text)
	LANGUAGE sql AS $$ SELECT * FROM findings() WHERE severity <> 'ok' $$;
CREATE FUNCTION age_it(st text, how_old interval) RETURNS void LANGUAGE sql AS $$
	UPDATE pgtrickle.pgt_stream_tables
	SET data_timestamp = data_timestamp - how_old WHERE pgt_relid = st::regclass $$;

-- Nothing there, nothing wrong; each check answers.
SELECT * FROM findings();
SELECT check_name, count(*) FROM pgtrickle.health_check()
WHERE check_name IN ('preload', 'scheduler') GROUP BY 1 ORDER BY 1;
SELECT total_stream_tables, active, max_staleness, log_bytes, criticals FROM pgtrickle.health_summary();
SELECT total_stream_tables, error_tables, stale_tables FROM pgtrickle.quick_health;
SELECT * FROM pgtrickle.check_cdc_health();

CREATE TABLE sales (id int PRIMARY KEY, region text, amount int);
INSERT INTO sales VALUES (1, 'north', 10), (2, 'south', 20);
SELECT pgtrickle.create_stream_table('totals',
	'SELECT region, sum(amount) AS total FROM sales GROUP BY region', '1h');
SELECT * FROM problems();

-- A stream table whose sources did not change is as fresh as now, however
-- long ago it was refreshed.
SELECT age_it('totals', '5 hours');
SELECT name, staleness, data_timestamp < now() - interval '4 hours' AS is_old FROM pgtrickle.pgt_status();
SELECT pgtrickle.get_staleness('totals');
SELECT * FROM problems();
SELECT active, late, max_staleness FROM pgtrickle.health_summary();

-- A change that waits makes it as old as its last refresh, at most.
INSERT INTO sales VALUES (3, 'north', 1);
SELECT name, staleness BETWEEN '5 hours' AND '6 hours' AS is_stale FROM pgtrickle.pgt_status();
SELECT pgtrickle.get_staleness('totals') BETWEEN 5 * 3600 AND 6 * 3600 AS is_stale;
SELECT name, is_late FROM pgtrickle.stream_tables_info;
SELECT * FROM problems();
SELECT active, late, severity <> 'ok' AS not_ok FROM pgtrickle.health_summary();
SELECT stale_tables, status FROM pgtrickle.quick_health;

-- Before an hour has passed, nobody need worry; and what is late enough is critical.
SELECT age_it('totals', '-4 hours -10 minutes');
SELECT staleness BETWEEN '50 minutes' AND '1 hour' AS is_stale FROM pgtrickle.pgt_status();
SELECT * FROM problems();
SELECT pgtrickle.refresh_stream_table('totals');
SELECT staleness FROM pgtrickle.pgt_status();
SELECT age_it('totals', '50 minutes');

-- A change that was rolled back does not count, one that is aborted in part does.
BEGIN;
INSERT INTO sales VALUES (4, 'east', 1);
ROLLBACK;
SELECT staleness FROM pgtrickle.pgt_status();
BEGIN;
SAVEPOINT a;
INSERT INTO sales VALUES (4, 'east', 1);
ROLLBACK TO a;
INSERT INTO sales VALUES (5, 'east', 1);
COMMIT;
SELECT staleness > '0' AS is_stale FROM pgtrickle.pgt_status();
SELECT pgtrickle.refresh_stream_table('totals');
SELECT staleness FROM pgtrickle.pgt_status();

-- A TRUNCATE is a change, an update of a column that nobody reads is none.
TRUNCATE sales;
SELECT staleness > '0' AS is_stale FROM pgtrickle.pgt_status();
SELECT pgtrickle.refresh_stream_table('totals');
INSERT INTO sales VALUES (1, 'north', 10), (2, 'south', 20);
SELECT pgtrickle.refresh_stream_table('totals');
UPDATE sales SET id = id + 10;
SELECT staleness FROM pgtrickle.pgt_status();

-- The age of a chain is that of its oldest part.
SELECT pgtrickle.create_stream_table('grand_total', 'SELECT sum(total) FROM totals', 'manual');
SELECT age_it('totals', '3 hours');
INSERT INTO sales VALUES (3, 'west', 3);
SELECT name, staleness >= '3 hours' AS is_stale FROM pgtrickle.pgt_status() ORDER BY 1;
SELECT pgtrickle.refresh_stream_table('totals');
SELECT age_it('grand_total', '2 hours');
SELECT name, staleness = '0' AS is_fresh, staleness >= '2 hours' AS is_stale
FROM pgtrickle.pgt_status() ORDER BY 1;
-- Nobody has promised to refresh what is manual.
SELECT * FROM problems();
SELECT pgtrickle.refresh_stream_table('grand_total');
SELECT max_staleness FROM pgtrickle.health_summary();

-- What reads no log cannot tell whether something has changed.
SELECT pgtrickle.create_stream_table('copy', 'SELECT * FROM sales', 'manual', 'FULL');
SELECT pgtrickle.create_stream_table('clock', 'SELECT now() AS at', 'manual');
SELECT pgtrickle.create_stream_table('constant', 'SELECT 1 AS one', 'manual');
SELECT age_it(name, '1 hour') FROM pgtrickle.pgt_status() WHERE name ~ 'copy|clock|constant';
SELECT name, staleness >= '1 hour' AS is_stale FROM pgtrickle.pgt_status()
WHERE name ~ 'copy|clock|constant' ORDER BY 1;
-- And one that is not filled has no age.
SELECT pgtrickle.create_stream_table('empty', 'SELECT id FROM sales', 'manual', initialize => false);
SELECT staleness, is_populated FROM pgtrickle.pgt_status() WHERE name = 'public.empty';
SELECT pgtrickle.get_staleness('empty');
SELECT * FROM problems();
DROP TABLE copy, clock, constant, empty;

-- Schedules: by the calendar, for consumers, as soon as possible; frozen.
SELECT pgtrickle.create_stream_table('daily', 'SELECT count(*) FROM sales', '@yearly');
SELECT pgtrickle.create_stream_table('prompt', 'SELECT max(amount) FROM sales', 'calculated');
SELECT pgtrickle.create_stream_table('for_nobody', 'SELECT id, region FROM sales', 'calculated');
SELECT pgtrickle.create_stream_table('nobody', 'SELECT region FROM for_nobody', 'manual');
SELECT pgtrickle.create_stream_table('icy', 'SELECT id, amount FROM sales', '1s', tier => 'frozen');
SELECT pgtrickle.create_stream_table('cold', 'SELECT id, -amount AS a FROM sales', '1m', tier => 'cold');
INSERT INTO sales VALUES (4, 'west', 3);
SELECT age_it(name, '5 minutes') FROM pgtrickle.pgt_status();
SELECT name, is_late FROM pgtrickle.stream_tables_info ORDER BY 1;
SELECT age_it(name, '15 minutes') FROM pgtrickle.pgt_status();
SELECT name, is_late FROM pgtrickle.stream_tables_info ORDER BY 1;
SELECT age_it(name, '2 years') FROM pgtrickle.pgt_status();
SELECT name, is_late FROM pgtrickle.stream_tables_info ORDER BY 1;
SELECT severity, count(*) FROM problems() GROUP BY 1;
DROP TABLE daily, prompt, for_nobody, icy, cold CASCADE;
SELECT pgtrickle.refresh_stream_table('grand_total');
SELECT * FROM problems();

-- Capture with a gap: the data may be old, and somebody has to know.
SELECT source_table, cdc_mode, segments, log_bytes > 0 AS has_size, consumers, slowest_consumer,
	waiting_since, severity, detail FROM pgtrickle.pgt_cdc_status;
ALTER TABLE sales DISABLE TRIGGER USER;
SELECT source_table, severity, detail FROM pgtrickle.check_cdc_health();
SELECT name, staleness > '0' AS is_stale FROM pgtrickle.pgt_status() ORDER BY 1;
SELECT * FROM problems();
SELECT pgtrickle.repair_stream_table('totals');
SELECT * FROM problems();
SELECT pgtrickle.refresh_stream_table('grand_total');

-- A log that is gone.
BEGIN;
ALTER EVENT TRIGGER pgt_sql_drop DISABLE;
ALTER EVENT TRIGGER "!pgt_capture_sql_drop" DISABLE;
DO $$ BEGIN EXECUTE (SELECT 'DROP TABLE ' || log_relid || ' CASCADE' FROM pgtrickle.pgt_log_segments
	JOIN pgtrickle.pgt_change_tracking USING (track_id)
	WHERE source_relid = 'sales'::regclass AND state = 'O'); END $$;
SELECT regexp_replace(detail, 'segment \d', 'segment N') FROM problems() WHERE check_name = 'sources';
SELECT name, staleness > '0' AS is_stale FROM pgtrickle.pgt_status() ORDER BY 1;
ROLLBACK;

-- Errors, suspension, fuses; the remedy names the stream table.
UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = 2,
	last_error_message = E'division by zero (SQLSTATE 22012)\nHINT:  Do not.'
WHERE pgt_relid = 'totals'::regclass;
SELECT * FROM problems();
SELECT active, failing, suspended, fuses_blown, severity FROM pgtrickle.health_summary();
SELECT pgtrickle.alter_stream_table('totals', status => 'SUSPENDED');
SELECT * FROM problems();
SELECT total_stream_tables, error_tables, status FROM pgtrickle.quick_health;
SELECT pgtrickle.resume_stream_table('totals');
UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = now()
WHERE pgt_relid = 'totals'::regclass;
SELECT * FROM problems();
SELECT active, failing, suspended, fuses_blown, severity FROM pgtrickle.health_summary();
UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = NULL;

-- Changes that were given up.
UPDATE pgtrickle.pgt_stream_tables SET frontier = jsonb_set(frontier, ARRAY[key, 'lost'], 'true')
FROM (SELECT jsonb_object_keys(frontier) AS key FROM pgtrickle.pgt_stream_tables
	WHERE pgt_relid = 'totals'::regclass) k WHERE pgt_relid = 'totals'::regclass;
SELECT * FROM problems();
SELECT name, staleness > '0' AS is_stale FROM pgtrickle.pgt_status() ORDER BY 1;
SELECT pgtrickle.refresh_stream_table('grand_total');
SELECT * FROM problems();

-- A log above its limit, and who keeps it.
SET pg_trickle.max_log_size = '1kB';
INSERT INTO sales SELECT i, 'x', 1 FROM generate_series(100, 120) i;
SELECT regexp_replace(detail, '\d+ (kB|bytes)', 'n kB') FROM problems();
RESET pg_trickle.max_log_size;
SELECT pgtrickle.refresh_stream_table('grand_total');

-- Paused, drained, gated.
INSERT INTO pgtrickle.pgt_control VALUES ('paused', now(), 'me');
SELECT * FROM problems();
INSERT INTO pgtrickle.pgt_control VALUES ('drained', now(), 'me');
SELECT * FROM problems();
DELETE FROM pgtrickle.pgt_control;
INSERT INTO pgtrickle.pgt_source_gates VALUES ('sales', now(), 'me');
SELECT * FROM problems();
DELETE FROM pgtrickle.pgt_source_gates;
SELECT * FROM problems();

-- A watermark group matters when it keeps somebody from being refreshed who
-- should have been; it is told to those who may see its sources.
CREATE TABLE returns (region text);
SELECT pgtrickle.create_stream_table('net', $$
	SELECT region, count(*) AS n FROM totals JOIN returns USING (region) GROUP BY region $$, '1h');
SELECT pgtrickle.create_watermark_group('Loads', '{sales,returns}', 60);
SELECT * FROM problems();
INSERT INTO returns VALUES ('north');
SELECT * FROM problems();
SELECT age_it('net', '3 hours');
SELECT * FROM problems() WHERE check_name = 'watermarks';
SELECT pgtrickle.advance_watermark('returns', '2024-06-01 12:00Z');
SELECT pgtrickle.advance_watermark('sales', '2024-06-01 11:00Z');
SELECT * FROM problems() WHERE check_name = 'watermarks';
CREATE ROLE regress_health_reader;
GRANT SELECT ON net, returns TO regress_health_reader;
SET ROLE regress_health_reader;
SELECT check_name, severity, detail FROM pgtrickle.health_check() WHERE check_name = 'watermarks';
RESET ROLE;
SELECT pgtrickle.advance_watermark('sales', '2024-06-01 11:59Z');
SELECT * FROM problems() WHERE check_name = 'watermarks';
SELECT pgtrickle.drop_watermark_group('Loads');
DROP TABLE returns CASCADE;
DROP ROLE regress_health_reader;
SELECT * FROM problems();

-- What failed, and what helps: codes, hints that were kept, what is known of a code.
INSERT INTO pgtrickle.pgt_refresh_history
SELECT nextval('pgtrickle.pgt_refresh_history_id_seq'), pgt_id, now(), now(), now(), 'SKIP', 0, 0, 0, 0,
	'FAILED', message, 'SCHEDULER', 'schedule'
FROM pgtrickle.pgt_stream_tables, unnest(ARRAY['no code at all',
	'permission denied for table sales (SQLSTATE 42501)',
	'canceling statement due to lock timeout (SQLSTATE 55P03)',
	'division by zero (SQLSTATE 22012)']) AS message
WHERE pgt_relid = 'totals'::regclass;
UPDATE pgtrickle.pgt_stream_tables
SET last_error_message = E'division by zero (SQLSTATE 22012)\nDETAIL:  So it is.\nHINT:  Do not.'
WHERE pgt_relid = 'totals'::regclass;
SELECT failed_at IS NOT NULL AS has_time, error_type, error_code, error_message, remedy
FROM pgtrickle.diagnose_errors('totals');
SELECT * FROM pgtrickle.diagnose_errors('grand_total');
SELECT name, refreshes > failed AS more, failed FROM pgtrickle.st_refresh_stats() ORDER BY 1;
SELECT name, refreshes > 0 AS recent FROM pgtrickle.st_refresh_stats('1 hour') ORDER BY 1;
SELECT name, refreshes FROM pgtrickle.st_refresh_stats('-1 hour') ORDER BY 1;
SELECT name, failed, status, staleness = '0' AS is_fresh FROM pgtrickle.pg_stat_stream_tables ORDER BY 1;

-- The timeline has all stream tables, newest first.
SELECT name, action, status, error_message FROM pgtrickle.refresh_timeline(6);
SELECT count(*) FROM pgtrickle.refresh_timeline(0);
SELECT bool_and(start_time <= before) AS ordered, count(*) > 10 AS many FROM (
	SELECT start_time, lag(start_time) OVER () AS before FROM pgtrickle.refresh_timeline(1000)) t;
SELECT (SELECT count(*) FROM pgtrickle.refresh_timeline(1000)) =
	(SELECT count(*) FROM pgtrickle.pgt_refresh_history) AS complete;
SELECT pgtrickle.refresh_timeline(-1);

-- Looking waits for nobody, and keeps nothing locked.
BEGIN;
SELECT count(*) FROM pgtrickle.pgt_status();
SELECT relation::regclass FROM pg_locks
WHERE relation IN (SELECT log_relid FROM pgtrickle.pgt_log_segments)
	OR relation = 'sales'::regclass;
COMMIT;

-- Nothing runs, so nobody is at anything.
SELECT * FROM pgtrickle.refresh_progress;
