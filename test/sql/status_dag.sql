-- Who reads whom, from what, and who may see it: trees, pictures, diamonds,
-- lineage, rewritten queries.
\i trickle_test.sql

-- Nothing there.
SELECT * FROM pgtrickle.dependency_tree();
SELECT pgtrickle.explain_dag();
SELECT * FROM pgtrickle.diamond_groups();

CREATE TABLE sales (id int PRIMARY KEY, region text, amount int, price int);
CREATE TABLE regions (region text PRIMARY KEY, country text);
CREATE VIEW big AS SELECT id, region AS area, amount * price AS value FROM sales WHERE amount > 0;
SELECT trickle_test.stream('by_region',
	'SELECT area, sum(value) AS total FROM big GROUP BY area');
SELECT trickle_test.stream('counts', 'SELECT region, count(*) AS n FROM sales GROUP BY region');
SELECT pgtrickle.create_stream_table('report', $$
	SELECT r.country, b.total, c.n FROM regions r
	JOIN by_region b ON b.area = r.region JOIN counts c USING (region) $$,
	'1h', diamond_consistency => 'atomic', diamond_schedule_policy => 'slowest');
SELECT trickle_test.stream('above', 'SELECT country, n, total FROM report');

-- The tree: below each what it reads, and what it has read once only once.
SELECT tree_line FROM pgtrickle.dependency_tree();
SELECT node, node_type, depth, status, refresh_mode FROM pgtrickle.dependency_tree();
SELECT trickle_test.stream('other', 'SELECT n FROM report');
SELECT tree_line FROM pgtrickle.dependency_tree();
DROP TABLE other;

-- The pictures.
SELECT pgtrickle.explain_dag();
SELECT pgtrickle.explain_dag('DOT');
SELECT pgtrickle.explain_dag('svg');

-- The diamond ends where the ways meet, whether it is refreshed as one or not.
SELECT * FROM pgtrickle.diamond_groups();
SELECT trickle_test.stream('shares', $$
	SELECT a.area, a.total, c.n FROM by_region a JOIN counts c ON c.region = a.area $$);
SELECT * FROM pgtrickle.diamond_groups();
DROP TABLE shares;

-- States are styles.
CREATE FUNCTION class_of(st text) RETURNS text LANGUAGE sql AS $$
	SELECT (regexp_match(pgtrickle.explain_dag(), st || '"\]:::(\w+)'))[1] $$;
SELECT class_of('public.above');
UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = 1 WHERE pgt_relid = 'above'::regclass;
SELECT class_of('public.above');
UPDATE pgtrickle.pgt_stream_tables SET status = 'SUSPENDED' WHERE pgt_relid = 'above'::regclass;
SELECT class_of('public.above');
UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = now() WHERE pgt_relid = 'above'::regclass;
SELECT class_of('public.above');
UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = NULL, consecutive_errors = 0, status = 'ACTIVE'
WHERE pgt_relid = 'above'::regclass;
SELECT pgtrickle.create_stream_table('later', 'SELECT n FROM counts', initialize => false);
SELECT class_of('public.later');
DROP TABLE later;

-- Names may hold anything: nothing of it ends the text, and a line stays one.
CREATE SCHEMA odd;
SELECT trickle_test.stream('odd."a""]; end%%{init}%% <b>x</b> \N ` #1; ' || E'\n' || 'n2 --> n1"',
	'SELECT region FROM public.regions');
SELECT tree_line FROM pgtrickle.dependency_tree() WHERE node ~ 'odd';
SELECT line FROM regexp_split_to_table(pgtrickle.explain_dag(), '\n') line WHERE line ~ 'odd';
SELECT line FROM regexp_split_to_table(pgtrickle.explain_dag('dot'), '\n') line WHERE line ~ 'odd';
-- In mermaid, each line is one of these, whatever the names are.
SELECT line FROM regexp_split_to_table(pgtrickle.explain_dag(), '\n') line
WHERE line !~ '^(flowchart LR|    n\d+(\[\(?"([\w .-]|#\d+;)*"\)?\]:::\w+| --> n\d+)|    classDef \w+ fill:#\w+,stroke:#\w+,color:#\w+|)$';
DROP SCHEMA odd CASCADE;

