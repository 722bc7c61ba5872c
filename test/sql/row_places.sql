-- Where rows lie is noted if a large part of a small table is looked up; each
-- place is a hint.
\i trickle_test.sql

CREATE TABLE sales (id int PRIMARY KEY, product int, price money,
	name text COLLATE "C", amount numeric);
INSERT INTO sales SELECT i, i % 400, (i % 300)::money,
	CASE WHEN i % 50 > 0 THEN 'n' || i % 350 END, i FROM generate_series(1, 2000) i;
-- money has no hash function: all its values have the same hash, so that two
-- groups have that of each pair.
SELECT trickle_test.stream('by_' || k, format(
	'SELECT %I, count(*) AS n, sum(amount) AS amount FROM sales GROUP BY %1$I', k))
FROM unnest('{product,price,name}'::text[]) k;
SELECT trickle_test.stream('by_two', $$ SELECT product, name, count(*) AS n
	FROM sales GROUP BY product, name $$);
SELECT trickle_test.stream('by_pair', $$ SELECT id / 2 AS pair, price,
	count(*) AS n, sum(amount) AS amount FROM sales GROUP BY id / 2, price $$);
SELECT trickle_test.stream('nested', $$ SELECT n, count(*), min(product)
	FROM (SELECT product, count(*) AS n FROM sales GROUP BY product) p
	GROUP BY n $$);
CREATE VIEW streams AS
SELECT unnest('{by_product,by_price,by_name,by_two,by_pair,nested}'::text[]) AS st;

-- How tables of states and the stream tables are read.
CREATE FUNCTION scans(st text, OUT whole bigint, OUT "by index" text)
LANGUAGE plpgsql AS $$
DECLARE
	seq bigint;
	idx bigint;
BEGIN
	SELECT sum(seq_scan), sum(coalesce(idx_scan, 0)) INTO seq, idx
	FROM pg_stat_xact_user_tables
	WHERE schemaname = 'pgtrickle_state' OR relname = st;
	PERFORM pgtrickle.refresh_stream_table(st);
	SELECT sum(seq_scan) - seq,
		CASE WHEN sum(coalesce(idx_scan, 0)) - idx < 10 THEN 'few' ELSE 'many' END
	INTO whole, "by index" FROM pg_stat_xact_user_tables
	WHERE schemaname = 'pgtrickle_state' OR relname = st;
END
$$;

-- All groups change.
UPDATE sales SET amount = amount + 1;
SELECT * FROM scans('by_product');
SELECT trickle_test.same_as_query('by_product', 'NO_DATA');
SELECT trickle_test.same_as_query('by_price');
-- Two do.
UPDATE sales SET amount = amount + 1 WHERE product IN (7, 8);
SELECT * FROM scans('by_product');
SELECT trickle_test.same_as_query('by_product', 'NO_DATA');
SELECT trickle_test.same_as_query('by_price');

-- Groups come, go, and go to others, again and again, also in one transaction.
INSERT INTO sales SELECT i, i % 900, (i % 700)::money, 'n' || i % 500, i
FROM generate_series(2001, 4000) i;
SELECT st, trickle_test.same_as_query(st) FROM streams;
UPDATE sales SET product = product + 100, price = price * 2, name = name || 'x'
WHERE id % 3 > 0;
SELECT st, trickle_test.same_as_query(st) FROM streams;
BEGIN;
DELETE FROM sales WHERE product % 2 = 0;
SELECT st, trickle_test.same_as_query(st) FROM streams;
INSERT INTO sales SELECT i, i % 900, (i % 700)::money, 'n' || i % 500, i
FROM generate_series(5001, 7000) i;
SELECT st, trickle_test.same_as_query(st) FROM streams;
SAVEPOINT a;
UPDATE sales SET amount = -amount, product = product % 500, price = -1 * price;
SELECT st, trickle_test.same_as_query(st) FROM streams;
ROLLBACK TO a;
UPDATE sales SET amount = amount + 2;
SELECT st, trickle_test.same_as_query(st) FROM streams WHERE st <> 'nested' AND st <> 'by_two';
COMMIT;
DELETE FROM sales;
SELECT st, trickle_test.same_as_query(st) FROM streams;

-- Refreshes do not fill the state with dead versions.
INSERT INTO sales SELECT i, i % 1000, 1::money, 'n', i FROM generate_series(1, 2000) i;
SELECT trickle_test.same_as_query('by_product');
SELECT pg_relation_size(state_relid) AS before, state_relid AS state
FROM pgtrickle.pgt_nodes JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
WHERE pgt_relid = 'by_product'::regclass \gset
DO $$
BEGIN
	FOR i IN 1..10 LOOP
		UPDATE sales SET amount = amount + i;
		COMMIT;
		PERFORM pgtrickle.refresh_stream_table('by_product');
		COMMIT;
	END LOOP;
END
$$;
SELECT pg_relation_size(:'state'::regclass) <= 3 * :before AS small;
SELECT trickle_test.same_as_query('by_product', 'NO_DATA');
