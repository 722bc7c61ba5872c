-- How a stream table is maintained, and why.
\i trickle_test.sql

CREATE TABLE sales (id int PRIMARY KEY, customer text, amount int);
CREATE TABLE customers (name text PRIMARY KEY, city text);
CREATE TABLE cities (city text PRIMARY KEY, country text);
INSERT INTO customers VALUES ('Ann', 'Rome'), ('Bob', 'Oslo');
INSERT INTO sales VALUES (1, 'Ann', 10), (2, 'Bob', 20), (3, 'Ann', 5);

-- The numbers of tables differ from run to run, time zones from server to server.
CREATE FUNCTION explained(st text) RETURNS TABLE (property text, value text)
	LANGUAGE sql AS $$
	SELECT property, regexp_replace(value, '"delta \d+"', '"delta n"', 'g')
	FROM pgtrickle.explain_st(st) WHERE property <> 'time zone' $$;


-- A query with a node: its state, a strategy per aggregate, the terms of the
-- change of its input.
SELECT pgtrickle.create_stream_table('totals', $$
	SELECT city, sum(amount) AS total, max(amount) AS largest
	FROM sales JOIN customers ON name = customer GROUP BY city $$, 'manual');
SELECT * FROM explained('totals');
SELECT * FROM pgtrickle.explain_refresh_mode('totals');

-- Of a linear query, only the terms.
SELECT trickle_test.stream('joined', $$
	SELECT id, city FROM sales JOIN customers ON name = customer $$);
SELECT * FROM explained('joined');
SELECT * FROM pgtrickle.explain_refresh_mode('joined');

-- The delta queries alone, one row per term, or as JSON.
SELECT regexp_replace(delta, '"delta \d+"', '"delta n"', 'g')
FROM pgtrickle.explain_delta('joined') AS delta;
SELECT term ->> 'term' AS term, length(term ->> 'sql') > 0 AS has_sql
FROM pgtrickle.explain_delta('totals', 'json') AS delta, json_array_elements(delta::json) AS term;
SELECT count(*) FROM pgtrickle.explain_delta('joined', 'TEXT');
SELECT pgtrickle.explain_delta('joined', 'yaml');

-- What a refresh does and takes.
INSERT INTO sales VALUES (4, 'Bob', 1);
SELECT property, value FROM pgtrickle.explain_st('totals', with_analyze => true)
WHERE property LIKE 'refresh: %' AND property <> 'refresh: time';
SELECT value ~ '^\d+\.\d+ ms$' AS is_time
FROM pgtrickle.explain_st('totals', with_analyze => true) WHERE property = 'refresh: time';
SELECT * FROM totals ORDER BY city;

-- Who recomputes is told why, and by what part of the query.
SELECT pgtrickle.create_stream_table('every_time', 'SELECT id, now() AS at FROM sales');
SELECT pgtrickle.create_stream_table('no_rule', $$
	SELECT customer, amount, rank() OVER (ORDER BY amount) FROM sales $$);
SELECT pgtrickle.create_stream_table('full_mode', 'SELECT id FROM sales', refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('rolls', 'SELECT id, random() FROM sales',
	refresh_mode => 'FULL');
CREATE EXTENSION postgres_fdw;
CREATE SERVER nowhere FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE remote (a int) SERVER nowhere;
SELECT pgtrickle.create_stream_table('from_afar', 'SELECT a FROM remote', initialize => false);
SELECT st, mode.* FROM unnest(ARRAY['every_time', 'no_rule', 'full_mode', 'rolls', 'from_afar']) st,
	pgtrickle.explain_refresh_mode(st) mode;
SELECT * FROM explained('no_rule');
SELECT count(*) FROM pgtrickle.explain_delta('no_rule');
SELECT pgtrickle.explain_delta('no_rule', 'json');

-- What it is and reads, of other kinds of queries.
SELECT pgtrickle.create_stream_table('grand_total', 'SELECT count(*) FROM sales', 'manual');
SELECT pgtrickle.create_stream_table('bag', 'SELECT customer FROM sales', 'manual');
SELECT pgtrickle.create_stream_table('above', 'SELECT t.city, total FROM totals t', 'manual');
SELECT st, property, value
FROM unnest(ARRAY['grand_total', 'bag', 'above']) st, pgtrickle.explain_st(st)
WHERE property = 'row identity' OR property LIKE 'source %';

-- It shows the names of today.
ALTER TABLE customers RENAME city TO town;
ALTER TABLE joined RENAME city TO place;
SELECT * FROM explained('joined');
INSERT INTO sales VALUES (5, 'Ann', 3);
SELECT pgtrickle.refresh_stream_table('joined');
SELECT * FROM joined ORDER BY id;

-- The time zone is that of its creation.
SET TimeZone = 'Asia/Tokyo';
SELECT trickle_test.stream('in_tokyo', 'SELECT id FROM sales');
RESET TimeZone;
SELECT value FROM pgtrickle.explain_st('in_tokyo') WHERE property = 'time zone';

-- Explaining keeps no refresh waiting, and shows what is there.
BEGIN;
SELECT count(*) FROM pgtrickle.explain_st('joined');
SELECT mode FROM pg_locks WHERE locktype = 'object' AND classid = 'pgtrickle.pgt_stream_tables'::regclass;
COMMIT;
