-- Capture: DDL on sources.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, a int, b int);
INSERT INTO t VALUES (1, 1, 1);
SELECT trickle_test.stream('st', 'SELECT id, a FROM t');

-- While triggers are disabled each refresh recomputes; enabled, they are ours again.
ALTER TABLE t DISABLE TRIGGER ALL;
INSERT INTO t VALUES (2, 2, 2);
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO t VALUES (3, 3, 3);
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO t VALUES (4, 4, 4);
ALTER TABLE t ENABLE TRIGGER ALL;
INSERT INTO t VALUES (5, 5, 5);
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO t VALUES (6, 6, 6);
SELECT trickle_test.same_as_query('st');
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 't'::regclass ORDER BY 1;

-- One of them; of a partition through its parent.
SELECT tgname AS trigger FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgname LIKE '%row' \gset
ALTER TABLE t DISABLE TRIGGER :"trigger";
DELETE FROM t WHERE id = 6;
ALTER TABLE t ENABLE REPLICA TRIGGER :"trigger";
DELETE FROM t WHERE id = 5;
ALTER TABLE t ENABLE ALWAYS TRIGGER :"trigger";
DELETE FROM t WHERE id = 4;
SELECT trickle_test.same_as_query('st', 'FULL');
DELETE FROM t WHERE id = 3;
SELECT trickle_test.same_as_query('st');
CREATE TABLE p (a int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1, 2, 3, 4);
SELECT trickle_test.stream('stp', 'SELECT a FROM p');
SELECT trickle_test.stream('stp1', 'SELECT a FROM p1');
ALTER TABLE p DISABLE TRIGGER USER;
INSERT INTO p VALUES (1);
SELECT trickle_test.same_as_query('stp', 'FULL');
SELECT trickle_test.same_as_query('stp1');
ALTER TABLE p ENABLE TRIGGER USER;
INSERT INTO p VALUES (2);
SELECT trickle_test.same_as_query('stp', 'FULL');
ALTER TABLE p1 DISABLE TRIGGER USER;
INSERT INTO p VALUES (3);
ALTER TABLE p1 ENABLE TRIGGER USER;
INSERT INTO p VALUES (4);
SELECT trickle_test.same_as_query('stp', 'FULL');
SELECT trickle_test.same_as_query('stp1', 'FULL');
INSERT INTO p VALUES (4);
SELECT trickle_test.same_as_query('stp');
SELECT trickle_test.same_as_query('stp1');
-- Disabling a trigger of somebody else is nothing to us.
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER nothing AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE t DISABLE TRIGGER nothing;
ALTER TABLE t ENABLE TRIGGER nothing;
INSERT INTO t VALUES (7, 7, 7);
SELECT trickle_test.same_as_query('st');

-- A dropped trigger is missed, and put back by a repair.
DROP TRIGGER :"trigger" ON t;
INSERT INTO t VALUES (8, 8, 8);
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO t VALUES (9, 9, 9);
SELECT pgtrickle.repair_stream_table('st') IS NOT NULL AS repaired;
SELECT trickle_test.same_as_query('st', 'NO_DATA');
INSERT INTO t VALUES (10, 10, 10);
SELECT trickle_test.same_as_query('st');

-- Columns that no stream table reads come, change and go.
ALTER TABLE t ADD COLUMN c int DEFAULT 5;
ALTER TABLE t ADD COLUMN d float DEFAULT random();
ALTER TABLE t DROP COLUMN b;
INSERT INTO t VALUES (11, 11);
SELECT trickle_test.same_as_query('st');
ALTER TABLE t ALTER c TYPE text;
INSERT INTO t VALUES (12, 12, 'c');
SELECT trickle_test.same_as_query('st');
-- Columns that were logged for somebody who is gone.
SELECT trickle_test.stream('stc', 'SELECT id, c FROM t');
DROP TABLE stc;
ALTER TABLE t ALTER c TYPE varchar;
INSERT INTO t VALUES (13, 13, 'd');
SELECT trickle_test.same_as_query('st', 'FULL');
ALTER TABLE t DROP COLUMN c;
INSERT INTO t VALUES (14, 14);
SELECT trickle_test.same_as_query('st');

