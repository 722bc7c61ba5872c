-- A log is kept for those on record as its readers.  Who comes to read another
-- source, or to have a delta, by what others do to a view or a function, must
-- not take it for its own.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, x text);
CREATE TABLE u (id int PRIMARY KEY, x text);
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + 1';
CREATE VIEW v AS SELECT id, x FROM t;
CREATE VIEW w AS SELECT id, x, now() > '2001-01-01' AS late FROM t;
SELECT pgtrickle.create_stream_table('other_t', 'SELECT id, x FROM t', 'manual');
SELECT pgtrickle.create_stream_table('other_u', 'SELECT id, x FROM u', 'manual');
SELECT pgtrickle.create_stream_table('by_function', 'SELECT f(id) AS g, id, x FROM t', 'manual');
SELECT pgtrickle.create_stream_table('by_view', 'SELECT id, x FROM v', 'manual', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('by_clock', 'SELECT id, x, late FROM w', 'manual');

ALTER FUNCTION f(int) IMMUTABLE;
CREATE OR REPLACE VIEW v AS SELECT id, x FROM u;
CREATE OR REPLACE VIEW w AS SELECT id, x, true AS late FROM t;
SELECT st, r.* FROM unnest('{by_function,by_view,by_clock}'::text[]) st, trickle_test.refreshed(st) r;

-- Enough for others to empty a segment.
INSERT INTO t SELECT i, repeat('y', 500) FROM generate_series(1, 3000) i;
INSERT INTO u SELECT i, repeat('y', 500) FROM generate_series(1, 3000) i;
DO $$ BEGIN
	FOR i IN 1..8 LOOP
		PERFORM pgtrickle.refresh_stream_table('other_t');
		PERFORM pgtrickle.refresh_stream_table('other_u');
		COMMIT;
	END LOOP;
END $$;
SELECT count(*) > 0 AS emptied FROM pgtrickle.pgt_log_segments WHERE state = 'f';
SELECT st, r.* FROM unnest('{by_function,by_view,by_clock}'::text[]) st, trickle_test.refreshed(st) r;
SELECT * FROM pgtrickle.explain_st('by_view') WHERE property IN ('maintained by', 'because');

-- With the same query they become readers of the log, and it is kept for them.
SELECT pgtrickle.create_or_replace_stream_table('by_function', 'SELECT f(id) AS g, id, x FROM t', 'manual');
SELECT pgtrickle.create_or_replace_stream_table('by_view', 'SELECT id, x FROM v', 'manual', 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('by_clock', query => 'SELECT id, x, late FROM w');
UPDATE t SET x = 'z' WHERE id % 50 = 0;
UPDATE u SET x = 'z' WHERE id % 50 = 0;
DO $$ BEGIN
	FOR i IN 1..2 LOOP
		PERFORM pgtrickle.refresh_stream_table('other_t');
		PERFORM pgtrickle.refresh_stream_table('other_u');
		COMMIT;
	END LOOP;
END $$;
SELECT st, r.* FROM unnest('{by_function,by_view,by_clock}'::text[]) st, trickle_test.refreshed(st) r;

DROP TABLE t, u CASCADE;
DROP EXTENSION pg_trickle;
