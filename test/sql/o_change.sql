-- What a refresh reads depends on the change, not on what the tables hold: the same
-- change of one row reads the same number of tuples, within a factor of two, in
-- tables of 1,000 and of 100,000 rows.  Counted are rows and index entries of all
-- tables but the server's: sources, logs, states, stream tables, our catalog.
\i trickle_test.sql

CREATE SCHEMA small;
CREATE SCHEMA large;

-- Ten orders per customer, two lines per order, three neighbours of each event, at
-- either size; indexes as anybody would have them; no statistics.
CREATE PROCEDURE build(n int) LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	CREATE TABLE regions (id int PRIMARY KEY, name text);
	INSERT INTO regions SELECT i, 'region ' || i FROM generate_series(0, 9) i;
	CREATE TABLE customers (id int PRIMARY KEY, name text, region int, score int);
	INSERT INTO customers SELECT i, 'customer ' || i, i % 10, i % 100 FROM generate_series(1, n / 10) i;
	CREATE INDEX ON customers (region);
	CREATE TABLE notes (customer int PRIMARY KEY, note text);
	INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, n / 10) i;
	CREATE TABLE orders (id int PRIMARY KEY, customer int, amount int, price numeric(10, 2),
		weight float8, kind text, day date, paid boolean);
	INSERT INTO orders SELECT i, (i + 9) / 10, i % 100, (i % 1000) / 4.0, i % 16, 'kind ' || i % 4,
			date '2024-01-01' + i % 365, i % 3 > 0
		FROM generate_series(1, n) i;
	CREATE INDEX ON orders (customer);
	CREATE TABLE old_orders (LIKE orders INCLUDING ALL);
	INSERT INTO old_orders SELECT i - n, (i + 9) / 10, i % 100, 1, 1, 'old', '2020-01-01', true
		FROM generate_series(1, n / 2) i;
	CREATE TABLE lines (id int, line int, item int, qty int, PRIMARY KEY (id, line));
	INSERT INTO lines SELECT (i + 1) / 2, i % 2, 1 + i % (n / 10), i % 7 FROM generate_series(1, n) i;
	CREATE INDEX ON lines (item);
	CREATE TABLE items (id int PRIMARY KEY, name text);
	INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, n / 10) i;
	CREATE TABLE events (id int PRIMARY KEY, at int, span int4range);
	INSERT INTO events SELECT i, i * 10, int4range(i * 10, i * 10 + 15) FROM generate_series(1, n) i;
	CREATE INDEX ON events (at);
	CREATE INDEX ON events USING gist (span);
	CREATE TABLE parted (id int PRIMARY KEY, customer int, amount int) PARTITION BY RANGE (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (100);
	CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (900);
	CREATE TABLE parted_3 PARTITION OF parted DEFAULT;
	CREATE INDEX ON parted (customer);
	INSERT INTO parted SELECT id, customer, amount FROM orders;
	CREATE TABLE one (factor int);
	INSERT INTO one VALUES (3);
	FOR name IN SELECT oid::regclass FROM pg_class
		WHERE relkind = 'r' AND relnamespace = current_schema::regnamespace
	LOOP
		EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);
	END LOOP;
	CREATE VIEW dear AS SELECT id, customer, amount FROM orders WHERE amount > 10;
	CREATE VIEW dearest (number, client, value) AS SELECT * FROM dear WHERE amount > 60;
END $$;
SET search_path = small, public;
CALL build(1000);
SET search_path = large, public;
CALL build(100000);
RESET search_path;