-- Moves that change no row.
ALTER TABLE t SET (fillfactor = 50);
VACUUM FULL t;
CLUSTER t USING t_pkey;
ALTER TABLE t SET UNLOGGED;
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO t VALUES (15, 15);
SELECT trickle_test.same_as_query('st');
ALTER TABLE t SET LOGGED;
ALTER TABLE t RENAME TO "T t";
CREATE SCHEMA elsewhere;
ALTER TABLE "T t" SET SCHEMA elsewhere;
INSERT INTO elsewhere."T t" VALUES (16, 16);
SELECT pgtrickle.refresh_stream_table('st');
SELECT id FROM st WHERE id > 14 ORDER BY id;

-- The owner of the source may read the log, and nothing more.
CREATE ROLE capture_owner;
GRANT CREATE ON SCHEMA elsewhere TO capture_owner;
ALTER TABLE elsewhere."T t" OWNER TO capture_owner;
SELECT DISTINCT relowner::regrole, grantee::regrole, privilege_type
	FROM pg_class LEFT JOIN LATERAL aclexplode(relacl) ON grantee <> relowner
	JOIN pgtrickle.pgt_log_segments ON oid = log_relid
	JOIN pgtrickle.pgt_change_tracking USING (track_id)
	WHERE source_relid = 'elsewhere."T t"'::regclass;
SELECT relowner::regrole, grantee::regrole, privilege_type
	FROM pg_class LEFT JOIN LATERAL aclexplode(relacl) ON grantee <> relowner
	WHERE relname LIKE 'sentinel%';
ALTER TABLE elsewhere."T t" OWNER TO CURRENT_USER;
-- No privileges on a sentinel come by default.
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
CREATE UNLOGGED TABLE fleeting (a int);
SELECT trickle_test.stream('stf', 'SELECT a FROM fleeting');
SELECT trickle_test.same_as_query('stf', 'NO_DATA');
SELECT relpersistence, EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 0) AS public
FROM pg_class WHERE relname LIKE 'sentinel%' ORDER BY oid DESC LIMIT 1;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC;
DROP TABLE fleeting CASCADE;
DROP OWNED BY capture_owner;
DROP ROLE capture_owner;

-- Whoever may alter a table may do so without rights on our catalog.
CREATE ROLE capture_ddl;
GRANT CREATE, USAGE ON SCHEMA public TO capture_ddl;
CREATE TABLE mine (a int) PARTITION BY LIST (a);
ALTER TABLE mine OWNER TO capture_ddl;
SELECT trickle_test.stream('stm', 'SELECT a FROM mine');
SET ROLE capture_ddl;
SET search_path = pg_temp, public;
CREATE TABLE public.m1 PARTITION OF public.mine FOR VALUES IN (1);
CREATE TABLE public.m2 (a int);
INSERT INTO public.m2 VALUES (2);
ALTER TABLE public.mine ATTACH PARTITION public.m2 FOR VALUES IN (2);
INSERT INTO public.mine VALUES (1);
ALTER TABLE public.m1 DISABLE TRIGGER ALL;
ALTER TABLE public.m1 DISABLE TRIGGER USER;
ALTER TABLE public.m1 ENABLE TRIGGER USER;
RESET search_path;
RESET ROLE;
SELECT trickle_test.same_as_query('stm', 'FULL');
INSERT INTO mine VALUES (1), (2);
SELECT trickle_test.same_as_query('stm');

