-- A column that is added to a table of which whole rows are read.
\i trickle_test.sql
CREATE FUNCTION logged(relid regclass) RETURNS int2[] LANGUAGE sql AS $$
	SELECT tracked_columns FROM pgtrickle.pgt_change_tracking t WHERE t.source_relid = relid
$$;
CREATE TABLE t (id int PRIMARY KEY, a int);
INSERT INTO t VALUES (1, 1);
SELECT trickle_test.stream('json', 'SELECT id, to_jsonb(t) AS j FROM t');
SELECT trickle_test.stream('distinct_rows', 'SELECT DISTINCT t AS r FROM t');
SELECT trickle_test.stream('counted', 'SELECT count(t) AS n, max(t::text) AS m FROM t');
SELECT trickle_test.stream('columns', 'SELECT * FROM t');
CREATE VIEW inner_ AS SELECT id, t AS r FROM t;
CREATE VIEW outer_ AS SELECT id, r IS NOT NULL AS set, r FROM inner_;
SELECT trickle_test.stream('by_view', 'WITH w AS (SELECT * FROM outer_) SELECT id, (r).a, set, r::text AS t FROM w');

-- It is logged from then on: recomputed once, then a delta again.
ALTER TABLE t ADD COLUMN c int;
SELECT logged('t');
INSERT INTO t VALUES (2, 2, 5);
SELECT trickle_test.same_as_query(st, 'FULL') FROM unnest('{json,distinct_rows,counted,by_view}'::text[]) st;
SELECT trickle_test.same_as_query('columns');
UPDATE t SET c = c + 1;
INSERT INTO t VALUES (3, 2, 5);
SELECT trickle_test.same_as_query(st) FROM unnest('{json,distinct_rows,counted,by_view,columns}'::text[]) st;

-- (The server has this refused where rows are kept as values.)
SELECT pgtrickle.drop_stream_table('distinct_rows');
-- With values, that is a rewrite or not; several at once; none.
ALTER TABLE t ADD COLUMN d int DEFAULT 7, ADD e float8 DEFAULT random(), ADD COLUMN IF NOT EXISTS a text;
ALTER TABLE t ADD COLUMN IF NOT EXISTS a text;
ALTER TABLE t ADD COLUMN f serial, ADD g int GENERATED ALWAYS AS (id * 2) STORED, ADD h int NOT NULL DEFAULT 1;
SELECT logged('t');
DELETE FROM t WHERE id = 2;
SELECT trickle_test.same_as_query('json', 'FULL');
UPDATE t SET h = 2;
SELECT trickle_test.same_as_query('json');
SELECT trickle_test.same_as_query('columns');
ALTER TABLE t DROP COLUMN c, ADD COLUMN c text DEFAULT 'new';
SELECT trickle_test.same_as_query('json', 'FULL');
UPDATE t SET c = 'other';
SELECT trickle_test.same_as_query('json');

-- Amid writes: what was captured before has fewer columns.
BEGIN;
INSERT INTO t VALUES (4, 4);
ALTER TABLE t ADD COLUMN i int;
UPDATE t SET i = 1;
SELECT trickle_test.same_as_query('json', 'FULL');
UPDATE t SET i = 2 WHERE id = 4;
SELECT trickle_test.same_as_query('json');
COMMIT;
UPDATE t SET i = 3 WHERE id = 4;
SELECT trickle_test.same_as_query('json');

-- Rolled back, with all or a part of the transaction.
SELECT logged('t') AS before \gset
BEGIN;
INSERT INTO t VALUES (5, 5);
ALTER TABLE t ADD COLUMN k int DEFAULT 1;
UPDATE t SET k = 2;
ROLLBACK;
SELECT logged('t') = :'before' AS same;
INSERT INTO t VALUES (6, 6);
SELECT trickle_test.same_as_query('json');
SET pg_trickle.capture_buffer_rows = 3;
BEGIN;
INSERT INTO t SELECT i, i FROM generate_series(11, 15) i;
SAVEPOINT s;
UPDATE t SET a = 8 WHERE id = 12;
ALTER TABLE t ADD COLUMN k int DEFAULT 1;
UPDATE t SET k = 2;
ROLLBACK TO s;
UPDATE t SET a = 9 WHERE id = 13;
SELECT trickle_test.same_as_query('json', 'FULL'); -- some rows were written anew
SAVEPOINT s;
UPDATE t SET a = 10 WHERE id = 14;
ALTER TABLE t ADD COLUMN l int DEFAULT 1;
UPDATE t SET l = 2;
RELEASE s;
UPDATE t SET a = 11 WHERE id = 15;
COMMIT;
RESET pg_trickle.capture_buffer_rows;
SELECT trickle_test.same_as_query('json', 'FULL');
SELECT trickle_test.same_as_query('counted', 'FULL');
SELECT trickle_test.same_as_query('columns', 'FULL');
UPDATE t SET l = 4, a = 12;
SELECT trickle_test.same_as_query(st) FROM unnest('{json,counted,columns}'::text[]) st;

