-- The state of nodes: how it fails, and how it is put right.
\i trickle_test.sql

CREATE TABLE t (id int PRIMARY KEY, g int, x int, d date, s text);
INSERT INTO t SELECT i, i % 3, i, date '2024-01-01' + i, 's' || i % 5
FROM generate_series(1, 20) i;

-- A refresh that fails in the middle of a node leaves nothing behind.
CREATE FUNCTION careful_add(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS
$$
BEGIN
	IF $2 = 13 THEN
		RAISE 'thirteen is unlucky';
	END IF;
	RETURN $1 + $2;
END
$$;
CREATE AGGREGATE careful(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0',
	MSFUNC = careful_add, MINVFUNC = int4mi, MSTYPE = int, MINITCOND = '0');
SELECT trickle_test.stream('sums', $$
	SELECT g, max(d), count(DISTINCT s), careful(x), array_agg(x ORDER BY x)
	FROM t WHERE id <> 13 GROUP BY g $$);
INSERT INTO t VALUES (30, 0, 1, '2030-01-01', 'a'), (31, 1, 13, '2030-01-01', 'b'),
	(32, 2, 1, '2030-01-01', 'c');
SELECT trickle_test.same_as_query('sums');
SELECT trickle_test.same_as_query('sums');
UPDATE t SET x = 14 WHERE id = 31;
DELETE FROM t WHERE id = 30;
SELECT trickle_test.same_as_query('sums');

-- The same in a subtransaction of a session that goes on.
INSERT INTO t VALUES (33, 1, 13, '2031-01-01', 'z');
DO $$
BEGIN
	PERFORM pgtrickle.refresh_stream_table('sums');
EXCEPTION WHEN raise_exception THEN
	UPDATE t SET x = 0 WHERE id = 33;
	PERFORM pgtrickle.refresh_stream_table('sums');
END
$$;
SELECT trickle_test.same_as_query('sums', 'NO_DATA');

-- A savepoint that is rolled back takes the state with it.
BEGIN;
SAVEPOINT s;
INSERT INTO t VALUES (40, 5, 5, '2040-01-01', 'new');
SELECT trickle_test.same_as_query('sums');
ROLLBACK TO s;
UPDATE t SET d = '2050-01-01', s = 'changed' WHERE id = 1;
SELECT trickle_test.same_as_query('sums');
COMMIT;
SELECT trickle_test.same_as_query('sums', 'NO_DATA');

-- Several refreshes in one transaction.
BEGIN;
INSERT INTO t VALUES (41, 7, 7, '2041-01-01', 'q'), (42, 7, 7, '2041-01-01', 'q');
SELECT trickle_test.same_as_query('sums');
DELETE FROM t WHERE id = 41;
SELECT trickle_test.same_as_query('sums');
DELETE FROM t WHERE id = 42;
SELECT trickle_test.same_as_query('sums');
COMMIT;

-- Tables that hold state, by what they hold.
SELECT regexp_replace(relname, '\d+', 'N') AS "table",
	string_agg(attname, ' ' ORDER BY attnum) AS columns
FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relkind = 'r' AND attnum > 0
GROUP BY relname ORDER BY 1;

-- Whatever is wrong in them is found, and put right.
SELECT regexp_replace(relname, '_1$', '') AS node FROM pg_class
WHERE relnamespace = 'pgtrickle_state'::regnamespace AND relname ~ '^n_' AND relkind = 'r' \gset
SELECT 'pgtrickle_state.' || :'node' || '_1' AS node,
	'pgtrickle_state.' || replace(:'node', 'n_', 'm_') || '_1_1' AS dates,
	'pgtrickle_state.' || replace(:'node', 'n_', 'm_') || '_1_2' AS strings \gset
SELECT * FROM pgtrickle.verify_stream_table('sums');
UPDATE :node SET n = n + 1 WHERE k1 = 0;
UPDATE :node SET a1 = '1999-01-01' WHERE k1 = 1;
DELETE FROM :node WHERE k1 = 2;
INSERT INTO :node SELECT (jsonb_populate_record(state, '{"k1": 77}')).* FROM :node state WHERE k1 = 0;
DELETE FROM :dates WHERE v1 = '2024-01-05';
INSERT INTO :dates SELECT (jsonb_populate_record(d, '{"v1": "2099-01-01"}')).* FROM :dates d LIMIT 1;
UPDATE :strings SET n = 7 WHERE v1 = 's3' AND k1 = 1;
UPDATE :strings SET vhash = 0 WHERE v1 = 's4' AND k1 = 1;
SELECT count(*) > 0 AS found FROM pgtrickle.verify_stream_table('sums');
SELECT count(*) > 0 AS repaired FROM pgtrickle.verify_stream_table('sums', true);
SELECT * FROM pgtrickle.verify_stream_table('sums');

-- State that does not fit a change is noticed: recomputed, with a warning.
UPDATE :node SET n = 0 WHERE k1 = 0;
DELETE FROM t WHERE id = 3;
SELECT trickle_test.same_as_query('sums', 'FULL');
DELETE FROM :node WHERE k1 = 1;
DELETE FROM t WHERE id = 4;
SELECT trickle_test.same_as_query('sums', 'FULL');
DELETE FROM :strings;
DELETE FROM t WHERE id = 5;
SELECT trickle_test.same_as_query('sums', 'FULL');
DELETE FROM :dates;
DELETE FROM t WHERE id = 6;
SELECT trickle_test.same_as_query('sums', 'FULL');
SELECT * FROM pgtrickle.verify_stream_table('sums');

-- REINDEX CONCURRENTLY gives them other indexes, and leaves invalid ones behind
-- when it fails.
INSERT INTO t VALUES (100, 0, 1, '2024-02-02', 's1');
SELECT trickle_test.same_as_query('sums');
REINDEX TABLE CONCURRENTLY :node;
REINDEX TABLE CONCURRENTLY :dates;
REINDEX TABLE CONCURRENTLY :strings;
INSERT INTO t VALUES (101, 0, 1, '2024-02-03', 's2');
SELECT trickle_test.same_as_query('sums');
SELECT format('CREATE INDEX %I ON %s (%s)', 'copy_of_' || row_number() OVER (ORDER BY indexrelid), indrelid::regclass,
	(SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = indexrelid))
FROM pg_index WHERE indrelid IN (:'node'::regclass, :'dates'::regclass, :'strings'::regclass) \gexec
UPDATE pg_index SET indisvalid = false WHERE indrelid IN (:'node'::regclass, :'dates'::regclass, :'strings'::regclass)
	AND (SELECT relname FROM pg_class WHERE oid = indexrelid) ~ '^copy_of';
INSERT INTO t VALUES (102, 0, 1, '2024-02-04', 's3');
SELECT trickle_test.same_as_query('sums');
\c
INSERT INTO t VALUES (103, 1, 1, '2024-02-05', 's4');
SELECT trickle_test.same_as_query('sums');
SELECT * FROM pgtrickle.verify_stream_table('sums');

-- And it goes with the stream table.
SELECT pgtrickle.drop_stream_table('sums');
SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_state'::regnamespace;

-- NULLs that no strict function may see, and types that it does not expect.
CREATE TABLE amounts (id int, g int, price numeric(8, 2), fee numeric);
INSERT INTO amounts SELECT i, i % 2, i, i FROM generate_series(1, 8) i;
SELECT trickle_test.stream('amounts_by_g', 'SELECT g, max(price), sum(DISTINCT fee) FROM amounts GROUP BY g');
SELECT multiset_relids[1] AS prices, multiset_relids[2] AS fees FROM pgtrickle.pgt_nodes
WHERE pgt_id = (SELECT pgt_id FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'amounts_by_g'::regclass) \gset
UPDATE :prices SET v1 = NULL WHERE k1 = 1;
UPDATE :fees SET v1 = NULL WHERE k1 = 1;
UPDATE :prices SET n = NULL WHERE v1 = 8;
UPDATE :fees SET hash = NULL WHERE v1 = 8;
SELECT row_source, row_data FROM pgtrickle.verify_stream_table('amounts_by_g') ORDER BY row_source, row_data;
SELECT pgtrickle.repair_stream_table('amounts_by_g');
SELECT * FROM pgtrickle.verify_stream_table('amounts_by_g');
UPDATE :prices SET v1 = NULL WHERE k1 = 1;
UPDATE :fees SET v1 = NULL WHERE k1 = 1;
DELETE FROM amounts WHERE id = 7;
SELECT trickle_test.same_as_query('amounts_by_g', 'FULL');
SELECT * FROM pgtrickle.verify_stream_table('amounts_by_g');
INSERT INTO :prices SELECT k1, NULL, 1, hash FROM :prices WHERE k1 = 0 LIMIT 1;
INSERT INTO :fees SELECT k1, NULL, 1, hash, 0 FROM :fees WHERE k1 = 0 LIMIT 1;
DELETE FROM amounts WHERE id = 8;
SELECT trickle_test.same_as_query('amounts_by_g');
SELECT format('REINDEX TABLE CONCURRENTLY %s', unnest(ARRAY[:'prices', :'fees'])) \gexec
INSERT INTO amounts VALUES (9, 1, 9, 9);
SELECT trickle_test.same_as_query('amounts_by_g');
ALTER TABLE :prices ALTER v1 TYPE int;
INSERT INTO amounts VALUES (10, 1, 10, 10);
SELECT pgtrickle.refresh_stream_table('amounts_by_g');
SELECT pgtrickle.drop_stream_table('amounts_by_g');

-- Hashes under a nondeterministic collation are those of its version.
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE named (name text COLLATE loose, x int);
SELECT trickle_test.stream('by_name', 'SELECT name, sum(x) AS x FROM named GROUP BY name');
SELECT trickle_test.stream('distinct_names', 'SELECT x, count(DISTINCT name) AS n FROM named GROUP BY x');
INSERT INTO named VALUES ('Ann', 1), ('Bob', 2);
SELECT trickle_test.same_as_query('by_name');
SELECT trickle_test.same_as_query('distinct_names');
UPDATE pgtrickle.pgt_nodes SET signature = regexp_replace(signature, '(und-u-ks-level2) .*', '\1 1.0')
WHERE signature ~ 'und-u-ks-level2';
ALTER TABLE named ADD COLUMN unread int; -- or nobody looks again
INSERT INTO named VALUES ('ANN', 1);
SELECT trickle_test.same_as_query('by_name', 'FULL');
SELECT trickle_test.same_as_query('distinct_names', 'FULL');
SELECT refresh_reason FROM pgtrickle.get_refresh_history('by_name', 1);
INSERT INTO named VALUES ('ann', 1);
SELECT trickle_test.same_as_query('by_name');
SELECT trickle_test.same_as_query('distinct_names');
