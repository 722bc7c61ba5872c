-- GROUP BY and aggregates without it.
\i trickle_test.sql

CREATE TABLE sales (id int PRIMARY KEY, region text, amount int, paid boolean);
INSERT INTO sales VALUES
	(1, 'north', 10, true), (2, 'north', 20, false), (3, 'south', 5, true),
	(4, NULL, 7, NULL), (5, NULL, NULL, true), (6, 'east', NULL, false);
SELECT trickle_test.stream('totals', $$
	SELECT region, count(*), count(amount) AS amounts, sum(amount),
		avg(amount) FROM sales GROUP BY region $$);

-- The first fill is the result of the query; a sum over NULLs only is NULL.
SELECT * FROM totals ORDER BY region;

-- Rows that come, go and change are added and subtracted, the NULL group's too.
INSERT INTO sales VALUES (7, 'north', 1, NULL), (8, NULL, 100, NULL);
DELETE FROM sales WHERE id = 2;
UPDATE sales SET amount = 6 WHERE id = 3;
SELECT trickle_test.same_as_query('totals');
SELECT * FROM totals ORDER BY region;

-- A row that changes its group leaves one and enters the other.
UPDATE sales SET region = 'south' WHERE region = 'north';
SELECT trickle_test.same_as_query('totals');

-- A group that loses its last row disappears, and may return.
DELETE FROM sales WHERE region = 'south';
SELECT trickle_test.same_as_query('totals');
INSERT INTO sales VALUES (9, 'south', NULL, NULL);
SELECT trickle_test.same_as_query('totals');
DELETE FROM sales WHERE region = 'south';
INSERT INTO sales VALUES (9, 'south', 3, NULL);
SELECT trickle_test.same_as_query('totals');

-- A group whose values all become NULL stays, with a NULL sum.
UPDATE sales SET amount = NULL WHERE region = 'south';
SELECT trickle_test.same_as_query('totals');
SELECT * FROM totals ORDER BY region;

-- A change that cancels out, or does not reach the result, changes no row.
BEGIN;
INSERT INTO sales VALUES (20, 'west', 1, true);
DELETE FROM sales WHERE id = 20;
UPDATE sales SET amount = amount + 1 WHERE id = 1;
UPDATE sales SET amount = amount - 1 WHERE id = 1;
COMMIT;
SELECT xmin AS before FROM totals WHERE region = 'east' \gset
SELECT trickle_test.same_as_query('totals', 'NO_DATA');
SELECT xmin = :'before' AS untouched FROM totals WHERE region = 'east';

-- Everything may go at once.
DELETE FROM sales;
SELECT trickle_test.same_as_query('totals');
SELECT count(*) FROM totals;

-- An aggregate without GROUP BY has its one row over no rows, too.
SELECT trickle_test.stream('total', $$
	SELECT count(*), sum(amount), max(amount), string_agg(region, ',' ORDER BY id)
	FROM sales $$);
SELECT * FROM total;
INSERT INTO sales VALUES (1, 'north', 10, true), (2, 'south', 20, NULL);
SELECT trickle_test.same_as_query('total');
SELECT * FROM total;
DELETE FROM sales;
SELECT trickle_test.same_as_query('total');
SELECT * FROM total;

-- HAVING: a group that crosses the threshold shows all its rows, not the new.
SELECT trickle_test.stream('large', $$
	SELECT region, sum(amount), min(id) FROM sales
	GROUP BY region HAVING count(*) > 1 $$);
INSERT INTO sales VALUES (1, 'north', 10, true);
SELECT trickle_test.same_as_query('large');
INSERT INTO sales VALUES (2, 'north', 5, true), (3, 'south', 1, false);
SELECT trickle_test.same_as_query('large');
SELECT * FROM large;
DELETE FROM sales WHERE id = 1;
SELECT trickle_test.same_as_query('large');
SELECT * FROM large;

-- HAVING without GROUP BY: one row or none.
SELECT trickle_test.stream('enough', $$
	SELECT sum(amount) FROM sales HAVING count(*) > 2 $$);
SELECT * FROM enough;
INSERT INTO sales VALUES (4, 'south', 9, false);
SELECT trickle_test.same_as_query('enough');
SELECT * FROM enough;
DELETE FROM sales WHERE id = 4;
SELECT trickle_test.same_as_query('enough');

-- FILTER: only rows for which it is true count, not those for which it is NULL.
SELECT trickle_test.stream('filtered', $$
	SELECT region, count(*) FILTER (WHERE paid) AS paid,
		sum(amount) FILTER (WHERE NOT paid) AS open,
		max(amount) FILTER (WHERE amount % 2 = 0) AS even,
		string_agg(id::text, ',' ORDER BY id) FILTER (WHERE paid) AS ids,
		count(DISTINCT amount) FILTER (WHERE paid) AS amounts
	FROM sales GROUP BY region $$);
INSERT INTO sales VALUES (5, 'south', 4, NULL), (6, 'south', 4, true),
	(7, 'south', 6, true), (8, 'north', 4, false);
SELECT trickle_test.same_as_query('filtered');
UPDATE sales SET paid = NOT paid;
SELECT trickle_test.same_as_query('filtered');
UPDATE sales SET paid = NULL WHERE id IN (6, 7);
DELETE FROM sales WHERE amount = 4;
SELECT trickle_test.same_as_query('filtered');
SELECT * FROM filtered ORDER BY region;

