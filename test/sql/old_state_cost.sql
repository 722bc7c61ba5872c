-- A change of several tables that are joined looks up what it joins, also if
-- it has more rows than plans for few rows are made for: the planner knows
-- what there is to know of tables that are read as they were before.
\i trickle_test.sql

CREATE TABLE customers (id int PRIMARY KEY, segment int);
CREATE TABLE orders (id int PRIMARY KEY, customer int, day int);
CREATE TABLE items (order_id int, n int, price int, PRIMARY KEY (order_id, n));
INSERT INTO customers SELECT i, i % 5 FROM generate_series(1, 5000) i;
INSERT INTO orders SELECT i, 1 + i % 5000, i % 7 FROM generate_series(1, 50000) i;
INSERT INTO items SELECT o, n, o % 100
FROM generate_series(1, 50000) o, generate_series(1, 5) n;
CREATE INDEX ON orders (customer);
VACUUM ANALYZE customers, orders, items;

SELECT trickle_test.stream('sold', $$
	SELECT segment, day, sum(price) FROM customers c
	JOIN orders o ON o.customer = c.id JOIN items i ON i.order_id = o.id
	WHERE price = 7 GROUP BY 1, 2 $$);

CREATE FUNCTION items_scanned() RETURNS bigint LANGUAGE sql AS $$
	SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'items'
$$;

-- Two tables change.
UPDATE customers SET segment = (segment + 1) % 5 WHERE id % 200 = 7;
UPDATE orders SET customer = 1 + customer % 5000 WHERE id % 1250 = 3;
BEGIN;
SELECT items_scanned() AS before \gset
SELECT pgtrickle.refresh_stream_table('sold');
SELECT items_scanned() - :before AS "items scanned";
COMMIT;
SELECT trickle_test.same_as_query('sold', 'NO_DATA');

-- All of them do.
UPDATE customers SET segment = (segment + 1) % 5 WHERE id % 200 = 8;
UPDATE orders SET customer = 1 + customer % 5000 WHERE id % 1250 = 5;
UPDATE items SET price = 7 WHERE order_id % 2500 = 5;
BEGIN;
SELECT items_scanned() AS before \gset
SELECT pgtrickle.refresh_stream_table('sold');
SELECT items_scanned() - :before AS "items scanned";
COMMIT;
SELECT trickle_test.same_as_query('sold', 'NO_DATA');
