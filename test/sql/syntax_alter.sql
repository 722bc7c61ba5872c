-- only with preload
\i trickle_test.sql
SET client_min_messages = notice;
-- ALTER, DROP and REFRESH STREAM TABLE: every clause
CREATE TABLE item (id int PRIMARY KEY, kind text, price int);
INSERT INTO item SELECT i, 'kind ' || i % 3, i * 10 FROM generate_series(1, 9) i;
CREATE STREAM TABLE s AS SELECT kind, count(*) AS n FROM item GROUP BY kind;
CREATE VIEW options AS
	SELECT pgt_relid, schedule, refresh_mode, status, tier, diamond_consistency AS consistency,
		diamond_schedule_policy AS policy, fuse_ceiling
	FROM pgtrickle.pgt_stream_tables;

ALTER STREAM TABLE s SET (schedule = '10m', tier = 'cold', fuse_ceiling = 5);
TABLE options;
ALTER STREAM TABLE s SET (refresh_mode = full, diamond_consistency = atomic,
	diamond_schedule_policy = slowest, status = suspended);
TABLE options;
ALTER STREAM TABLE s RESET (schedule, refresh_mode, tier, fuse_ceiling, diamond_consistency,
	diamond_schedule_policy, status);
TABLE options;
ALTER STREAM TABLE s SUSPEND;
TABLE options;
REFRESH STREAM TABLE s;
ALTER STREAM TABLE s RESUME;
REFRESH STREAM TABLE s;

ALTER STREAM TABLE s AS SELECT kind, count(*) AS n, sum(price) AS price FROM item GROUP BY kind;
SELECT * FROM s ORDER BY kind;
ALTER STREAM TABLE s AS SELECT nothing FROM item;
ALTER STREAM TABLE s AS SELEC;
ALTER STREAM TABLE s SET (query = 'SELECT kind, count(*) AS n, max(price)::bigint AS price FROM item GROUP BY kind');
SELECT * FROM s ORDER BY kind;
ALTER STREAM TABLE s SET (query = 'SELECT nothing FROM item');

-- what the server does itself
ALTER STREAM TABLE s RENAME TO "S t";
CREATE SCHEMA other;
ALTER STREAM TABLE "S t" SET SCHEMA pgtrickle;
ALTER STREAM TABLE "S t" SET SCHEMA other;
CREATE ROLE regress_pgt_owner;
GRANT CREATE ON SCHEMA other TO regress_pgt_owner;
GRANT SELECT, TRIGGER ON item TO regress_pgt_owner;
ALTER STREAM TABLE other."S t" OWNER TO regress_pgt_owner;
SELECT pgt_relid, relowner::regrole FROM pgtrickle.pgt_stream_tables JOIN pg_class c ON c.oid = pgt_relid;
ALTER STREAM TABLE other."S t" OWNER TO CURRENT_USER;

-- IF EXISTS
ALTER STREAM TABLE IF EXISTS nothing SET (tier = hot);
ALTER STREAM TABLE IF EXISTS nothing AS SELECT 1;
ALTER STREAM TABLE IF EXISTS nothing RENAME TO something;
ALTER STREAM TABLE IF EXISTS nothing SET SCHEMA other;
ALTER STREAM TABLE IF EXISTS nothing OWNER TO CURRENT_USER;
ALTER STREAM TABLE IF EXISTS nothing SUSPEND;
ALTER STREAM TABLE IF EXISTS other."S t" AS SELECT kind, count(*) AS n, min(price)::bigint AS price FROM item GROUP BY kind;
SELECT * FROM other."S t" ORDER BY kind;
ALTER STREAM TABLE nothing SET (tier = hot);
ALTER STREAM TABLE nothing RENAME TO something;

-- the stock form, beside what is the server's
ALTER TABLE other."S t" SET (pg_trickle.schedule = '1m', fillfactor = 80);
SELECT schedule, reloptions FROM pgtrickle.pgt_stream_tables JOIN pg_class c ON c.oid = pgt_relid;
ALTER TABLE other."S t" SET (pg_trickle.tier = warm), ALTER price SET STATISTICS 10, RESET (fillfactor, pg_trickle.schedule);
SELECT schedule, tier, reloptions, attstattarget FROM pgtrickle.pgt_stream_tables
JOIN pg_class c ON c.oid = pgt_relid JOIN pg_attribute ON attrelid = c.oid AND attname = 'price';
ALTER TABLE IF EXISTS nothing SET (pg_trickle.tier = hot);
ALTER TABLE item SET (pg_trickle.tier = hot);
ALTER TABLE item SET (pg_trick.tier = hot);

-- REFRESH
INSERT INTO item VALUES (10, 'kind 10', 10);
REFRESH STREAM TABLE other."S t";
SELECT action, refresh_reason FROM pgtrickle.get_refresh_history('other."S t"', 1);
REFRESH STREAM TABLE other."S t" FULL;
SELECT action, refresh_reason FROM pgtrickle.get_refresh_history('other."S t"', 1);
INSERT INTO item VALUES (11, 'kind 11', 10);
REFRESH MATERIALIZED VIEW other."S t";
SELECT count(*) FROM other."S t";
REFRESH MATERIALIZED VIEW CONCURRENTLY other."S t";
REFRESH MATERIALIZED VIEW other."S t" WITH NO DATA;
CREATE MATERIALIZED VIEW matview AS SELECT 1 AS n;
REFRESH MATERIALIZED VIEW matview;
REFRESH STREAM TABLE matview;
REFRESH STREAM TABLE item;
REFRESH STREAM TABLE nothing;

-- DROP
CREATE STREAM TABLE a AS SELECT id FROM item;
CREATE STREAM TABLE b AS SELECT id FROM a;
CREATE STREAM TABLE stream AS SELECT id FROM item;
CREATE STREAM TABLE "table" AS SELECT id FROM item;
DROP STREAM TABLE item;
DROP STREAM TABLE a, item;
CREATE VIEW shown AS SELECT id FROM item;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM item;
DROP STREAM TABLE shown;
DROP STREAM TABLE kept;
SELECT pgtrickle.drop_stream_table('shown');
DROP MATERIALIZED VIEW kept;
DROP VIEW shown;
DROP STREAM TABLE nothing;
DROP STREAM TABLE IF EXISTS nothing, stream, "table";
DROP STREAM TABLE a;
DROP STREAM TABLE a RESTRICT;
DROP STREAM TABLE a CASCADE;
DROP TABLE other."S t";
SELECT count(*) FROM pgtrickle.pgt_status();

DROP SCHEMA other;
DROP OWNED BY regress_pgt_owner;
DROP ROLE regress_pgt_owner;