-- Keys and arguments may be expressions; a key need not be shown.
SELECT trickle_test.stream('parts', $$
	SELECT sum(amount * 2) + 1 AS odd, count(*) * 10 AS tens
	FROM sales GROUP BY id % 2, lower(region) $$);
INSERT INTO sales VALUES (11, 'North', 1, NULL), (12, 'NORTH', 2, NULL);
SELECT trickle_test.same_as_query('parts');
UPDATE sales SET region = upper(region);
SELECT trickle_test.same_as_query('parts');

-- GROUP BY without an aggregate.
SELECT trickle_test.stream('regions', $$
	SELECT region, length(region) FROM sales GROUP BY region $$);
DELETE FROM sales WHERE region = 'SOUTH';
INSERT INTO sales VALUES (13, 'west', 1, NULL);
SELECT trickle_test.same_as_query('regions');

-- The same aggregate, and the same argument, many times.
SELECT trickle_test.stream('many', $$
	SELECT region, sum(amount) AS s1, sum(amount) AS s2, sum(amount + 0) AS s3,
		max(amount), min(amount), count(amount) AS n, count(*), avg(amount),
		count(DISTINCT amount) AS nd, sum(DISTINCT amount) AS sd, bool_or(paid)
	FROM sales GROUP BY region $$);
INSERT INTO sales SELECT i, 'west', i % 3, i % 2 = 0
FROM generate_series(20, 40) i;
SELECT trickle_test.same_as_query('many');
DELETE FROM sales WHERE id BETWEEN 25 AND 33;
SELECT trickle_test.same_as_query('many');

-- One change with very many copies of a row.
CREATE TABLE copies (g int, x int);
SELECT trickle_test.stream('copied', $$
	SELECT g, count(*), sum(x), avg(x), max(x) FROM copies GROUP BY g $$);
INSERT INTO copies SELECT 1, 5 FROM generate_series(1, 20000);
SELECT trickle_test.same_as_query('copied');
DELETE FROM copies WHERE ctid IN (SELECT ctid FROM copies LIMIT 19999);
SELECT trickle_test.same_as_query('copied');
SELECT * FROM copied;

-- An aggregate over a join, and a join with an aggregate.
CREATE TABLE regions_table (name text PRIMARY KEY, country text);
INSERT INTO regions_table VALUES ('west', 'A'), ('NORTH', 'A'), ('south', 'B');
SELECT trickle_test.stream('countries', $$
	SELECT r.country, sum(s.amount), count(*) FROM sales s
	JOIN regions_table r ON r.name = s.region GROUP BY r.country $$);
SELECT trickle_test.stream('shares', $$
	SELECT s.id, s.amount, t.total FROM sales s
	JOIN (SELECT region, sum(amount) AS total FROM sales GROUP BY region) t
	USING (region) $$);
INSERT INTO sales VALUES (50, 'south', 17, NULL), (51, 'west', 2, NULL);
UPDATE regions_table SET country = 'B' WHERE name = 'west';
SELECT trickle_test.same_as_query('countries');
SELECT trickle_test.same_as_query('shares');
DELETE FROM regions_table WHERE name = 'south';
DELETE FROM sales WHERE id % 3 = 0;
SELECT trickle_test.same_as_query('countries');
SELECT trickle_test.same_as_query('shares');

-- An aggregate of an aggregate.
SELECT trickle_test.stream('sizes', $$
	SELECT n, count(*) AS groups, max(total) AS largest FROM
		(SELECT region, count(*) AS n, sum(amount) AS total
		 FROM sales GROUP BY region) t
	GROUP BY n $$);
INSERT INTO sales VALUES (60, 'far', 1, NULL), (61, 'south', 2, NULL);
SELECT trickle_test.same_as_query('sizes');
DELETE FROM sales WHERE region = 'west' AND id > 22;
SELECT trickle_test.same_as_query('sizes');

-- GROUP BY () is one row, also over no rows and with nothing to compute; one
-- grouping set is what its columns say.
SELECT trickle_test.stream('of_all', 'SELECT count(*), sum(amount) FROM sales GROUP BY ()');
SELECT trickle_test.stream('one', 'SELECT 1 AS one FROM sales GROUP BY ()');
SELECT trickle_test.stream('none', 'SELECT 1 AS one FROM sales GROUP BY () HAVING count(*) > 1000');
SELECT trickle_test.stream('both', $$
	SELECT region, paid, GROUPING(paid) AS g, count(*) FROM sales
	GROUP BY region, (), GROUPING SETS ((paid)) $$);
INSERT INTO sales VALUES (70, 'far', 1, true), (71, 'far', 2, true);
SELECT trickle_test.same_as_query('of_all');
SELECT trickle_test.same_as_query('one');
SELECT trickle_test.same_as_query('none');
SELECT trickle_test.same_as_query('both');
DELETE FROM sales;
SELECT trickle_test.same_as_query('of_all');
SELECT trickle_test.same_as_query('one');
SELECT trickle_test.same_as_query('both');
SELECT count, sum, (SELECT count(*) FROM one) AS one, (SELECT count(*) FROM none) AS none FROM of_all;