-- Changes of one row of a table; order 65 has amount 65 and customer 7.
CREATE TABLE changes (source text, change text, sql text);
INSERT INTO changes VALUES
	('orders', 'insert', 'INSERT INTO orders VALUES (0, 7, 65, 7.5, 1.5, ''kind 1'', ''2024-03-06'', true)'),
	('orders', 'update', 'UPDATE orders SET amount = 77, price = 1.25, weight = 2, kind = ''new'', paid = false WHERE id = 65'),
	('orders', 'key', 'UPDATE orders SET id = 0 WHERE id = 65'),
	('orders', 'other key', 'UPDATE orders SET customer = 9, day = ''2024-03-07'' WHERE id = 65'),
	('orders', 'delete', 'DELETE FROM orders WHERE id = 65'),
	('old_orders', 'insert', 'INSERT INTO old_orders VALUES (0, 7, 65, 7.5, 1.5, ''kind 1'', ''2024-03-06'', true)'),
	('old_orders', 'delete', 'DELETE FROM old_orders WHERE customer = 7 AND amount = 65'),
	('customers', 'insert', 'INSERT INTO customers VALUES (0, ''zero'', 1, 50)'),
	('customers', 'update', 'UPDATE customers SET name = ''new'', score = 1 WHERE id = 7'),
	('customers', 'key', 'UPDATE customers SET id = 0 WHERE id = 7'),
	('customers', 'other key', 'UPDATE customers SET region = 5 WHERE id = 7'),
	('customers', 'delete', 'DELETE FROM customers WHERE id = 7'),
	('notes', 'update', 'UPDATE notes SET note = ''new'' WHERE customer = 7'),
	('notes', 'key', 'UPDATE notes SET customer = 0 WHERE customer = 7'),
	('lines', 'insert', 'INSERT INTO lines VALUES (65, 9, 5, 1)'),
	('lines', 'update', 'UPDATE lines SET qty = 100 WHERE id = 65 AND line = 1'),
	('lines', 'key', 'UPDATE lines SET id = 75, line = 9 WHERE id = 65 AND line = 1'),
	('lines', 'other key', 'UPDATE lines SET item = 4 WHERE id = 65 AND line = 1'),
	('lines', 'delete', 'DELETE FROM lines WHERE id = 65 AND line = 1'),
	('items', 'update', 'UPDATE items SET name = ''new'' WHERE id = 5'),
	('items', 'delete', 'DELETE FROM items WHERE id = 5'),
	('events', 'insert', 'INSERT INTO events VALUES (0, 655, ''[655,670)'')'),
	('events', 'update', 'UPDATE events SET id = 0 WHERE id = 65'),
	('events', 'key', 'UPDATE events SET at = 755, span = ''[755,770)'' WHERE id = 65'),
	('events', 'delete', 'DELETE FROM events WHERE id = 65'),
	('parted', 'insert', 'INSERT INTO parted VALUES (0, 7, 65)'),
	('parted', 'update', 'UPDATE parted SET amount = 77 WHERE id = 65'),
	('parted', 'key', 'UPDATE parted SET id = 100000000 WHERE id = 65'),
	('parted', 'delete', 'DELETE FROM parted WHERE id = 65');