-- Nobody reads whole rows: nothing is logged that is not read.
CREATE TABLE plain (id int, a int);
SELECT trickle_test.stream('by_column', 'SELECT * FROM plain');
SELECT trickle_test.stream('row_of_view', 'SELECT v::text AS r FROM (SELECT * FROM plain) v');
ALTER TABLE plain ADD COLUMN c int;
SELECT logged('plain');

-- Partitions and children get it with their parent, and children alone.
CREATE TABLE p (k int, v text) PARTITION BY LIST (k);
CREATE TABLE p1 (v text, k int);
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY LIST (v);
CREATE TABLE p2a PARTITION OF p2 FOR VALUES IN ('a');
SELECT trickle_test.stream('all_', 'SELECT to_jsonb(p) AS r FROM p');
SELECT trickle_test.stream('leaf', 'SELECT to_jsonb(p2a) AS r FROM p2a');
INSERT INTO p VALUES (1, 'a'), (2, 'a');
ALTER TABLE p ADD COLUMN c int DEFAULT 3;
INSERT INTO p VALUES (1, 'b', 1), (2, 'a', 2);
SELECT trickle_test.same_as_query('all_', 'FULL');
SELECT trickle_test.same_as_query('leaf', 'FULL');
UPDATE p SET c = c + 1;
UPDATE p SET k = 2 WHERE k = 1 AND v = 'a';
SELECT trickle_test.same_as_query('all_');
SELECT trickle_test.same_as_query('leaf');
CREATE TABLE parent (id int);
CREATE TABLE child (x int) INHERITS (parent);
SELECT trickle_test.stream('parents', 'SELECT parent::text AS r FROM parent');
SELECT trickle_test.stream('children', 'SELECT child::text AS r FROM child');
INSERT INTO child VALUES (1, 2);
ALTER TABLE child ADD COLUMN y int DEFAULT 3;
SELECT trickle_test.same_as_query('parents');
SELECT trickle_test.same_as_query('children', 'FULL');
ALTER TABLE parent ADD COLUMN z int DEFAULT 4;
SELECT trickle_test.same_as_query(st, 'FULL') FROM unnest('{parents,children}'::text[]) st;
UPDATE child SET y = 5, z = 6;
SELECT trickle_test.same_as_query(st) FROM unnest('{parents,children}'::text[]) st;

-- A table of a type gets it with the type; a stream table with its query.
CREATE TYPE kind AS (id int, a int);
CREATE TABLE typed OF kind;
SELECT trickle_test.stream('of_type', 'SELECT typed::text AS r FROM typed');
INSERT INTO typed VALUES (1, 2);
ALTER TYPE kind ADD ATTRIBUTE b int CASCADE;
SELECT trickle_test.same_as_query('of_type', 'FULL');
UPDATE typed SET b = 5;
SELECT trickle_test.same_as_query('of_type');
SELECT trickle_test.stream('lower_', 'SELECT id FROM plain');
SELECT trickle_test.stream('upper_', 'SELECT to_jsonb(lower_) AS r FROM lower_');
SELECT pgtrickle.alter_stream_table('lower_', query => 'SELECT id, a, c FROM plain');
INSERT INTO plain VALUES (1, 2, 3);
SELECT trickle_test.same_as_query('upper_', 'FULL');
UPDATE plain SET c = 4;
SELECT trickle_test.same_as_query('upper_');

-- A repair has columns captured that came behind our back.
ALTER EVENT TRIGGER "!pgt_capture_ddl_end" DISABLE;
ALTER TABLE t ADD COLUMN z int DEFAULT 1;
ALTER EVENT TRIGGER "!pgt_capture_ddl_end" ENABLE ALWAYS;
SELECT trickle_test.same_as_query('json', 'FULL');
UPDATE t SET z = 2;
SELECT trickle_test.same_as_query('json', 'FULL');
SELECT pgtrickle.repair_stream_table('json');
UPDATE t SET z = 3;
SELECT trickle_test.same_as_query('json');
SELECT pgtrickle.repair_stream_table('json');
