-- The pages of a stream table of groups have room for new versions of their rows,
-- so that many stay where they are and indexes get no entries for them.
\i trickle_test.sql

CREATE TABLE sale (id int PRIMARY KEY, region int, amount int);
INSERT INTO sale SELECT i, i % 500, i FROM generate_series(1, 1000) i;
SELECT trickle_test.stream('by_region', 'SELECT region, sum(amount) FROM sale GROUP BY region');
SELECT trickle_test.stream('total', 'SELECT sum(amount) FROM sale');
SELECT trickle_test.stream('regions', 'SELECT DISTINCT region FROM sale');
SELECT trickle_test.stream('large', 'SELECT id, amount FROM sale WHERE amount > 500');
-- However the groups are written ...
CREATE VIEW regional AS SELECT region, max(amount) AS most FROM sale GROUP BY region;
SELECT trickle_test.stream('by_view', 'SELECT * FROM regional WHERE most > 3');
SELECT trickle_test.stream('by_cte', 'WITH r AS (SELECT * FROM (SELECT region, count(*) AS n FROM sale GROUP BY 1) q) SELECT n, region FROM r');
SELECT trickle_test.stream('by_having', 'SELECT region, id % 2, count(*) FROM sale GROUP BY 1, 2 HAVING count(*) > 0');
-- ... but not where rows are not updated (no key), or are no groups.
SELECT trickle_test.stream('without_key', 'SELECT sum(amount) FROM sale GROUP BY region');
SELECT trickle_test.stream('joined', 'SELECT id, most FROM sale JOIN regional USING (region)');
SELECT trickle_test.stream('two', 'SELECT region, most FROM regional UNION ALL SELECT region, most FROM regional');
SELECT pgtrickle.create_stream_table('cubed', 'SELECT region, sum(amount) FROM sale GROUP BY ROLLUP (region)', 'manual');
SELECT relname, reloptions FROM pgtrickle.pgt_stream_tables
	JOIN pg_class ON pg_class.oid = pgt_relid ORDER BY 1;

-- All of them change at once, for the first time.
BEGIN;
UPDATE sale SET amount = amount + 1;
SELECT pgtrickle.refresh_stream_table('by_region');
SELECT pg_stat_get_xact_tuples_updated('by_region'::regclass) AS updated,
	pg_stat_get_xact_tuples_hot_updated('by_region'::regclass) >= 150 AS many_stayed;
COMMIT;
UPDATE sale SET amount = amount + 1 WHERE id < 700;
SELECT trickle_test.same_as_query('by_region');

-- Whoever wants the space back can have it.
SELECT pg_relation_size('by_region') AS size \gset
ALTER TABLE by_region SET (fillfactor = 100);
VACUUM FULL by_region;
SELECT pg_relation_size('by_region') < :size * 0.8 AS smaller;
UPDATE sale SET amount = amount + 1;
SELECT trickle_test.same_as_query('by_region');
SELECT reloptions FROM pg_class WHERE relname = 'by_region';
