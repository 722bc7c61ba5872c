-- Comparing stream tables with a recomputation, and repairing what is wrong.
\i trickle_test.sql

CREATE TABLE sales (id int PRIMARY KEY, region text, amount int, at timestamptz);
INSERT INTO sales SELECT i, 'region ' || i % 3, i, '2024-01-01 00:00+00'
FROM generate_series(1, 10) i;
SELECT trickle_test.stream('totals', $$
	SELECT region, sum(amount) AS total, max(at) AS last FROM sales GROUP BY region $$);
SELECT trickle_test.stream('bag', 'SELECT region, amount % 2 AS odd FROM sales');
SELECT trickle_test.stream('counted',
	'SELECT r.region, n FROM (SELECT region, count(*) AS n FROM sales GROUP BY region) r
	 JOIN (SELECT DISTINCT region FROM sales) d USING (region)');

-- It refreshes first: no row, and the changes are there.
INSERT INTO sales VALUES (11, 'region 0', 100, NULL);
SELECT * FROM pgtrickle.verify_stream_table('totals');
SELECT * FROM totals ORDER BY region;
SELECT initiated_by, action FROM pgtrickle.get_refresh_history('totals', 1);
SELECT * FROM pgtrickle.verify_stream_table('bag');
SELECT * FROM pgtrickle.verify_stream_table('counted');

-- Somebody gets past the guards and changes rows behind our back.
CREATE FUNCTION corrupt(sql text, st text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', st);
	EXECUTE sql;
	EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', st);
	UPDATE pgtrickle.pgt_stream_tables SET is_populated = true WHERE pgt_relid = st::regclass;
END $$;
SELECT corrupt('UPDATE totals SET total = 0 WHERE region = ''region 1''', 'totals');
SELECT corrupt('INSERT INTO totals VALUES (''region 9'', 1, NULL)', 'totals');
SELECT corrupt('DELETE FROM totals WHERE region = ''region 2''', 'totals');
SELECT * FROM pgtrickle.verify_stream_table('totals') ORDER BY row_source, row_data;
-- Just looking repairs nothing; repairing returns what it has put right.
SELECT * FROM pgtrickle.verify_stream_table('totals', repair => true) ORDER BY row_source, row_data;
SELECT * FROM pgtrickle.verify_stream_table('totals');
SELECT * FROM totals ORDER BY region;
SELECT initiated_by, action, refresh_reason FROM pgtrickle.get_refresh_history('totals', 2);

-- Rows that are there too often, or not often enough.
SELECT corrupt('INSERT INTO bag VALUES (''region 1'', 1), (''region 1'', 1)', 'bag');
SELECT corrupt('DELETE FROM bag WHERE region = ''region 2''', 'bag');
SELECT row_source, row_data, count(*) FROM pgtrickle.verify_stream_table('bag', true)
GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM pgtrickle.verify_stream_table('bag');

-- The states of nodes, which the result does not show.
SELECT state_relid AS state FROM pgtrickle.pgt_nodes JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
WHERE pgt_relid = 'counted'::regclass ORDER BY node_id LIMIT 1 \gset
UPDATE :state SET n = n + 1 WHERE k1 = 'region 1';
DELETE FROM :state WHERE k1 = 'region 2';
SELECT row_source, row_data ->> 'k1' AS k1, row_data ->> 'n' AS n
FROM pgtrickle.verify_stream_table('counted') ORDER BY 1, 2;
SELECT count(*) FROM pgtrickle.verify_stream_table('counted', true);
SELECT * FROM pgtrickle.verify_stream_table('counted');
UPDATE sales SET region = 'region 2' WHERE id IN (1, 3);
SELECT trickle_test.same_as_query('counted');

-- A value multiset is part of the state of its node.
SELECT multiset_relids[2] AS multiset FROM pgtrickle.pgt_nodes JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
WHERE pgt_relid = 'totals'::regclass \gset
SELECT pgtrickle.refresh_stream_table('totals');
DELETE FROM :multiset WHERE k1 = 'region 1';
SELECT row_source, row_data ->> 'k1' AS k1 FROM pgtrickle.verify_stream_table('totals', true);
SELECT * FROM pgtrickle.verify_stream_table('totals');

-- A stream table that is recomputed at each refresh is verified as well.
SELECT pgtrickle.create_stream_table('full_mode', 'SELECT id FROM sales', 'manual', 'FULL');
SELECT corrupt('DELETE FROM full_mode', 'full_mode');
SELECT * FROM pgtrickle.verify_stream_table('full_mode');

-- In one transaction with changes, and under any isolation level.
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO sales VALUES (12, 'region 5', 1, '2024-06-01 00:00+00');
SELECT * FROM pgtrickle.verify_stream_table('totals');
SELECT total FROM totals WHERE region = 'region 5';
ROLLBACK;
SELECT * FROM pgtrickle.verify_stream_table('totals');

-- Parts that were dropped or altered are found, and made anew.
SELECT state_relid AS state FROM pgtrickle.pgt_nodes JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
WHERE pgt_relid = 'totals'::regclass \gset
SELECT log_relid AS log FROM pgtrickle.pgt_log_segments \gset
INSERT INTO sales VALUES (13, 'region 6', 1, NULL);
ALTER TABLE :log ADD COLUMN more int;
SELECT regexp_replace(pgtrickle.repair_stream_table('totals'), 'log_\d+', 'log_n');
SELECT trickle_test.same_as_query('totals', 'NO_DATA');
-- Others that read the same log find its new beginning.
SELECT trickle_test.same_as_query('bag', 'FULL');
INSERT INTO sales VALUES (14, 'region 6', 1, NULL);
SELECT trickle_test.same_as_query('totals');
SELECT trickle_test.same_as_query('bag');

-- Repairing resumes.
SELECT pgtrickle.alter_stream_table('totals', status => 'suspended');
SELECT pgtrickle.repair_stream_table('totals');
SELECT status FROM pgtrickle.pgt_status() WHERE name = 'public.totals';

-- States that are equal but not identical, of types without "=".
CREATE TABLE pieces (k int, v text, x numeric);
INSERT INTO pieces VALUES (1, 'a', 1.0), (1, 'b', 1.00);
SELECT trickle_test.stream('piled', 'SELECT k, json_agg(v) AS j, array_agg(x ORDER BY x) AS xs FROM pieces GROUP BY k');
UPDATE pieces SET v = v WHERE v = 'a';
SELECT pgtrickle.refresh_stream_table('piled');
SELECT count(*) > 0 AS another_order FROM pgtrickle.verify_stream_table('piled', true);
SELECT * FROM pgtrickle.verify_stream_table('piled');
