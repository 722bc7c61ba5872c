-- Capture: every kind of statement that changes rows.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, gone int, a int, "B ""b" text, unused text,
	twice int GENERATED ALWAYS AS (a * 2) STORED);
ALTER TABLE t DROP COLUMN gone;
SELECT trickle_test.stream('st', 'SELECT id, a, "B ""b", twice FROM t');

-- The triggers sort before everybody else's and fire always.
SELECT tgname, tgenabled, tgtype FROM pg_trigger WHERE tgrelid = 't'::regclass ORDER BY tgname;

INSERT INTO t (id, a, "B ""b") VALUES (1, 1, 'x'), (2, 2, NULL), (3, NULL, '');
SELECT trickle_test.same_as_query('st');
UPDATE t SET a = a + 1, "B ""b" = 'y' WHERE id < 3;
SELECT trickle_test.same_as_query('st');
DELETE FROM t WHERE id = 2;
SELECT trickle_test.same_as_query('st');

-- Rows of the logs of a source, of one transaction.
CREATE FUNCTION logged(source regclass) RETURNS TABLE (weight int2, part int4) LANGUAGE plpgsql AS
$$
DECLARE
	log regclass;
BEGIN
	FOR log IN SELECT log_relid FROM pgtrickle.pgt_log_segments
		JOIN pgtrickle.pgt_change_tracking USING (track_id)
		WHERE source_relid = source ORDER BY segno
	LOOP
		RETURN QUERY EXECUTE format('SELECT weight, part FROM %s WHERE xid = '
			'(SELECT max(xid) FROM %1$s)', log);
	END LOOP;
END
$$;

-- An UPDATE of columns that nobody reads logs nothing, nor does one that changes nothing.
INSERT INTO t (id, a) VALUES (4, 4);
UPDATE t SET unused = 'u';
UPDATE t SET a = a, "B ""b" = "B ""b";
SELECT * FROM logged('t');
-- Only an identical value is no change: 1.0 and 1.00 are two values.
CREATE TABLE n (v numeric);
SELECT trickle_test.stream('stn', 'SELECT v FROM n');
INSERT INTO n VALUES (1.0);
UPDATE n SET v = 1.00;
SELECT * FROM logged('n');
SELECT trickle_test.same_as_query('stn');
SELECT * FROM stn;

-- ON CONFLICT inserts or updates, or does nothing.
INSERT INTO t (id, a) VALUES (1, 10), (5, 50)
	ON CONFLICT (id) DO UPDATE SET a = excluded.a;
INSERT INTO t (id, a) VALUES (1, 11), (6, 60) ON CONFLICT DO NOTHING;
SELECT trickle_test.same_as_query('st');

-- MERGE does all three.
MERGE INTO t USING (VALUES (1, 100), (5, NULL), (7, 70)) v (id, a) ON t.id = v.id
	WHEN MATCHED AND v.a IS NULL THEN DELETE
	WHEN MATCHED THEN UPDATE SET a = v.a
	WHEN NOT MATCHED THEN INSERT (id, a) VALUES (v.id, v.a);
SELECT trickle_test.same_as_query('st');

-- COPY.
COPY t (id, a, "B ""b") FROM stdin;
10	1	c
11	2	\N
12	3	d
13	4	e
\.
SELECT trickle_test.same_as_query('st');

-- CTEs that change data, also the same table.
WITH gone AS (DELETE FROM t WHERE id IN (10, 11) RETURNING *),
	come AS (INSERT INTO t (id, a) SELECT id + 100, a FROM gone RETURNING id)
UPDATE t SET a = -1 WHERE id = 12;
SELECT trickle_test.same_as_query('st');
SELECT * FROM st ORDER BY id;

-- The cascades of foreign keys, of one table to itself too.
CREATE TABLE pk (id int PRIMARY KEY);
CREATE TABLE fk (id int PRIMARY KEY, up int REFERENCES fk ON DELETE CASCADE,
	pk int REFERENCES pk ON UPDATE CASCADE ON DELETE SET NULL);
