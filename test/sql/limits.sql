-- What a refresh may take: settings, their ranges and what they do.
\i trickle_test.sql

CREATE FUNCTION fails(statement text) RETURNS TABLE(code text, message text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN QUERY SELECT 'no error', NULL, NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;
-- What the last refresh did.
CREATE FUNCTION last(st text) RETURNS TABLE(action text, reason text)
LANGUAGE sql AS $$
	SELECT action, refresh_reason FROM pgtrickle.get_refresh_history(st, 1)
$$;

-- Each has a default, a range, a unit and somebody who may set it.
SELECT substr(name, 12) AS name, setting, unit, min_val, max_val, enumvals, context
FROM pg_settings
WHERE name ~ '^pg_trickle\.(default_refresh_mode|delta_work_mem|history_retention|log_|max_|refresh_)'
ORDER BY 1;
-- (PostgreSQL 17 adds the unit to the ranges; they are above.)
SELECT f.code, regexp_replace(f.message, ' \(.*', '') AS message, f.hint
FROM (VALUES ('delta_work_mem', '-1'), ('delta_work_mem', '63kB'), ('max_change_rows', '-1'),
	('refresh_timeout', '-1s'), ('refresh_lock_timeout', '-1'),
	('log_min_duration', '-2'), ('max_log_size', '-1kB'), ('default_refresh_mode', 'SOMETIMES'),
	('default_refresh_mode', 'IMMEDIATE')) v(name, value),
	fails(format('SET pg_trickle.%s = %L', name, value)) f;
ALTER SYSTEM SET pg_trickle.max_consecutive_errors = '-1';
\set VERBOSITY sqlstate
ALTER SYSTEM SET pg_trickle.history_retention = '-2';
\set VERBOSITY default
ALTER SYSTEM SET pg_trickle.log_format = 'xml';
ALTER SYSTEM SET pg_trickle.timezone = 'Mars/Phobos';

CREATE TABLE src (id int PRIMARY KEY, v int);
INSERT INTO src SELECT i, i FROM generate_series(1, 100) i;

-- default_refresh_mode is the mode of those for which none is given.
SET pg_trickle.default_refresh_mode = 'full';
SELECT pgtrickle.create_stream_table('by_setting', 'SELECT id FROM src');
SELECT pgtrickle.create_stream_table('by_argument', 'SELECT id FROM src',
	refresh_mode => 'AUTO');
SELECT pgtrickle.create_stream_table_if_not_exists('also_by_setting', 'SELECT id FROM src');
SELECT pgtrickle.create_or_replace_stream_table('by_argument', 'SELECT id FROM src');
RESET pg_trickle.default_refresh_mode;
SELECT pgtrickle.create_stream_table('by_default', 'SELECT id FROM src');
SELECT name, refresh_mode FROM pgtrickle.pgt_status() ORDER BY 1;
SELECT pgtrickle.drop_stream_table(name::text) FROM pgtrickle.pgt_status();

-- delta_work_mem: what the query sees, and nobody else afterwards.
SELECT pgtrickle.create_stream_table('memory',
	$$SELECT id, current_setting('work_mem') AS work_mem FROM src WHERE id = 1$$, refresh_mode => 'FULL');
SET pg_trickle.delta_work_mem = '12MB';
SELECT pgtrickle.refresh_stream_table('memory');
SELECT work_mem, current_setting('work_mem') AS here FROM memory;
SET pg_trickle.delta_work_mem = 0;
SELECT pgtrickle.refresh_stream_table('memory');
SELECT work_mem, current_setting('work_mem') AS here FROM memory;

-- max_change_rows: with that many changes a delta, with one more none.
SELECT trickle_test.stream('totals', 'SELECT v % 10 AS k, count(*) AS n, sum(v) AS s FROM src GROUP BY 1');
SELECT trickle_test.stream('both', 'SELECT a.id, b.v FROM src a JOIN src b ON a.id = b.v');
SET pg_trickle.max_change_rows = 20;
UPDATE src SET v = v + 1 WHERE id <= 10;
SELECT trickle_test.same_as_query('totals');
SELECT * FROM last('totals');
SELECT trickle_test.same_as_query('both');
UPDATE src SET v = v + 1 WHERE id <= 10;
INSERT INTO src VALUES (101, 101);
SELECT pgtrickle.refresh_stream_table('totals');
SELECT * FROM last('totals');
SELECT pgtrickle.refresh_stream_table('both');
SELECT * FROM last('both');
SELECT trickle_test.same_as_query('totals', 'NO_DATA');
SELECT trickle_test.same_as_query('both', 'NO_DATA');
-- Opposite changes count, too: they were read.
UPDATE src SET v = v + 1 WHERE id <= 10;
UPDATE src SET v = v - 1 WHERE id <= 10;
SELECT pgtrickle.refresh_stream_table('totals');
SELECT * FROM last('totals');
-- A mark of the own transaction, beyond the limit, under REPEATABLE READ: the
-- next refresh finds what was truncated without being seen.
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE src SET v = v + 1 WHERE id <= 30;
TRUNCATE src;
SELECT pgtrickle.refresh_stream_table('totals');
SELECT count(*) FROM totals;
COMMIT;
INSERT INTO src SELECT i, i FROM generate_series(1, 100) i;
SELECT pgtrickle.refresh_stream_table('both');
SELECT trickle_test.same_as_query('totals', 'FULL');
SELECT trickle_test.same_as_query('both', 'NO_DATA');
RESET pg_trickle.max_change_rows;

-- fuse_ceiling: as many changes pass, one more does not, and nothing happens.
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 20);
UPDATE src SET v = v + 1 WHERE id <= 10;
SELECT trickle_test.same_as_query('totals');
SELECT * FROM last('totals');
UPDATE src SET v = v + 1 WHERE id <= 10;
DELETE FROM src WHERE id = 100;
SELECT * FROM fails($$SELECT pgtrickle.refresh_stream_table('totals')$$);
SELECT sum(n) FROM totals;
SELECT * FROM last('totals');
-- The other stream table has none.
SELECT trickle_test.same_as_query('both');
-- A fuse that counts further than a delta is made of.
SET pg_trickle.max_change_rows = 5;
SELECT code FROM fails($$SELECT pgtrickle.refresh_stream_table('totals')$$);
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 21);
SELECT pgtrickle.refresh_stream_table('totals');
SELECT * FROM last('totals');
RESET pg_trickle.max_change_rows;
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 0);
SELECT trickle_test.same_as_query('totals', 'NO_DATA');
SELECT * FROM fails($$SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => -1)$$);

