-- only without preload
\i trickle_test.sql
SET client_min_messages = notice;
-- A server that does not preload the library: the hint, the functions, the
-- stock forms.
CREATE TABLE item (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM item');
SELECT * FROM pgtrickle.sql_syntax_status();
CREATE STREAM TABLE t AS SELECT id FROM item;
ALTER STREAM TABLE s SUSPEND;
DROP STREAM
	TABLE s;
REFRESH STREAM TABLE s;
DO $$ BEGIN CREATE STREAM TABLE t AS SELECT id FROM item; END $$;
CREATE STREAM t;
CREATE/**/STREAM/* a /* b */ c */-- d
	-- e
TABLE t AS SELECT id FROM item;
CREATE STREAM/* TABLE t;
*/ t;
CREATE STREAM-- TABLE
;
CREATE TABLE t USING stream AS SELECT id FROM item;
ALTER TABLE t SET (pg_trickle.schedule = '5m');
REFRESH MATERIALIZED VIEW t;
DROP TABLE t;
