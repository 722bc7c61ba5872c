-- A refresh within a refresh: functions of its query, and triggers, may ask for
-- that of another stream table, even while its query is being planned.
\i trickle_test.sql

CREATE TABLE l (id int PRIMARY KEY, k int);
CREATE TABLE m (k int, v int);
CREATE TABLE s (id int PRIMARY KEY, k int);
INSERT INTO l SELECT i, i FROM generate_series(1, 5000) i;
INSERT INTO m SELECT i, i FROM generate_series(1, 5001) i;
INSERT INTO s SELECT i, i FROM generate_series(1, 50) i;

-- Large within large.
CREATE FUNCTION inner_first() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN -1; END';
SELECT trickle_test.stream('within', 'SELECT l.id, m.v FROM l JOIN m USING (k)');
SELECT trickle_test.stream('around', 'SELECT l.id, m.v FROM l JOIN m USING (k) WHERE l.id <> inner_first()');
CREATE OR REPLACE FUNCTION inner_first() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pgtrickle.refresh_stream_table('public.within'); RETURN -1; END $$;
SELECT trickle_test.same_as_query('around', 'FULL');
UPDATE l SET k = k + 1;
SELECT trickle_test.same_as_query('around');
UPDATE l SET k = k - 1;
SELECT trickle_test.same_as_query('around');
SELECT trickle_test.same_as_query('within', 'NO_DATA');

-- Small within large within small.
CREATE FUNCTION lowest() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN -1; END';
CREATE FUNCTION middle() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN -1; END';
CREATE FUNCTION more() RETURNS void LANGUAGE plpgsql AS
'BEGIN UPDATE public.s SET k = k + 1 WHERE id < 5; END';
CREATE TABLE a AS TABLE s;
SELECT trickle_test.stream('lower', 'SELECT s.id, m.v FROM s JOIN m USING (k)');
SELECT trickle_test.stream('mid', 'SELECT l.id, m.v FROM l JOIN m USING (k) WHERE l.id <> lowest()');
SELECT trickle_test.stream('higher', 'SELECT a.id, m.v FROM a JOIN m USING (k) WHERE a.id <> middle()');
CREATE OR REPLACE FUNCTION lowest() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM public.more(), pgtrickle.refresh_stream_table('public.lower'); RETURN -1; END $$;
CREATE OR REPLACE FUNCTION middle() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM pgtrickle.refresh_stream_table('public.mid'); RETURN -1; END $$;
SELECT pgtrickle.refresh_stream_table(st) FROM unnest('{lower,mid,higher}'::text[]) st;
UPDATE l SET k = k + 1;
UPDATE a SET k = k + 1 WHERE id < 5;
\c -
SELECT trickle_test.same_as_query('higher');
SELECT st, trickle_test.same_as_query(st, 'NO_DATA') FROM unnest('{lower,mid}'::text[]) st;

-- Creating one while the query of another is being altered.
CREATE OR REPLACE FUNCTION inner_first() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN
	IF to_regclass('public.made') IS NULL THEN
		PERFORM pgtrickle.create_stream_table('public.made',
			'SELECT l.id, m.v FROM public.l JOIN public.m USING (k)', 'manual');
	END IF;
	RETURN -1;
END $$;
SELECT pgtrickle.alter_stream_table('around', query =>
	'SELECT l.id, m.v FROM l JOIN m USING (k) WHERE l.id <> inner_first() AND l.id <> 7');
UPDATE l SET k = k - 1;
SELECT trickle_test.same_as_query('around');
SELECT pgtrickle.refresh_stream_table('made');
SELECT count(*) AS wrong FROM pgtrickle.verify_stream_table('made');

SET client_min_messages = error;
DROP TABLE l, m, s, a CASCADE;
DROP EXTENSION pg_trickle;