-- A fuse that has blown: nobody refreshes it but who knows what he does.
UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = now(), fuse_ceiling = 7
WHERE pgt_relid = 'totals'::regclass;
UPDATE src SET v = v + 1 WHERE id <= 10;
SELECT * FROM fails($$SELECT pgtrickle.refresh_stream_table('totals')$$);
SELECT pgtrickle.repair_stream_table('totals');
SELECT trickle_test.same_as_query('totals', 'NO_DATA');
SELECT fuse_blown_at FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'totals'::regclass;

-- A ceiling that lets more through puts it back; the next refresh counts again.
CREATE FUNCTION blow() RETURNS void LANGUAGE sql AS $$
	UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = now(), retry_at = now() + interval '1 h',
		last_error_message = 'changes exceed the fuse', fuse_ceiling = 7
	WHERE pgt_relid = 'totals'::regclass $$;
CREATE VIEW fuse AS
	SELECT fuse_ceiling, fuse_blown_at IS NOT NULL AS blown, retry_at, last_error_message AS error
	FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'totals'::regclass;
UPDATE src SET v = v + 1 WHERE id <= 10;
SELECT blow();
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 19);
TABLE fuse;
SELECT * FROM fails($$SELECT pgtrickle.refresh_stream_table('totals')$$);
SELECT blow();
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 7);
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 6);
SELECT fuse_ceiling, blown FROM fuse;
SELECT * FROM fails($$SELECT pgtrickle.refresh_stream_table('totals')$$);
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 20);
SELECT trickle_test.same_as_query('totals', 'DIFFERENTIAL');
UPDATE src SET v = v + 1 WHERE id <= 10;
SELECT blow();
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 0);
SELECT trickle_test.same_as_query('totals', 'DIFFERENTIAL');
TABLE fuse;

