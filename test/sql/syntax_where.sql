-- only with preload
\i trickle_test.sql
SET client_min_messages = notice;
-- Where statements may stand, and what else may be called stream
CREATE TABLE item (id int PRIMARY KEY, kind text, price int);
INSERT INTO item SELECT i, 'kind ' || i % 3, i * 10 FROM generate_series(1, 9) i;

-- several in one string, comments, quotes, dollar quotes
CREATE STREAM TABLE a AS SELECT id FROM item \; CREATE STREAM TABLE b AS SELECT id FROM a \; SELECT count(*) FROM b;
create/* CREATE STREAM TABLE */stream -- TABLE
/**/ table/* a /* nested */ comment */ "Stream; Table" (/* a */ "AS") with (/*;*/ schedule -- ;
	= $$5m$$) as -- AS
	select $a$ as with no data; $a$::text || ';' || E'\';' as x from item /* WITH NO DATA */ ;
SELECT * FROM "Stream; Table" LIMIT 1;
;;CREATE STREAM TABLE c AS SELECT 1 AS n;;
SELECT original_query FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;

-- names
CREATE TABLE stream (stream int, "table" int, "CREATE STREAM TABLE" int);
INSERT INTO stream VALUES (1, 2, 3);
SELECT stream.stream, stream."table", stream.* FROM stream;
SELECT stream FROM (SELECT 1) stream (stream);
CREATE STREAM TABLE "table" AS SELECT stream, "table" FROM stream;
CREATE SCHEMA stream;
CREATE STREAM TABLE stream.stream AS SELECT stream AS stream FROM stream;
SELECT * FROM stream.stream;
ALTER TABLE stream RENAME stream TO streams;
ALTER TABLE stream RENAME streams TO stream;
CREATE FUNCTION stream(int) RETURNS int LANGUAGE SQL IMMUTABLE AS 'SELECT $1 + 1';
SELECT stream(1);
CREATE TYPE "STREAM" AS (a int);
DROP TYPE "STREAM";
DROP STREAM TABLE stream.stream, "table";
DROP TABLE stream;

-- PL/pgSQL, DO, SQL functions, procedures, EXECUTE
DO $$
BEGIN
	CREATE STREAM TABLE done AS SELECT kind, count(*) AS n FROM item GROUP BY kind;
	ALTER STREAM TABLE done SET (schedule = '1h');
	REFRESH STREAM TABLE done FULL;
	EXECUTE 'CREATE STREAM TABLE executed AS SELECT id FROM item';
	DROP STREAM TABLE executed;
END $$;
SELECT * FROM done ORDER BY kind;
CREATE FUNCTION make(many int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	stream int := 0;
	n bigint;
BEGIN
	FOR stream IN 1..many LOOP
		CREATE STREAM TABLE made AS SELECT id FROM item;
		SELECT count(*) INTO n FROM made;
		DROP STREAM TABLE made;
	END LOOP;
	RETURN n;
END $$;
SELECT make(3);
SELECT make(2);
CREATE FUNCTION bound(v int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE STREAM TABLE made AS SELECT id FROM item WHERE id < v;
END $$;
SELECT bound(3);
CREATE FUNCTION wrong() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE STREAM TABLE made AS SELEC 1;
END $$;
CREATE FUNCTION wrong() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE STREAM TABLE made AS SELECT 'ä', nothing FROM item;
END $$;
SELECT wrong();
CREATE FUNCTION in_sql() RETURNS bigint LANGUAGE SQL AS $$
	CREATE STREAM TABLE IF NOT EXISTS of_sql AS SELECT id FROM item;
	REFRESH STREAM TABLE of_sql;
	SELECT count(*) FROM item;
$$;
SELECT in_sql();
SELECT count(*) FROM of_sql;
CREATE PROCEDURE proc() LANGUAGE plpgsql AS $$
BEGIN
	CREATE STREAM TABLE of_proc AS SELECT id FROM item;
	COMMIT;
	DROP STREAM TABLE of_proc;
END $$;
CALL proc();
CREATE FUNCTION atomic() RETURNS int BEGIN ATOMIC CREATE STREAM TABLE x AS SELECT 1; END;
CREATE RULE r AS ON INSERT TO item DO ALSO CREATE STREAM TABLE x AS SELECT 1;
CREATE VIEW v AS CREATE STREAM TABLE x AS SELECT 1;

-- transactions
BEGIN;
CREATE STREAM TABLE rolled AS SELECT id FROM item;
SAVEPOINT s;
ALTER STREAM TABLE rolled RENAME TO back;
ROLLBACK TO s;
SELECT count(*) FROM rolled;
SELECT 1 / 0;
CREATE STREAM TABLE aborted AS SELECT 1 AS n;
CREATE STREAM TABLE aborted AS SELEC 1;
ROLLBACK;
SELECT to_regclass('rolled'), to_regclass('aborted');

-- event triggers
CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	RAISE NOTICE '% %', tg_event, tg_tag;
	IF tg_event = 'ddl_command_end' THEN
		FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
			RAISE NOTICE '  % % %', r.command_tag, r.object_type, r.object_identity;
		END LOOP;
	ELSIF tg_event = 'sql_drop' THEN
		FOR r IN SELECT * FROM pg_event_trigger_dropped_objects() WHERE original LOOP
			RAISE NOTICE '  % %', r.object_type, r.object_identity;
		END LOOP;
	END IF;
END $$;
CREATE EVENT TRIGGER tell_start ON ddl_command_start EXECUTE FUNCTION tell();
CREATE EVENT TRIGGER tell_end ON ddl_command_end EXECUTE FUNCTION tell();
CREATE EVENT TRIGGER tell_drop ON sql_drop EXECUTE FUNCTION tell();
CREATE STREAM TABLE told AS SELECT id FROM item;
CREATE OR REPLACE STREAM TABLE told AS SELECT id FROM item WHERE id > 3;
ALTER STREAM TABLE told SET (tier = cold);
ALTER STREAM TABLE told SUSPEND;
ALTER STREAM TABLE told RESUME;
ALTER STREAM TABLE told AS SELECT id FROM item WHERE id > 4;
REFRESH STREAM TABLE told;
ALTER STREAM TABLE told RENAME TO told_on;
DROP STREAM TABLE told_on;
-- As ALTER TABLE IF EXISTS.
ALTER STREAM TABLE IF EXISTS told_on SET (tier = hot);
ALTER STREAM TABLE IF EXISTS told_on RENAME TO told;
ALTER TABLE IF EXISTS told_on RENAME TO told;
DROP EVENT TRIGGER tell_start;
DROP EVENT TRIGGER tell_end;
DROP EVENT TRIGGER tell_drop;
