-- Which results have a key, and which columns it is.
\i trickle_test.sql

CREATE TABLE customers (id int PRIMARY KEY, name text, city text);
CREATE TABLE orders (id bigint PRIMARY KEY, customer int, amount int);
CREATE TABLE lines (ord bigint, line int, item text, PRIMARY KEY (ord, line));
CREATE TABLE bag (x int);
CREATE TABLE late (id int PRIMARY KEY DEFERRABLE);
CREATE TABLE parts (k int PRIMARY KEY, v int) PARTITION BY RANGE (k);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);

CREATE FUNCTION key(query text) RETURNS text LANGUAGE sql AS $$
	SELECT result FROM pgtrickle.validate_query(query) WHERE check_name = 'row_identity'
$$;

-- Primary keys in the output.
SELECT key('SELECT name, id FROM customers');
SELECT key('SELECT name FROM customers');
SELECT key('SELECT id + 0 AS id FROM customers');
SELECT key('SELECT line, item, ord FROM lines');
SELECT key('SELECT o.id, c.id AS cid FROM orders o, customers c');

-- A table whose key is equated with known columns needs none in the output.
SELECT key('SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer');
SELECT key('SELECT c.id, c.name FROM orders o JOIN customers c ON c.id = o.customer');
SELECT key('SELECT l.line, l.ord, c.name FROM lines l JOIN orders o ON o.id = l.ord
	JOIN customers c ON c.id = o.customer');
SELECT key('SELECT l.line, o.id, c.name FROM lines l JOIN orders o ON o.id = l.ord
	JOIN customers c ON c.id = o.customer');
SELECT key('SELECT l.line FROM lines l WHERE ord = 5');
SELECT key('SELECT o.id FROM orders o JOIN customers c ON c.id > o.customer');

-- Groups, DISTINCT, an aggregate's one row; through subqueries.
SELECT key('SELECT count(*), city FROM customers GROUP BY city');
SELECT key('SELECT count(*) FROM customers GROUP BY city');
SELECT key('SELECT DISTINCT city, name FROM customers');
SELECT key('SELECT count(*) AS n FROM customers');
SELECT key('SELECT x FROM bag UNION SELECT id FROM customers');
SELECT key('SELECT g.city, g.n, c.id FROM customers c
	JOIN (SELECT city, count(*) AS n FROM customers GROUP BY city) g USING (city)');
SELECT key('SELECT 1 AS one');
SELECT key('SELECT k, v FROM parts');

-- None of these.
SELECT key('SELECT x FROM bag');
SELECT key('SELECT id FROM customers UNION ALL SELECT id FROM orders');
SELECT key('SELECT id, generate_series(1, 2) AS g FROM customers');
SELECT key('SELECT c.id FROM customers c, unnest(ARRAY[1, 2]) u');
SELECT key('SELECT id FROM late');
SELECT key('SELECT id FROM parent');
SELECT key('SELECT c.id, l.y FROM customers c, LATERAL (SELECT o.id AS y FROM orders o WHERE o.customer = c.id) l');