-- Who refreshes what reads one that is stopped is told that it stays as it is.
SET client_min_messages = notice;
SELECT pgtrickle.create_stream_table('above', 'SELECT sum(n) AS n FROM totals');
UPDATE src SET v = v + 1 WHERE id <= 10;
SELECT blow();
SELECT pgtrickle.refresh_stream_table('above');
SELECT * FROM pgtrickle.verify_stream_table('above');
SELECT pgtrickle.alter_stream_table('totals', fuse_ceiling => 0, status => 'SUSPENDED');
SELECT pgtrickle.refresh_stream_table('above');
SELECT pgtrickle.alter_stream_table('totals', status => 'ACTIVE');
SELECT pgtrickle.refresh_stream_table('above');
RESET client_min_messages;
SELECT pgtrickle.drop_stream_table('above');
DROP VIEW fuse;
DROP FUNCTION blow();

-- Suspended: the message says how to go on, to be copied.
SELECT pgtrickle.alter_stream_table('totals', status => 'SUSPENDED');
SELECT * FROM fails($$SELECT pgtrickle.refresh_stream_table('totals')$$);
SELECT pgtrickle.resume_stream_table('public.totals');

-- history_retention: refreshes forget what is older, some of it now and then.
UPDATE pgtrickle.pgt_refresh_history SET end_time = now() - interval '91 days'
WHERE refresh_id < (SELECT max(refresh_id) FROM pgtrickle.pgt_refresh_history);
DO $$
BEGIN
	FOR i IN 1..70 LOOP
		INSERT INTO src VALUES (1000 + i, i);
		PERFORM pgtrickle.refresh_stream_table('totals');
	END LOOP;
END $$;
SELECT s.pgt_relid::regclass, count(*) > 0 AS has_history,
	bool_or(end_time < now() - interval '90 days') AS has_old
FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id)
GROUP BY 1 ORDER BY 1;

-- Changes escape capture: each refresh on request says so.
ALTER TABLE src DISABLE TRIGGER ALL;
INSERT INTO src VALUES (5000, 1);
SELECT trickle_test.same_as_query('totals', 'FULL');
SELECT pgtrickle.repair_stream_table('totals');
SELECT trickle_test.same_as_query('totals', 'NO_DATA');

-- A new owner who may not read what the query reads, itself or deeper.
CREATE ROLE regress_limits_owner;
GRANT CREATE ON SCHEMA public TO regress_limits_owner;
ALTER TABLE totals OWNER TO regress_limits_owner;
SELECT * FROM fails($$SELECT pgtrickle.refresh_stream_table('totals')$$);
GRANT SELECT (id, v) ON src TO regress_limits_owner;
ALTER TABLE totals OWNER TO CURRENT_USER;
ALTER TABLE totals OWNER TO regress_limits_owner;
INSERT INTO src VALUES (5001, 1);
SELECT trickle_test.same_as_query('totals');
CREATE TABLE hidden (id int);
SELECT pgtrickle.create_stream_table('deeper',
	'SELECT count(*) AS n FROM (SELECT id FROM hidden UNION ALL SELECT id FROM src) x');
ALTER TABLE deeper OWNER TO regress_limits_owner;
DROP TABLE deeper, totals;
REVOKE ALL ON src FROM regress_limits_owner;
REVOKE ALL ON SCHEMA public FROM regress_limits_owner;
DROP ROLE regress_limits_owner;