SELECT trickle_test.stream('stfk', 'SELECT * FROM fk');
INSERT INTO pk VALUES (1), (2);
INSERT INTO fk VALUES (1, NULL, 1), (2, 1, 1), (3, 2, 2), (4, NULL, 2);
SELECT trickle_test.same_as_query('stfk');
UPDATE pk SET id = id + 10;
SELECT trickle_test.same_as_query('stfk');
DELETE FROM pk WHERE id = 12;
DELETE FROM fk WHERE id = 1;
SELECT trickle_test.same_as_query('stfk');
SELECT * FROM stfk;

-- TRUNCATE, by CASCADE too.
TRUNCATE pk CASCADE;
SELECT trickle_test.same_as_query('stfk', 'FULL');
INSERT INTO fk VALUES (1, NULL, NULL);
BEGIN;
TRUNCATE fk;
INSERT INTO fk VALUES (2, NULL, NULL);
COMMIT;
SELECT trickle_test.same_as_query('stfk', 'FULL');
BEGIN;
TRUNCATE fk;
ROLLBACK;
INSERT INTO fk VALUES (3, NULL, NULL);
SELECT trickle_test.same_as_query('stfk');

-- BEFORE triggers change the row, rules the statement.
CREATE TABLE w (a int);
SELECT trickle_test.stream('stw', 'SELECT a FROM w');
CREATE FUNCTION add_one() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN new.a := new.a + 1; RETURN new; END $$;
CREATE TRIGGER add_one BEFORE INSERT OR UPDATE ON w FOR EACH ROW EXECUTE FUNCTION add_one();
CREATE TABLE via (a int);
CREATE RULE instead AS ON INSERT TO via DO INSTEAD INSERT INTO w VALUES (new.a * 10);
INSERT INTO via VALUES (3);
INSERT INTO w VALUES (1), (5);
UPDATE w SET a = a + 10 WHERE a < 5;
SELECT trickle_test.same_as_query('stw');
SELECT * FROM stw ORDER BY a;

-- A trigger that changes the table again.
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN UPDATE w SET a = a * 2 WHERE a = new.a AND a < 100; RETURN NULL; END $$;
CREATE TRIGGER again AFTER INSERT OR UPDATE ON w FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO w VALUES (20), (20), (30);
SELECT trickle_test.same_as_query('stw');
SELECT * FROM stw ORDER BY a;

-- Sessions that apply replicated changes are captured.
SET session_replication_role = replica;
INSERT INTO n VALUES (7);
UPDATE n SET v = 8 WHERE v = 7;
RESET session_replication_role;
SELECT trickle_test.same_as_query('stn');
SELECT * FROM stn ORDER BY v;

-- Rows that row-level security hides are captured.
CREATE ROLE capture_writer;
GRANT ALL ON n TO capture_writer;
ALTER TABLE n ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON n TO capture_writer USING (v < 100) WITH CHECK (true);
SET ROLE capture_writer;
INSERT INTO n VALUES (1000);
RESET ROLE;
SELECT trickle_test.same_as_query('stn');
ALTER TABLE n DISABLE ROW LEVEL SECURITY;
DROP OWNED BY capture_writer;
DROP ROLE capture_writer;

-- A transaction may write, track more columns, and write on.
BEGIN;
INSERT INTO t (id, a, unused) VALUES (200, 1, 'w');
SELECT trickle_test.stream('st2', 'SELECT id, unused FROM t');
INSERT INTO t (id, a, unused) VALUES (201, 1, 'v');
COMMIT;
UPDATE t SET unused = unused || 'z';
SELECT trickle_test.same_as_query('st');
-- (Recomputes once, because the segment before lacks a column.)
SELECT trickle_test.same_as_query('st2', 'FULL');
UPDATE t SET unused = unused || 'y';
SELECT trickle_test.same_as_query('st2');

-- It may also write, and drop who wanted to know.
BEGIN;
INSERT INTO n VALUES (9);
DROP TABLE stn;
INSERT INTO n VALUES (10);
COMMIT;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'n'::regclass;

-- The trigger functions serve no other triggers.
CREATE TABLE other (a int);
CREATE TRIGGER x AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION pgtrickle.capture_change('1');
INSERT INTO other VALUES (1);
ALTER TRIGGER x ON other RENAME TO "!pgt_1_row";
INSERT INTO other VALUES (1);
SELECT pgtrickle.capture_change();
