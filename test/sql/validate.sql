-- What creating a stream table with a query would lead to.
\i trickle_test.sql

CREATE TABLE sales (id int PRIMARY KEY, region varchar(20), amount numeric(10, 2));
CREATE TABLE shops (shop text, region text);
CREATE VIEW named AS SELECT s.id, shop FROM sales s JOIN shops USING (region);

-- A query with rules for all of its parts.
SELECT * FROM pgtrickle.validate_query(
	'SELECT region, sum(amount) AS "The sum" FROM sales GROUP BY region');
SELECT * FROM pgtrickle.validate_query('SELECT * FROM named');
SELECT * FROM pgtrickle.validate_query('SELECT count(*), max(amount) FROM sales');
SELECT * FROM pgtrickle.validate_query('VALUES (1, ''a''), (2, ''b'')');

-- Parts that have none: recomputed, and how often.
SELECT * FROM pgtrickle.validate_query('SELECT id, rank() OVER (ORDER BY amount) FROM sales');
SELECT * FROM pgtrickle.validate_query('SELECT id FROM sales WHERE now() > ''2020-01-01''');
SELECT * FROM pgtrickle.validate_query('SELECT id, random() FROM sales');
CREATE EXTENSION postgres_fdw;
CREATE SERVER nowhere FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE remote (a int) SERVER nowhere;
SELECT * FROM pgtrickle.validate_query('SELECT a FROM remote');

-- Errors are rows, with their position.
SELECT * FROM pgtrickle.validate_query('SELEC 1');
SELECT * FROM pgtrickle.validate_query('');
SELECT * FROM pgtrickle.validate_query('SELECT nothing FROM sales');
SELECT * FROM pgtrickle.validate_query('SELECT 1 AS a, 2 AS a');
SELECT * FROM pgtrickle.validate_query('SELECT * FROM pg_class');
SELECT * FROM pgtrickle.validate_query('DELETE FROM sales RETURNING *');
SELECT * FROM pgtrickle.validate_query('SELECT 1/0 AS a FROM sales');

-- Privileges: without TRIGGER on its sources only FULL is possible.
CREATE ROLE regress_validate_user;
SET ROLE regress_validate_user;
SELECT * FROM pgtrickle.validate_query('SELECT id FROM sales');
RESET ROLE;
GRANT SELECT ON sales TO regress_validate_user;
SET ROLE regress_validate_user;
SELECT * FROM pgtrickle.validate_query('SELECT id FROM sales');
RESET ROLE;
GRANT TRIGGER ON sales TO regress_validate_user;
SET ROLE regress_validate_user;
SELECT * FROM pgtrickle.validate_query('SELECT id FROM sales');
RESET ROLE;

-- Nothing is created, no row is read, and a transaction can go on.
BEGIN;
SELECT count(*) FROM pgtrickle.validate_query('SELECT nothing FROM sales');
SELECT count(*) FROM pgtrickle.validate_query('SELECT id, pg_sleep(100)::text AS slept FROM sales');
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
SELECT count(*) FROM pgtrickle.pgt_change_tracking;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sales'::regclass;
COMMIT;

-- A definition, exported, makes the same stream table elsewhere.
CREATE SCHEMA "from";
CREATE TABLE "from"."select" (id int PRIMARY KEY, "a\b" text, c text);
INSERT INTO "from"."select" VALUES (1, 'x\y', 'it''s'), (2, NULL, '%s');
SELECT pgtrickle.create_stream_table('"from"."st''s"', $$
	SELECT "a\b", count(*) FILTER (WHERE c <> 'it''s') AS n, E'\\' AS "back\slash"
	FROM "from"."select" GROUP BY "a\b" $$, '*/5 * * * *');
SELECT pgtrickle.alter_stream_table('"from"."st''s"', status => 'SUSPENDED');
SELECT pgtrickle.export_definition('"from"."st''s"') AS definition \gset
\echo :definition
CREATE TABLE before AS SELECT * FROM "from"."st's";
SELECT pgtrickle.drop_stream_table('"from"."st''s"');
SET search_path = pg_catalog;
:definition
RESET search_path;
TABLE "from"."st's" EXCEPT ALL TABLE before;
TABLE before EXCEPT ALL TABLE "from"."st's";
SELECT pgtrickle.export_definition('"from"."st''s"') = :'definition' AS same;
SELECT name, status, schedule FROM pgtrickle.pgt_status();

-- ... in the time zone in which it is computed.
CREATE TABLE moments (at timestamptz);
INSERT INTO moments VALUES ('2024-06-01 23:30+00');
SET TimeZone = 'Asia/Tokyo';
SELECT pgtrickle.create_stream_table('days', 'SELECT at::date AS day FROM moments', 'manual');
RESET TimeZone;
SELECT pgtrickle.export_definition('days') AS definition \gset
\echo :definition
DROP TABLE days;
:definition
SELECT * FROM days;
SELECT pgtrickle.export_definition('days') = :'definition' AS same;

DROP OWNED BY regress_validate_user;
DROP ROLE regress_validate_user;

-- Whoever creates one that will be recomputed is told why; not if it was asked for.
SET client_min_messages = notice;
SELECT pgtrickle.create_stream_table('joined', 'SELECT s.id, p.shop FROM sales s LEFT JOIN shops p USING (region)');
SELECT pgtrickle.create_stream_table('dated', 'SELECT id, now() AS at FROM sales');
SELECT pgtrickle.create_stream_table('full', 'SELECT s.id, p.shop FROM sales s LEFT JOIN shops p USING (region)',
	refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('inner', 'SELECT s.id, p.shop FROM sales s JOIN shops p USING (region)');
SELECT pgtrickle.alter_stream_table('inner', query =>
	'SELECT s.id, p.shop FROM sales s LEFT JOIN shops p USING (region)');
SELECT pgtrickle.alter_stream_table('inner', schedule => '1h', query =>
	'SELECT s.id, p.shop FROM sales s LEFT JOIN shops p USING (region)');
SELECT pgtrickle.alter_stream_table('full', refresh_mode => 'AUTO');
RESET client_min_messages;
