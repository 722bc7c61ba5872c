-- only with preload
\i trickle_test.sql
SET client_min_messages = notice;
-- EXPLAIN CREATE STREAM TABLE
CREATE TABLE item (id int PRIMARY KEY, kind text, price int);
CREATE TABLE kind (kind text PRIMARY KEY, name text);
INSERT INTO item SELECT i, 'kind ' || i % 3, i FROM generate_series(1, 1000) i;
INSERT INTO kind SELECT 'kind ' || i, 'name' FROM generate_series(0, 2) i;
ANALYZE item, kind;

EXPLAIN (COSTS OFF) CREATE STREAM TABLE s AS
	SELECT name, count(*) AS n, sum(price) FROM item JOIN kind USING (kind) GROUP BY name;
CREATE FUNCTION explain(sql text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF, VERBOSE) ' || sql LOOP
		RETURN NEXT regexp_replace(line, 'delta \d+', 'delta N', 'g');
	END LOOP;
END $$;
SELECT * FROM explain($$CREATE STREAM TABLE s (a, b) WITH (schedule = '5m') AS
	SELECT name, price FROM item JOIN kind USING (kind) WITH NO DATA$$);
EXPLAIN (COSTS OFF, FORMAT json) CREATE STREAM TABLE s AS
	SELECT name, price FROM item JOIN kind USING (kind);
EXPLAIN (COSTS OFF, FORMAT yaml) CREATE OR REPLACE STREAM TABLE s AS
	SELECT id, rank() OVER (ORDER BY price) FROM item;
EXPLAIN (COSTS OFF, FORMAT xml) CREATE TABLE s USING stream AS SELECT id FROM item;

-- One changed row costs less than all of them, and no cost is that of a ban.
CREATE FUNCTION costs(sql text) RETURNS TABLE (part text, cost float8) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || sql INTO plan;
	RETURN QUERY SELECT p ->> 'Name', (p ->> 'Total Cost')::float8
		FROM json_array_elements(plan -> 0 -> 'Parts') p;
END $$;
SELECT part, cost BETWEEN 0.01 AND 10000 AS plausible
FROM costs('CREATE STREAM TABLE s AS SELECT name, price FROM item JOIN kind USING (kind)');
SELECT change.cost < 0.5 * whole.cost AS cheap
FROM costs('CREATE STREAM TABLE s AS SELECT price FROM item') whole,
	costs('CREATE STREAM TABLE s AS SELECT price FROM item') change
WHERE whole.part = 'recomputation' AND change.part = 'top: change of item';
SELECT part, cost IS NULL AS unknown
FROM costs('CREATE STREAM TABLE s AS SELECT kind, count(*) FROM item GROUP BY kind');

-- of a name that there is
EXPLAIN (COSTS OFF) CREATE STREAM TABLE item AS SELECT id FROM item;
EXPLAIN (COSTS OFF) CREATE STREAM TABLE IF NOT EXISTS item AS SELECT id FROM item;
EXPLAIN (COSTS OFF, FORMAT json) CREATE STREAM TABLE IF NOT EXISTS item AS SELECT id FROM item;

EXPLAIN ANALYZE CREATE STREAM TABLE s AS SELECT id FROM item;
EXPLAIN (ANALYZE off, BUFFERS off, COSTS off) CREATE STREAM TABLE s AS SELECT id FROM item;
EXPLAIN (FORMAT html) CREATE STREAM TABLE s AS SELECT id FROM item;
EXPLAIN (NONSENSE) CREATE STREAM TABLE s AS SELECT id FROM item;
EXPLAIN CREATE STREAM TABLE s AS SELECT id, nothing FROM item;
EXPLAIN CREATE STREAM TABLE s AS SELEC id FROM item;
EXPLAIN CREATE STREAM TABLE s WITH (tier = none) AS SELECT id FROM item;
EXPLAIN CREATE STREAM TABLE s AS SELECT id, random() FROM item;
EXPLAIN CREATE UNLOGGED TABLE s USING stream AS SELECT id FROM item;
EXPLAIN DROP STREAM TABLE s;
EXPLAIN (COSTS OFF) CREATE TABLE plain AS SELECT id FROM item WHERE id = 1;
CREATE ROLE regress_pgt_nobody;
SET ROLE regress_pgt_nobody;
EXPLAIN CREATE STREAM TABLE s AS SELECT id FROM item;
RESET ROLE;
DROP ROLE regress_pgt_nobody;
SELECT count(*) FROM pgtrickle.pgt_status();
