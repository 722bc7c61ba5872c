-- Capture: values out of line.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, v text, x int);
ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
CREATE FUNCTION big(n int) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$ SELECT string_agg(md5(n || '.' || i), '') FROM generate_series(1, 300) i $$;
SELECT trickle_test.stream('st', 'SELECT id, v FROM t');

INSERT INTO t SELECT i, big(i), i FROM generate_series(1, 10) i;
SELECT trickle_test.same_as_query('st');
-- The value stays where it is; the row changes.
UPDATE t SET id = id + 100 WHERE id < 4;
SELECT trickle_test.same_as_query('st');
-- The value changes.
UPDATE t SET v = v || 'x' WHERE id < 8;
SELECT trickle_test.same_as_query('st');
-- Nothing changes, with the same pointer and with another.
UPDATE t SET x = 0;
UPDATE t SET v = v || '';
SELECT trickle_test.same_as_query('st', 'NO_DATA');
DELETE FROM t WHERE id > 100;
SELECT trickle_test.same_as_query('st');

-- Compressed values, in line and out.
ALTER TABLE t ALTER v SET STORAGE EXTENDED;
INSERT INTO t SELECT i, repeat('abc', i * 1000), i FROM generate_series(11, 14) i;
INSERT INTO t SELECT i, repeat(md5(i::text), i * 1000), i FROM generate_series(15, 17) i;
UPDATE t SET x = 1;
UPDATE t SET v = substr(v, 2) WHERE id > 12;
SELECT trickle_test.same_as_query('st');

-- Written, and then the place where it was is gone, in the same transaction.
BEGIN;
UPDATE t SET id = id + 1000 WHERE id < 12;
TRUNCATE t;
COMMIT;
SELECT trickle_test.same_as_query('st', 'FULL');
INSERT INTO t SELECT i, big(i), i FROM generate_series(1, 10) i;
BEGIN;
UPDATE t SET v = v || 'y';
ALTER TABLE t ALTER x TYPE bigint;
DELETE FROM t WHERE id = 3;
COMMIT;
SELECT trickle_test.same_as_query('st');
BEGIN;
UPDATE t SET v = v || 'z';
CLUSTER t USING t_pkey;
DELETE FROM t WHERE id = 4;
COMMIT;
SELECT trickle_test.same_as_query('st');
-- Written at the end of a subtransaction, when no statement is running.
SET pg_trickle.capture_buffer_rows = 3;
BEGIN;
INSERT INTO t SELECT i, big(i), i FROM generate_series(21, 22) i;
SAVEPOINT a;
INSERT INTO t SELECT i, big(i), i FROM generate_series(23, 24) i;
RELEASE a;
SAVEPOINT a;
UPDATE t SET v = v || 'a' WHERE id = 22;
COMMIT;
RESET pg_trickle.capture_buffer_rows;
SELECT trickle_test.same_as_query('st');
BEGIN;
UPDATE t SET v = v || 'z';
DROP TABLE t CASCADE;
COMMIT;
SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace;
