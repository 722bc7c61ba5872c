-- only with preload
\i trickle_test.sql
SET client_min_messages = notice;
-- CREATE STREAM TABLE: every clause
CREATE TABLE item (id int PRIMARY KEY, kind text, price int);
INSERT INTO item SELECT i, 'kind ' || i % 3, i * 10 FROM generate_series(1, 9) i;

CREATE STREAM TABLE plain AS SELECT id, price FROM item WHERE price > 70;
SELECT * FROM plain ORDER BY id;
CREATE STREAM TABLE IF NOT EXISTS plain AS SELECT nothing FROM nowhere;
CREATE STREAM TABLE plain AS SELECT 1 AS one;
CREATE OR REPLACE STREAM TABLE plain AS SELECT id, price, kind FROM item WHERE price > 70;
SELECT * FROM plain ORDER BY id;
CREATE OR REPLACE STREAM TABLE fresh AS SELECT count(*) AS n FROM item;
SELECT * FROM fresh;
CREATE OR REPLACE STREAM TABLE plain AS SELECT id, price, kind FROM item WHERE price > 70;
CREATE OR REPLACE STREAM TABLE fresh AS SELECT count(*) + 1 AS n FROM item WITH NO DATA;
SELECT * FROM fresh;
DO $$
DECLARE
	n bigint;
BEGIN
	CREATE OR REPLACE STREAM TABLE counted AS SELECT id FROM item;
	GET DIAGNOSTICS n = ROW_COUNT;
	RAISE NOTICE 'created: % rows', n;
	EXECUTE 'CREATE OR REPLACE STREAM TABLE counted AS SELECT id FROM item WHERE id > 3';
	GET DIAGNOSTICS n = ROW_COUNT;
	RAISE NOTICE 'replaced: % rows', n;
END $$;
DROP STREAM TABLE counted;

-- columns
CREATE STREAM TABLE named (k, "N n", sum) AS
	SELECT kind, count(*), sum(price) FROM item GROUP BY kind;
SELECT * FROM named ORDER BY k;
CREATE STREAM TABLE some_named (k) AS SELECT kind, count(*) AS n FROM item GROUP BY kind;
SELECT * FROM some_named ORDER BY k;
CREATE STREAM TABLE clash (a, b) AS SELECT 1, 1;
SELECT * FROM clash;
CREATE STREAM TABLE too_many (a, b) AS SELECT id FROM item;
CREATE STREAM TABLE twice (a, a) AS SELECT id, price FROM item;

-- options
CREATE STREAM TABLE chosen WITH (schedule = '5m', refresh_mode = differential,
	tier = warm, diamond_consistency = 'ATOMIC', diamond_schedule_policy = slowest,
	fuse_ceiling = 1000) AS SELECT kind FROM item;
SELECT schedule, refresh_mode, tier, diamond_consistency, diamond_schedule_policy, fuse_ceiling
FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'chosen'::regclass;
CREATE STREAM TABLE cron WITH (pg_trickle.schedule = '*/5 * * * *') AS SELECT kind FROM item;
SELECT schedule, refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'cron'::regclass;

-- filled or not
CREATE STREAM TABLE filled AS SELECT kind FROM item WITH DATA;
CREATE STREAM TABLE empty AS SELECT kind FROM item WITH NO DATA;
SELECT (SELECT count(*) FROM filled) AS filled, (SELECT count(*) FROM empty) AS empty;
REFRESH STREAM TABLE empty;
SELECT count(*) FROM empty;

-- any kind of query
CREATE STREAM TABLE from_values AS VALUES (1, 'a'), (2, 'b');
CREATE STREAM TABLE from_table AS TABLE item;
CREATE STREAM TABLE from_with AS WITH w AS (SELECT id FROM item WHERE id < 3) SELECT * FROM w;
CREATE STREAM TABLE from_parentheses AS (SELECT id FROM item) UNION ALL (SELECT price FROM item);
CREATE STREAM TABLE with_as AS SELECT id AS "AS", 'WITH NO DATA' AS data FROM item AS item;
SELECT count(*) FROM with_as;
CREATE SCHEMA "Other s";
CREATE STREAM TABLE "Other s"."Stream Table" AS SELECT id FROM item;
SELECT count(*) FROM "Other s"."Stream Table";

-- the stock form
CREATE TABLE stock USING stream AS SELECT id FROM item;
CREATE TABLE IF NOT EXISTS stock USING stream AS SELECT id FROM item;
CREATE TABLE stock2 (n) USING stream WITH (schedule = 'manual') AS SELECT id FROM item WITH NO DATA;
CREATE TABLE stock USING stream WITH (or_replace) AS SELECT id FROM item WHERE id < 4;
SELECT count(*) FROM stock;
SELECT name, schedule FROM pgtrickle.pgt_status() WHERE name ~ 'stock' ORDER BY name;

-- what CREATE TABLE AS has and stream tables do not
CREATE TABLE no USING stream TABLESPACE pg_default AS SELECT 1 AS n;
CREATE TABLE no USING stream ON COMMIT DROP AS SELECT 1 AS n;
CREATE UNLOGGED TABLE no USING stream AS SELECT 1 AS n;
CREATE MATERIALIZED VIEW no USING stream AS SELECT 1 AS n;
EXPLAIN CREATE MATERIALIZED VIEW no USING stream AS SELECT 1 AS n;
CREATE TABLE no (n int) USING stream;
CREATE TEMP TABLE no USING stream AS SELECT 1 AS n;
PREPARE one AS SELECT 1 AS n;
CREATE TABLE no USING stream AS EXECUTE one;
CREATE STREAM TABLE no AS EXECUTE one;
PREPARE two AS CREATE STREAM TABLE no AS SELECT 1 AS n;
CREATE STREAM TABLE no AS SELECT $1 AS n;

-- an access method of that name goes first
CREATE ACCESS METHOD stream TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE of_method USING stream AS SELECT id FROM item;
SELECT count(*) FROM pgtrickle.pgt_status() WHERE name ~ 'of_method';
DROP TABLE of_method;
DROP ACCESS METHOD stream;

SELECT * FROM pgtrickle.sql_syntax_status();
