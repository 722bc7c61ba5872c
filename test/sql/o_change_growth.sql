-- What a refresh reads depends on the change also after tables have grown from
-- nothing to 100,000 rows, whoever analyzes them or not: plans that were made when
-- they were small are made anew.
\i trickle_test.sql

CREATE FUNCTION tuples_read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))::bigint
	FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace NOT IN
		('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace) $$;

CREATE TABLE customers (id int PRIMARY KEY, name text, region int);
CREATE TABLE orders (id int PRIMARY KEY, customer int, amount int, kind text);
CREATE INDEX ON orders (customer);
CREATE TABLE lines (id int, line int, qty int, PRIMARY KEY (id, line));
ALTER TABLE customers SET (autovacuum_enabled = off);
ALTER TABLE orders SET (autovacuum_enabled = off);
ALTER TABLE lines SET (autovacuum_enabled = off);

CREATE PROCEDURE load(first int, last int) LANGUAGE sql AS $$
	INSERT INTO customers SELECT i, 'c' || i, i % 10 FROM generate_series(first / 10 + 1, last / 10) i;
	INSERT INTO orders SELECT i, (i + 9) / 10, i % 100, 'kind ' || i % 4 FROM generate_series(first + 1, last) i;
	INSERT INTO lines SELECT (i + 1) / 2, i % 2, i % 7 FROM generate_series(first + 1, last) i;
$$;

CREATE TABLE streams (n serial, st text, query text);
INSERT INTO streams (st, query) VALUES
	('joined', $$SELECT l.id, l.line, c.name
		FROM lines l JOIN orders o USING (id) JOIN customers c ON c.id = o.customer$$),
	('self_joined', $$SELECT a.id, b.id AS other
		FROM orders a JOIN orders b ON a.customer = b.customer AND b.id = a.id + 1$$),
	('grouped', $$SELECT kind, count(*), sum(amount), max(amount), count(DISTINCT amount) AS n
		FROM orders GROUP BY kind$$),
	('recomputed', $$SELECT customer, string_agg(kind, ',' ORDER BY id)
		FROM orders GROUP BY customer$$),
	('group_join', $$SELECT c.region, sum(l.qty)
		FROM lines l JOIN orders o USING (id) JOIN customers c ON c.id = o.customer
		GROUP BY c.region$$),
	('join_group', $$SELECT o.id, t.total
		FROM orders o JOIN (SELECT customer, sum(amount) AS total FROM orders GROUP BY customer) t
		USING (customer)$$),
	('chained', $$SELECT c.id, c.name, r.string_agg
		FROM customers c JOIN recomputed r ON r.customer = c.id$$);
CREATE TABLE changes (source text, change text);
INSERT INTO changes VALUES
	('orders', 'INSERT INTO orders VALUES (0, 7, 5, ''new'')'),
	('orders', 'UPDATE orders SET amount = 70, kind = ''kind 2'' WHERE id = 65'),
	('orders', 'UPDATE orders SET customer = 9 WHERE id = 65'),
	('orders', 'DELETE FROM orders WHERE id = 65'),
	('customers', 'UPDATE customers SET name = ''x'', region = 3 WHERE id = 7'),
	('customers', 'UPDATE customers SET id = 0 WHERE id = 7'),
	('lines', 'INSERT INTO lines VALUES (65, 9, 9)'),
	('lines', 'DELETE FROM lines WHERE id = 65 AND line = 1');

CREATE FUNCTION refresh_all() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtrickle.refresh_stream_table(st) FROM streams ORDER BY n;
END $$;
-- What each change and the refreshes of a stream table read; everything is undone.
CREATE FUNCTION reads(st text, change text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	tuples bigint := tuples_read();
BEGIN
	BEGIN
		EXECUTE change;
		PERFORM pgtrickle.refresh_stream_table(st);
		tuples := tuples_read() - tuples;
		RAISE 'undone';
	EXCEPTION WHEN raise_exception THEN
	END;
	RETURN tuples;
END $$;
CREATE TABLE measured (stage text, st text, change text, tuples bigint);
CREATE PROCEDURE measure(stage text) LANGUAGE plpgsql AS $$
BEGIN
	-- Twice: planning may read, too.
	FOR i IN 1..2 LOOP
		DELETE FROM measured WHERE measured.stage = measure.stage;
		INSERT INTO measured SELECT measure.stage, st, change, reads(st, change) FROM streams, changes;
	END LOOP;
END $$;
-- Logs of large changes are read until they are closed, which takes two refreshes.
CREATE PROCEDURE settle() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..3 LOOP
		UPDATE orders SET amount = amount + 1 WHERE id = 1;
		UPDATE customers SET name = name || '!' WHERE id = 1;
		UPDATE lines SET qty = qty + 1 WHERE id = 1;
		COMMIT;
		PERFORM refresh_all();
		COMMIT;
	END LOOP;
END $$;
CREATE FUNCTION compare(a text, b text) RETURNS TABLE (st text, change text, before bigint, after bigint)
LANGUAGE sql AS $$
	SELECT x.st, x.change, x.tuples, y.tuples FROM measured x JOIN measured y USING (st, change)
	WHERE x.stage = a AND y.stage = b AND y.tuples > 2 * x.tuples ORDER BY 1, 2 $$;

SELECT count(trickle_test.stream(st, query)) FROM (SELECT * FROM streams ORDER BY n) s;
DO $$
DECLARE
	name regclass;
BEGIN
	FOR name IN SELECT st::regclass FROM streams UNION ALL SELECT state_relid FROM pgtrickle.pgt_nodes LOOP
		EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);
	END LOOP;
END $$;

-- From nothing to a thousand rows.
CALL load(0, 1000);
SELECT refresh_all();
CALL settle();
CALL measure('small');

-- To a hundred thousand.  One table has statistics of its former size, the others
-- have none.
ANALYZE orders;
CALL load(1000, 100000);
SELECT refresh_all();
CALL settle();
CALL measure('large');
SELECT * FROM compare('small', 'large');

-- With statistics.
ANALYZE;
CALL measure('analyzed');
SELECT * FROM compare('small', 'analyzed');

SELECT trickle_test.same_as_query(st, 'NO_DATA') FROM streams WHERE st <> 'self_joined';