-- A trigger with such a name on a table outside the family is no trigger of ours.
SELECT tgname AS trigger FROM pg_trigger
WHERE tgrelid = 'mine'::regclass AND tgname LIKE '%row' \gset
SET ROLE capture_ddl;
CREATE FUNCTION idle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE impostor (a int);
CREATE TRIGGER :"trigger" AFTER INSERT ON impostor FOR EACH ROW EXECUTE FUNCTION idle();
ALTER TABLE impostor ENABLE ALWAYS TRIGGER :"trigger";
ALTER TABLE impostor DISABLE TRIGGER ALL;
ALTER TABLE impostor ENABLE TRIGGER ALL;
SELECT tgfoid::regproc, tgenabled FROM pg_trigger WHERE tgrelid = 'impostor'::regclass;
CREATE OR REPLACE TRIGGER :"trigger" AFTER DELETE ON impostor
	FOR EACH ROW EXECUTE FUNCTION idle();
DROP TRIGGER :"trigger" ON impostor;
CREATE TRIGGER :"trigger" AFTER INSERT ON impostor FOR EACH ROW EXECUTE FUNCTION idle();
DROP TABLE impostor;
CREATE TEMP TABLE impostor (a int);
CREATE TRIGGER :"trigger" AFTER INSERT ON impostor FOR EACH ROW EXECUTE FUNCTION idle();
DROP TABLE impostor;
RESET ROLE;
INSERT INTO mine VALUES (1), (2);
SELECT trickle_test.same_as_query('stm', 'DIFFERENTIAL');

-- A member of the family that is gone took its rows along, with triggers or without.
CREATE TABLE mother (a int);
SELECT trickle_test.stream('stmother', 'SELECT a FROM mother');
CREATE TABLE child () INHERITS (mother);
CREATE TABLE grandchild () INHERITS (child);
INSERT INTO grandchild VALUES (1);
SELECT trickle_test.same_as_query('stmother');
SELECT tgname AS trigger FROM pg_trigger
WHERE tgrelid = 'grandchild'::regclass AND tgname LIKE '%row' \gset
DROP TRIGGER :"trigger" ON grandchild;
SELECT trickle_test.same_as_query('stmother', 'FULL');
INSERT INTO grandchild VALUES (2);
SELECT trickle_test.same_as_query('stmother', 'FULL');
DROP TABLE child CASCADE;
SELECT trickle_test.same_as_query('stmother', 'FULL');
-- A new child is captured, wherever its name leads.
SET search_path = nursery, public;
CREATE SCHEMA nursery
	CREATE TABLE child () INHERITS (mother)
	CREATE TABLE mother (a int);
INSERT INTO nursery.child VALUES (3);
RESET search_path;
SELECT trickle_test.same_as_query('stmother');
-- Nor does a trigger of that name that does something else capture.
CREATE OR REPLACE TRIGGER :"trigger" AFTER INSERT OR UPDATE OR DELETE ON mother
	FOR EACH ROW EXECUTE FUNCTION idle();
ALTER TABLE mother ENABLE ALWAYS TRIGGER :"trigger";
SELECT trickle_test.same_as_query('stmother', 'FULL');
INSERT INTO mother VALUES (4);
SELECT trickle_test.same_as_query('stmother', 'FULL');
SELECT pgtrickle.repair_stream_table('stmother');
INSERT INTO mother VALUES (5);
SELECT trickle_test.same_as_query('stmother');
DROP SCHEMA nursery CASCADE;
DROP TABLE mother CASCADE;

-- What cannot be captured is named.
CREATE TEMP TABLE tmp (a int);
SELECT trickle_test.stream('no', 'SELECT a FROM tmp');
SELECT trickle_test.stream('no', 'SELECT relname FROM pg_class');
SELECT trickle_test.stream('no', 'SELECT pgt_id FROM pgtrickle.pgt_nodes');
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE TABLE fp (a int) PARTITION BY LIST (a);
CREATE FOREIGN TABLE fp1 PARTITION OF fp FOR VALUES IN (1) SERVER nowhere;
SELECT trickle_test.stream('no', 'SELECT a FROM fp');

-- Without the last stream table nothing of ours is left on the source.
DROP TABLE stp, stp1, stm;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '!pgt%' ORDER BY 1, 2;
DROP TABLE st;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '!pgt%' ORDER BY 1, 2;
SELECT relname FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace;
DROP TABLE mine;
DROP OWNED BY capture_ddl;
DROP ROLE capture_ddl;
