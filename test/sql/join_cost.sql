-- The refresh of one changed row does not read more of a table because the
-- table is larger, whatever the size it had when the plans were made.
\i trickle_test.sql

CREATE TABLE r (id int PRIMARY KEY, sid int);
CREATE TABLE s (id int PRIMARY KEY, tid int, b text);
CREATE TABLE t (id int PRIMARY KEY, c int);
CREATE INDEX ON r (sid);
CREATE INDEX ON s (tid);
SELECT trickle_test.stream('joined', $$
	SELECT r.id, b, c FROM r JOIN s ON s.id = sid JOIN t ON t.id = tid $$);
CREATE VIEW rs AS SELECT r.id, s.tid, b FROM r JOIN s ON s.id = sid;
SELECT trickle_test.stream('nested', $$
	SELECT rs.id, b, c FROM rs JOIN t ON t.id = tid $$);
SELECT trickle_test.stream('on_node', $$
	SELECT g.tid, g.n, t.c FROM t
	JOIN (SELECT tid, count(*) AS n FROM s GROUP BY tid) g ON g.tid = t.id $$);

CREATE PROCEDURE fill(first int, last int) LANGUAGE sql AS $$
	INSERT INTO t SELECT i, i FROM generate_series(first, last) i;
	INSERT INTO s SELECT i, i, 'b' || i FROM generate_series(first, last) i;
	INSERT INTO r SELECT i, i FROM generate_series(first, last) i;
$$;
CREATE PROCEDURE change_all() LANGUAGE sql AS $$
	UPDATE r SET sid = 2 WHERE id = 1;
	UPDATE s SET b = b || '!' WHERE id = 2;
	UPDATE t SET c = c + 1 WHERE id = 3;
$$;

-- Tuples read from the tables and the states, by statement.
CREATE FUNCTION tuples_read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
	FROM pg_stat_xact_user_tables
	WHERE relname IN ('r', 's', 't') OR schemaname = 'pgtrickle_state'
$$;

-- Few rows: plans are made while the tables are small.
CALL fill(1, 100);
SELECT trickle_test.same_as_query(st) FROM unnest('{joined,nested,on_node}'::text[]) st;
CALL change_all();
BEGIN;
SELECT pgtrickle.refresh_stream_table(st) FROM unnest('{joined,nested,on_node}'::text[]) st;
SELECT tuples_read() AS small \gset
COMMIT;

-- A thousand times as many, without ANALYZE.
SET max_parallel_workers_per_gather = 0;
CALL fill(101, 50000);
SELECT trickle_test.same_as_query(st) FROM unnest('{joined,nested,on_node}'::text[]) st;
CALL change_all();
BEGIN;
SELECT pgtrickle.refresh_stream_table(st) FROM unnest('{joined,nested,on_node}'::text[]) st;
SELECT tuples_read() AS large \gset
COMMIT;
SELECT :large <= 2 * :small AS "reads no more", :large < 100 AS few;

-- The same when all tables change together.
SELECT trickle_test.same_as_query(st, 'NO_DATA') FROM unnest('{joined,nested,on_node}'::text[]) st;

-- Many changed rows whose partners lie together: no others are read.
CREATE TABLE customers (id int PRIMARY KEY, region int);
CREATE TABLE orders (id int PRIMARY KEY, customer int, price int);
INSERT INTO customers SELECT i, i % 10 FROM generate_series(1, 200000) i;
INSERT INTO orders SELECT i, 1 + i / 10, i FROM generate_series(1, 20000) i;
VACUUM ANALYZE customers;
SELECT trickle_test.stream('sold', $$
	SELECT region, sum(price) AS price FROM orders
	JOIN customers c ON c.id = customer GROUP BY region $$);
CREATE FUNCTION customers_read() RETURNS bigint LANGUAGE sql AS $$
	SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
	WHERE relname = 'customers'
$$;
UPDATE orders SET price = price + 1 WHERE id <= 6000;
BEGIN;
SELECT customers_read() AS before \gset
SELECT pgtrickle.refresh_stream_table('sold');
SELECT customers_read() - :before BETWEEN 600 AND 700 AS few;
COMMIT;
SELECT trickle_test.same_as_query('sold', 'NO_DATA');

-- The next ones lie elsewhere, and everywhere: the plan is not the same.
UPDATE orders SET customer = 200001 - id WHERE id > 10000;
SELECT trickle_test.same_as_query('sold');
UPDATE orders SET customer = 1 + (id::bigint * 7919 % 200000)::int;
SELECT trickle_test.same_as_query('sold');