-- From which columns is each computed?
SELECT * FROM pgtrickle.stream_table_lineage('by_region');
SELECT * FROM pgtrickle.stream_table_lineage('counts');
SELECT * FROM pgtrickle.stream_table_lineage('report');
CREATE FUNCTION lineage(query text) RETURNS TABLE (output_col text, source text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtrickle.create_stream_table('lined', query, 'manual', initialize => false);
	RETURN QUERY SELECT l.output_col, l.source_table || '.' || l.source_col
		FROM pgtrickle.stream_table_lineage('lined') l;
	DROP TABLE lined;
END $$;
-- Joins under an alias, USING, whole rows, stars.
SELECT * FROM lineage('SELECT j.region, j.country FROM (sales JOIN regions USING (region)) j');
SELECT * FROM lineage('SELECT r AS whole, count(*) AS n FROM regions r GROUP BY r');
SELECT * FROM lineage('SELECT * FROM regions');
-- Set operations: what is taken away gives no value.
SELECT * FROM lineage('SELECT region AS x FROM sales UNION SELECT country FROM regions');
SELECT * FROM lineage('SELECT region AS x FROM sales EXCEPT SELECT country FROM regions');
SELECT * FROM lineage($$ SELECT 'a' AS x, id FROM sales UNION ALL SELECT region, amount FROM sales
	UNION ALL SELECT country, 1 FROM regions $$);
-- CTEs, used once, twice, by themselves.
SELECT * FROM lineage($$ WITH w AS (SELECT id, amount + price AS a FROM sales), v AS (SELECT a FROM w)
	SELECT w.id, v.a * w.a AS m FROM w, v $$);
SELECT * FROM lineage($$ WITH RECURSIVE w AS (SELECT id, 1 AS depth FROM sales
		UNION ALL SELECT s.amount, depth + s.price FROM w JOIN sales s ON s.id = w.id)
	SELECT * FROM w $$);
-- Subqueries as values; EXISTS has nothing but its conditions.
SELECT * FROM lineage($$ SELECT id, (SELECT max(country) FROM regions r WHERE r.region = s.region) AS c,
		EXISTS (SELECT price FROM regions r WHERE r.region = s.region) AS e,
		s.amount IN (SELECT length(country) FROM regions) AS i FROM sales s $$);
SELECT * FROM lineage($$ SELECT l.x FROM sales s, LATERAL (SELECT s.amount + length(country) AS x FROM regions) l $$);
-- Windows, filters, functions in FROM, VALUES, what is computed from nothing.
SELECT * FROM lineage($$ SELECT rank() OVER w AS r, sum(amount) FILTER (WHERE price > 1) OVER w AS s
	FROM sales WINDOW w AS (PARTITION BY region ORDER BY id) $$);
SELECT * FROM lineage($$ SELECT u AS u, v.a, v.b, 1 AS one, count(*) OVER () AS n
	FROM sales, unnest(string_to_array(region, ',')) u, (VALUES (1, 2), (3, 4)) v (a, b) $$);
-- By the names of today.
ALTER TABLE sales RENAME price TO unit_price;
ALTER TABLE by_region RENAME total TO sum_total;
SELECT * FROM pgtrickle.stream_table_lineage('by_region');

-- What would become of a query: nothing is created.
CREATE FUNCTION rewritten(query text) RETURNS TABLE (property text, value text) LANGUAGE sql AS $$
	SELECT property, regexp_replace(value, '"delta \d+"', '"delta n"', 'g')
	FROM pgtrickle.explain_query_rewrite(query) $$;
CREATE TEMP TABLE before AS SELECT count(*) FROM pg_class;
SELECT * FROM rewritten('SELECT area, sum(value) AS total, max(value) FROM big JOIN regions ON region = area GROUP BY area');
SELECT * FROM rewritten('SELECT id FROM sales');
SELECT * FROM rewritten('SELECT DISTINCT n FROM (SELECT region, count(*) AS n FROM sales GROUP BY region) c JOIN regions USING (region)');
SELECT * FROM rewritten('SELECT region, rank() OVER (ORDER BY amount) FROM sales');
SELECT * FROM rewritten('SELECT now() AS at');
SELECT * FROM rewritten('SELECT 1 AS one');
SELECT count(*) - (SELECT count FROM before) AS more FROM pg_class WHERE relname <> 'before';
SELECT * FROM pgtrickle.explain_query_rewrite('SELECT nothing FROM sales');
SELECT * FROM pgtrickle.explain_query_rewrite('DELETE FROM sales');
-- It is the same that a stream table would have.
SELECT trickle_test.stream('joined', 'SELECT id, country FROM sales JOIN regions USING (region)');
SELECT w.property, w.value IS NOT DISTINCT FROM e.value AS same
FROM pgtrickle.explain_query_rewrite('SELECT id, country FROM sales JOIN regions USING (region)') w
	JOIN pgtrickle.explain_st('joined') e USING (property)
WHERE property ~ '^top';
DROP TABLE joined;

-- Who may see what.
CREATE ROLE status_owner;
CREATE ROLE status_reader;
CREATE ROLE status_monitor IN ROLE pg_monitor;
CREATE ROLE status_stranger;
CREATE SCHEMA mine AUTHORIZATION status_owner;
GRANT SELECT, TRIGGER ON sales TO status_owner;
SET ROLE status_owner;
CREATE TABLE mine.secret (id int PRIMARY KEY, a int);
SELECT pgtrickle.create_stream_table('mine.st', 'SELECT a, count(*) AS n FROM mine.secret GROUP BY a');
SELECT pgtrickle.create_stream_table('mine.above', 'SELECT n FROM mine.st');
GRANT USAGE ON SCHEMA mine TO status_reader, status_stranger;
GRANT SELECT ON mine.above TO status_reader;
RESET ROLE;
UPDATE pgtrickle.pgt_stream_tables SET last_error_message = 'oh no', consecutive_errors = 1;
CREATE FUNCTION seen() RETURNS TABLE (what text, names text) LANGUAGE sql AS $$
	SELECT 'info', string_agg(name || coalesce(' error: ' || last_error_message, '')
		|| CASE WHEN query IS NULL THEN '' ELSE ' query' END, ', ' ORDER BY name) FROM pgtrickle.stream_tables_info
	UNION ALL SELECT 'tree', string_agg(tree_line, ', ') FROM pgtrickle.dependency_tree()
	UNION ALL SELECT 'cdc', string_agg(source_table, ', ' ORDER BY 1) FROM pgtrickle.pgt_cdc_status
	UNION ALL SELECT 'buffers', string_agg(DISTINCT source_table, ', ') FROM pgtrickle.change_buffer_sizes()
	UNION ALL SELECT 'timeline', string_agg(DISTINCT name || CASE WHEN refresh_reason IS NULL THEN '' ELSE ' reason' END, ', ')
		FROM pgtrickle.refresh_timeline()
	UNION ALL SELECT 'errors', string_agg(detail, ', ') FROM pgtrickle.health_check() WHERE check_name = 'errors'
	UNION ALL SELECT 'total', (SELECT total_stream_tables::text FROM pgtrickle.quick_health)
	UNION ALL SELECT 'stats', string_agg(name, ', ' ORDER BY 1) FROM pgtrickle.pg_stat_stream_tables
	UNION ALL SELECT 'dag', string_agg(m[1], ', ') FROM regexp_matches(pgtrickle.explain_dag(), '"([^"]+)"', 'g') m
$$;
SET ROLE status_owner;
SELECT * FROM seen();
SET ROLE status_reader;
SELECT * FROM seen();
SELECT * FROM pgtrickle.stream_table_lineage('mine.above');
SELECT * FROM pgtrickle.diagnose_errors('mine.above');
SET ROLE status_stranger;
SELECT * FROM seen();
SELECT pgtrickle.get_staleness('mine.above');
SELECT * FROM pgtrickle.explain_query_rewrite('SELECT a FROM mine.secret');
SET ROLE status_monitor;
SELECT * FROM seen();
SELECT * FROM pgtrickle.stream_table_lineage('mine.above');
RESET ROLE;

-- Only stream tables of one owner are refreshed as one.
GRANT SELECT, TRIGGER ON mine.st TO status_reader;
CREATE SCHEMA theirs AUTHORIZATION status_reader;
SET client_min_messages = notice;
SET ROLE status_owner;
SELECT pgtrickle.create_stream_table('mine.st2', 'SELECT a, sum(id) AS s FROM mine.secret GROUP BY a');
GRANT SELECT, TRIGGER ON mine.st2 TO status_reader;
SET ROLE status_reader;
SELECT pgtrickle.create_stream_table('theirs.own', 'SELECT a, n FROM mine.st');
SELECT pgtrickle.create_stream_table('theirs.meet', $$
	SELECT a, o.n, b.s FROM theirs.own o JOIN mine.st2 b USING (a) $$,
	diamond_consistency => 'atomic', diamond_schedule_policy => 'slowest');
SELECT pgtrickle.alter_stream_table('theirs.meet', tier => 'warm');
SELECT pgtrickle.alter_stream_table('theirs.own', diamond_consistency => 'atomic');
-- Who reads does not see which ways lead to it.
SELECT * FROM pgtrickle.diamond_groups();
SET ROLE status_owner;
SELECT * FROM pgtrickle.diamond_groups();
SET ROLE status_monitor;
SELECT * FROM pgtrickle.diamond_groups();
RESET ROLE;
ALTER TABLE theirs.own OWNER TO status_owner;
ALTER TABLE theirs.meet OWNER TO status_owner;
SELECT * FROM pgtrickle.diamond_groups();
ALTER TABLE mine.st2 OWNER TO status_reader;
SELECT * FROM pgtrickle.diamond_groups();

SET client_min_messages = warning;
DROP OWNED BY status_owner, status_reader CASCADE;
DROP ROLE status_owner, status_reader, status_monitor, status_stranger;
