-- The pages of a stream table of groups have room for new versions of their rows,
-- so that most stay where they are and indexes get no entries.
\i trickle_test.sql

CREATE TABLE sale (id int PRIMARY KEY, region int, amount int);
INSERT INTO sale SELECT i, i % 500, i FROM generate_series(1, 1000) i;
SELECT trickle_test.stream('by_region', 'SELECT region, sum(amount) FROM sale GROUP BY region');
SELECT trickle_test.stream('total', 'SELECT sum(amount) FROM sale');
SELECT trickle_test.stream('regions', 'SELECT DISTINCT region FROM sale');
SELECT trickle_test.stream('large', 'SELECT id, amount FROM sale WHERE amount > 500');
SELECT relname, reloptions FROM pg_class
	WHERE relname IN ('by_region', 'total', 'regions', 'large') ORDER BY relname;

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
ALTER TABLE by_region SET (fillfactor = 100);
UPDATE sale SET amount = amount + 1;
SELECT trickle_test.same_as_query('by_region');
SELECT reloptions FROM pg_class WHERE relname = 'by_region';