-- All that was read in this session so far.
CREATE FUNCTION tuples_read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))::bigint
	FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace NOT IN
		('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace) $$;

-- What a change and the refresh that follows it read; everything is undone.
CREATE FUNCTION reads(place text, st text, change text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	tuples bigint := tuples_read();
	what text;
BEGIN
	PERFORM set_config('search_path', place || ', public', true);
	BEGIN
		EXECUTE change;
		PERFORM pgtrickle.refresh_stream_table(st);
		tuples := tuples_read() - tuples;
		SELECT action INTO what FROM pgtrickle.get_refresh_history(st, 1);
		RAISE 'undone';
	EXCEPTION WHEN raise_exception THEN
		IF what NOT IN ('DIFFERENTIAL', 'NO_DATA') THEN
			RAISE WARNING '%: %', st, what;
		END IF;
	END;
	PERFORM set_config('search_path', 'public', true);
	RETURN tuples;
END $$;

-- For each source: the changes that are as they should be, and those that are not
-- with what they read.
CREATE FUNCTION compare(st text, sources text[])
RETURNS TABLE (stream text, source text, ok text, wrong text) LANGUAGE plpgsql AS $$
BEGIN
	-- The first refresh makes the plans, which may read tables.
	PERFORM reads(place, st, c.sql) FROM (SELECT DISTINCT ON (changes.source) sql FROM changes
		WHERE changes.source = ANY (sources)) c, (VALUES ('small'), ('large')) p (place);

	RETURN QUERY
	SELECT st, c.source, string_agg(CASE WHEN b <= 2 * a THEN c.change END, ', ' ORDER BY c.ctid),
		string_agg(CASE WHEN b > 2 * a THEN format('%s (%s, %s)', c.change, a, b) END, ', ' ORDER BY c.ctid)
	FROM changes c, LATERAL reads('small', st, c.sql) a, LATERAL reads('large', st, c.sql) b
	WHERE c.source = ANY (sources)
	GROUP BY c.source ORDER BY array_position(sources, c.source);
END $$;

CREATE TABLE tests (st text, sources text[]);
-- Create a stream table of either size and compare what changes of its sources read.
CREATE FUNCTION test(st text, query text, VARIADIC sources text[])
RETURNS TABLE (stream text, source text, ok text, wrong text) LANGUAGE plpgsql AS $$
DECLARE
	place text;
BEGIN
	FOREACH place IN ARRAY ARRAY['small', 'large'] LOOP
		PERFORM set_config('search_path', place || ', public', true);
		PERFORM trickle_test.stream(st, query);
		EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = off)', st);
	END LOOP;
	PERFORM set_config('search_path', 'public', true);
	INSERT INTO tests VALUES (st, sources);
	RETURN QUERY SELECT * FROM compare(st, sources);
END $$;

-- Scan, filter, project; bags with many equal rows.
SELECT * FROM test('scan', 'SELECT * FROM orders', 'orders');
SELECT * FROM test('filter', 'SELECT id, amount FROM orders WHERE amount > 50 AND kind <> ''old''', 'orders');
SELECT * FROM test('project', 'SELECT amount * 2 AS a, upper(kind) AS k FROM orders', 'orders');
SELECT * FROM test('bag', 'SELECT paid FROM orders', 'orders');
SELECT * FROM test('expressions', $$
	SELECT id, CASE WHEN amount > 50 THEN 'high' ELSE kind END AS c, coalesce(price, 0)::text AS p,
		ARRAY[amount, customer] AS a, ROW(id, kind) = ROW(1, 'x') AS r, extract(month FROM day) AS m,
		amount IN (1, 65, 77) AS i, greatest(amount, customer) AS g
	FROM orders WHERE amount > 60 $$, 'orders');

-- Inner joins.
SELECT * FROM test('join', $$
	SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer $$,
	'orders', 'customers');
SELECT * FROM test('join_bag', $$
	SELECT c.name FROM orders o JOIN customers c ON c.id = o.customer $$,
	'orders', 'customers');
SELECT * FROM test('join_3', $$
	SELECT l.id, l.line, o.amount, c.name
	FROM lines l JOIN orders o ON o.id = l.id JOIN customers c ON c.id = o.customer
	WHERE o.amount BETWEEN 61 AND 77 $$,
	'lines', 'orders', 'customers');
SELECT * FROM test('join_5', $$
	SELECT l.id, l.line, i.name AS item, c.name, r.name AS region
	FROM regions r, customers c, orders o, lines l, items i
	WHERE l.id = o.id AND o.customer = c.id AND c.region = r.id AND l.item = i.id AND o.amount > 60 $$,
	'lines', 'orders', 'customers', 'items');
SELECT * FROM test('join_14', $$
	SELECT o.id, a.line AS a, b.line AS b FROM orders o JOIN customers c ON c.id = o.customer
	JOIN lines a ON a.id = o.id AND a.line = 1 JOIN lines b ON b.id = a.id AND b.line = 0
	JOIN items ia ON ia.id = a.item JOIN items ib ON ib.id = b.item
	JOIN regions r ON r.id = c.region JOIN notes n ON n.customer = c.id
	JOIN old_orders x ON x.customer = c.id AND x.amount = o.amount
	JOIN customers cx ON cx.id = x.customer JOIN notes nx ON nx.customer = cx.id
	JOIN lines d ON d.id = o.id AND d.line = 1 JOIN items id ON id.id = d.item
	JOIN orders again ON again.id = a.id $$,
	'orders');
SELECT * FROM test('join_expression', $$
	SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = (o.id + 9) / 10 AND c.score < 200
	WHERE o.amount > 60 $$,
	'orders');
SELECT * FROM test('self_join', $$
	SELECT a.id, b.id AS other FROM orders a JOIN orders b ON a.customer = b.customer AND a.id < b.id
	WHERE a.amount BETWEEN 61 AND 66 $$,
	'orders');
SELECT * FROM test('self_join_3', $$
	SELECT a.id, b.id AS second, c.id AS third FROM lines a
	JOIN lines b ON a.id = b.id AND a.line < b.line JOIN lines c ON c.id = b.id AND c.line = 0
	WHERE a.id % 10 = 5 $$,
	'lines');
SELECT * FROM test('range_join', $$
	SELECT a.id, b.id AS near FROM events a JOIN events b
	ON b.at BETWEEN a.at - 10 AND a.at + 10 AND a.at BETWEEN b.at - 10 AND b.at + 10
	WHERE a.id % 10 IN (0, 5) $$,
	'events');
SELECT * FROM test('overlap_join', $$
	SELECT a.id, b.id AS other FROM events a JOIN events b ON a.span && b.span
	WHERE a.id % 10 IN (0, 5) $$,
	'events');
SELECT * FROM test('cross_join', 'SELECT o.id, o.amount * factor AS f FROM orders o CROSS JOIN one WHERE amount > 60', 'orders');
SELECT * FROM test('join_using', 'SELECT customer, id, note FROM orders JOIN notes USING (customer) WHERE amount > 60',
	'orders', 'notes');
SELECT * FROM test('join_natural', 'SELECT * FROM notes NATURAL JOIN orders NATURAL JOIN one WHERE amount > 60',
	'orders', 'notes');
SELECT * FROM test('join_partitioned', $$
	SELECT p.id, p.amount, c.name FROM parted p JOIN customers c ON c.id = p.customer
	WHERE p.amount > 60 $$,
	'parted', 'customers');
SELECT * FROM test('functions_in_from', $$
	SELECT o.id, g, u FROM orders o, generate_series(1, 2) g, unnest(ARRAY[o.amount, 5]) u
	WHERE amount BETWEEN 61 AND 77 $$,
	'orders');

-- Subqueries, views, CTEs.
SELECT * FROM test('subquery', $$
	SELECT q.id, c.name FROM (SELECT id, customer AS k FROM orders WHERE amount > 60) q
	JOIN (SELECT * FROM customers) c ON c.id = q.k $$,
	'orders', 'customers');
SELECT * FROM test('view', 'SELECT d.number, d.value, c.name FROM dearest d JOIN customers c ON c.id = client',
	'orders', 'customers');
SELECT * FROM test('cte', $$
	WITH a AS (SELECT * FROM orders WHERE amount > 60), b AS (SELECT id, customer AS k FROM a)
	SELECT b.id, c.name FROM b JOIN customers c ON c.id = b.k $$,
	'orders', 'customers');
SELECT * FROM test('cte_often', $$
	WITH a AS (SELECT * FROM orders WHERE amount BETWEEN 61 AND 77)
	SELECT x.id, y.id AS other, z.score FROM a x JOIN a y USING (customer)
	JOIN customers z ON z.id = x.customer $$,
	'orders', 'customers');
SELECT * FROM test('union_all', $$
	SELECT id, amount FROM orders WHERE amount > 60 UNION ALL SELECT id, amount FROM old_orders WHERE amount > 60
	UNION ALL SELECT id, amount FROM orders WHERE paid AND amount > 60 $$,
	'orders', 'old_orders');
SELECT * FROM test('join_of_union', $$
	SELECT u.id, c.name FROM (SELECT id, customer FROM orders UNION ALL
		SELECT id, customer FROM old_orders) u JOIN customers c ON c.id = u.customer
	WHERE u.id % 5 = 0 $$,
	'orders', 'old_orders', 'customers');
SELECT * FROM test('union', $$
	SELECT customer FROM orders UNION SELECT customer FROM old_orders $$,
	'orders', 'old_orders');

-- Groups, of ten rows and of a quarter of the table.
SELECT * FROM test('few_rows', 'SELECT customer, count(*), sum(amount) FROM orders GROUP BY customer', 'orders');
SELECT * FROM test('many_rows', $$
	SELECT kind, count(*), count(amount) AS n, sum(amount), avg(amount), stddev(amount),
		sum(price) AS sp, avg(price) AS ap, var_pop(price) FROM orders GROUP BY kind $$,
	'orders');
SELECT * FROM test('group_expressions', $$
	SELECT date_trunc('month', day::timestamp) AS month, lower(kind) AS k, sum(amount + 1) * 2 AS s
	FROM orders GROUP BY 1, 2, customer % 7 $$,
	'orders');
SELECT * FROM test('having', $$
	SELECT customer, sum(amount) FROM orders GROUP BY customer HAVING count(*) >= 10 AND max(amount) > 5 $$,
	'orders');
SELECT * FROM test('filtered', $$
	SELECT kind, count(*) FILTER (WHERE paid), sum(price) FILTER (WHERE amount > 10),
		max(amount) FILTER (WHERE paid) FROM orders GROUP BY kind $$,
	'orders');
SELECT * FROM test('distinct_rows', 'SELECT DISTINCT customer FROM orders', 'orders');
SELECT * FROM test('distinct_few', 'SELECT DISTINCT kind, paid FROM orders', 'orders');
SELECT * FROM test('distinct_aggregates', $$
	SELECT kind, count(DISTINCT amount), sum(DISTINCT price), avg(DISTINCT customer) FROM orders GROUP BY kind $$,
	'orders');
SELECT * FROM test('extrema', $$
	SELECT kind, min(amount) AS a, max(amount) AS b, min(day) AS c, max(price) AS d, bool_and(paid),
		bool_or(paid), every(amount > 0) FROM orders GROUP BY kind $$,
	'orders');
SELECT * FROM test('text_extrema', 'SELECT customer, min(kind), max(kind) FROM orders GROUP BY customer', 'orders');
SELECT * FROM test('recomputed', $$
	SELECT customer, string_agg(kind, ',' ORDER BY id), array_agg(id ORDER BY id), sum(weight), avg(weight),
		percentile_cont(0.5) WITHIN GROUP (ORDER BY weight)
	FROM orders GROUP BY customer $$,
	'orders');
SELECT * FROM test('scalar', $$
	SELECT count(*), sum(amount), avg(price), min(amount), max(day), count(DISTINCT kind) AS n, bool_or(paid)
	FROM orders $$,
	'orders');

-- Aggregates over joins, joins of aggregates, aggregates of aggregates.
SELECT * FROM test('group_join', $$
	SELECT c.region, count(*), sum(o.amount) FROM orders o JOIN customers c ON c.id = o.customer
	GROUP BY c.region $$,
	'orders', 'customers');
SELECT * FROM test('group_join_recomputed', $$
	SELECT c.id, c.name, string_agg(o.kind, ',' ORDER BY o.id)
	FROM orders o JOIN customers c ON c.id = o.customer GROUP BY c.id $$,
	'orders', 'customers');
SELECT * FROM test('join_group', $$
	SELECT c.id, c.name, t.total FROM customers c
	JOIN (SELECT customer, sum(amount) AS total FROM orders GROUP BY customer) t ON t.customer = c.id $$,
	'orders', 'customers');
-- The values of that key do not fit a btree.
SELECT * FROM test('join_group_by_text', $$
	SELECT c.id, c.score, t.total FROM customers c
	JOIN (SELECT 'customer ' || customer AS name, sum(amount) AS total FROM orders GROUP BY 1) t
	ON t.name = c.name $$,
	'customers');
SELECT * FROM test('join_own_group', $$
	SELECT o.id, o.amount, t.total FROM orders o
	JOIN (SELECT customer, sum(amount) AS total FROM orders GROUP BY customer) t USING (customer)
	WHERE amount > 60 $$,
	'orders');
SELECT * FROM test('join_groups', $$
	SELECT a.customer, a.total, b.n FROM (SELECT customer, sum(amount) AS total FROM orders GROUP BY customer) a
	JOIN (SELECT customer, count(*) AS n FROM old_orders GROUP BY customer) b USING (customer) $$,
	'orders', 'old_orders');
SELECT * FROM test('join_distinct', $$
	SELECT c.id, c.name FROM customers c JOIN (SELECT DISTINCT customer FROM orders WHERE amount > 20) o
	ON o.customer = c.id $$,
	'orders', 'customers');
SELECT * FROM test('join_union', $$
	SELECT c.name, u.id FROM customers c JOIN (SELECT customer, id FROM orders WHERE amount > 60 UNION
		SELECT customer, id FROM old_orders WHERE amount > 60) u ON u.customer = c.id $$,
	'orders', 'customers');
SELECT * FROM test('group_group', $$
	SELECT total / 10 AS class, count(*), max(n) FROM (SELECT customer, sum(amount) AS total, count(*) AS n
		FROM orders GROUP BY customer) t GROUP BY 1 $$,
	'orders');
SELECT * FROM test('join_scalar', $$
	SELECT r.id, t.n FROM regions r, (SELECT count(*) AS n FROM orders) t $$,
	'orders');
SELECT * FROM test('recompute_of_group', $$
	SELECT l.id, string_agg(t.total::text, ',' ORDER BY l.line) FROM lines l
	JOIN (SELECT id, sum(qty) AS total FROM lines WHERE id % 10 = 5 GROUP BY id) t USING (id) GROUP BY l.id $$,
	'lines');

-- Stream tables as sources.
SELECT * FROM test('chain_1', 'SELECT customer, sum(amount) AS total FROM orders GROUP BY customer', 'orders');
SELECT * FROM test('chain_2', 'SELECT c.id, c.name, t.total FROM customers c JOIN chain_1 t ON t.customer = c.id',
	'orders', 'customers');
SELECT * FROM test('chain_3', 'SELECT name, total FROM chain_2 WHERE total > 100', 'orders', 'customers');
CREATE INDEX ON small.chain_2 (name);
CREATE INDEX ON small.chain_3 (name);
CREATE INDEX ON large.chain_2 (name);
CREATE INDEX ON large.chain_3 (name);
SELECT * FROM test('chain_4', $$
	SELECT a.total / 100 AS class, count(*), max(b.total) FROM chain_3 a JOIN chain_2 b USING (name) GROUP BY 1 $$,
	'orders');

-- The same with statistics.
SET default_statistics_target = 10;
ANALYZE;
SELECT c.* FROM tests t, LATERAL compare(t.st, t.sources) c WHERE c.wrong IS NOT NULL;
