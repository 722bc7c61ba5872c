-- What has no delta rule is named, with its place; what it means for AUTO.
\i trickle_test.sql

CREATE TABLE r (id int PRIMARY KEY, a int, note text);
CREATE TABLE s (id int PRIMARY KEY, b json);
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE parts (id int) PARTITION BY LIST (id);
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one;
CREATE SEQUENCE seq;
CREATE VIEW with_now AS SELECT id, now() AS at FROM r;
CREATE FUNCTION my_stable(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION my_volatile(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE FUNCTION my_immutable(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE DOMAIN checked AS int CHECK (my_volatile(VALUE));
CREATE FUNCTION my_sfunc(int, int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE AGGREGATE my_sum(int) (sfunc = my_sfunc, stype = int, initcond = '0');

CREATE FUNCTION check_query(query text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(result, '; ' ORDER BY check_name) FROM pgtrickle.validate_query(query)
	WHERE check_name IN ('delta_rules', 'refresh_mode')
$$;

-- Recomputed when a source has changed.
SELECT check_query('SELECT r.id FROM r LEFT JOIN s USING (id)');
SELECT check_query('SELECT r.id FROM r FULL JOIN s ON s.id = r.a');
SELECT check_query('SELECT id FROM r WHERE EXISTS (SELECT FROM s WHERE s.id = a)');
SELECT check_query('SELECT id FROM r WHERE a NOT IN (SELECT id FROM s)');
SELECT check_query('SELECT id FROM r WHERE a < ANY (SELECT id FROM s)');
SELECT check_query('SELECT id, (SELECT max(id) FROM s) AS m FROM r');
SELECT check_query('SELECT ARRAY(SELECT id FROM s) AS ids');
SELECT check_query('SELECT id, rank() OVER (ORDER BY a) FROM r');
SELECT check_query('SELECT DISTINCT ON (a) a, id FROM r ORDER BY a');
SELECT check_query('SELECT id FROM r ORDER BY id LIMIT 1');
SELECT check_query('SELECT id FROM (SELECT id FROM r OFFSET 1) q');
SELECT check_query('SELECT a, count(*) FROM r GROUP BY ROLLUP (a)');
SELECT check_query('SELECT id FROM r INTERSECT SELECT id FROM s');
-- By the name that it was written with.
SELECT check_query('SELECT id FROM r WHERE NOT EXISTS (SELECT FROM s WHERE s.id = a)');
SELECT check_query('SELECT id FROM r WHERE a In (SELECT id FROM s)');
SELECT check_query('SELECT id FROM r WHERE NOT (a IN (SELECT id FROM s))');
SELECT check_query('SELECT id FROM r WHERE a = ANY (SELECT id FROM s)');
SELECT check_query('SELECT id FROM r WHERE a <> ALL (SELECT id FROM s)');
SELECT check_query('SELECT a, count(*) FROM r GROUP BY a, CUBE (note)');
SELECT check_query('SELECT a, count(*) FROM r GROUP BY GROUPING SETS ((a, note), (a))');
SELECT check_query('SELECT id FROM r ORDER BY a FETCH FIRST 2 ROWS WITH TIES');
CREATE VIEW with_in AS SELECT id FROM r WHERE a IN (SELECT id FROM s);
CREATE VIEW with_not_in AS SELECT id FROM r WHERE a NOT IN (SELECT id FROM s);
SELECT check_query('SELECT id FROM with_in');
SELECT check_query('SELECT id FROM with_not_in');
-- One grouping set is plain GROUP BY.
SELECT check_query('SELECT count(*) FROM r GROUP BY ()');
SELECT check_query('SELECT a, count(*) FROM r GROUP BY a, ()');
SELECT check_query('SELECT a, note, count(*) FROM r GROUP BY GROUPING SETS ((a, note))');
SELECT check_query('SELECT id FROM r UNION ALL (SELECT id FROM r EXCEPT SELECT id FROM s)');
SELECT check_query('WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t');
SELECT check_query('SELECT r.id, n FROM r, LATERAL (SELECT count(*) AS n FROM s WHERE s.id = r.a) l');
SELECT check_query('SELECT id FROM ONLY parent');
SELECT check_query('SELECT id FROM ONLY parts');
SELECT check_query('SELECT tableoid AS t FROM parent');
SELECT check_query('SELECT array_agg(ROW(id, a))::text AS t FROM r');
SELECT check_query('SELECT id::text::xid AS x, count(*) FROM r GROUP BY 1');

-- Recomputed at each refresh.
SELECT check_query('SELECT id, now() AS n FROM r');
SELECT check_query('SELECT id FROM r WHERE a < extract(year FROM current_date)');
SELECT check_query('SELECT * FROM with_now');
SELECT check_query('SELECT id, my_stable(a) FROM r');
SELECT check_query('SELECT id FROM r WHERE note = current_user');
SELECT check_query('SELECT id FROM r WHERE note::regclass = 1');
SELECT check_query('SELECT id, ctid AS place FROM r');
SELECT check_query('SELECT one FROM mv');
SELECT check_query('SELECT last_value FROM seq');
SELECT check_query('SELECT id FROM r TABLESAMPLE bernoulli (50) REPEATABLE (1)');

-- No defined answer.
SELECT check_query('SELECT id, random() AS x FROM r');
SELECT check_query('SELECT a::checked AS c FROM r');
SELECT check_query('SELECT my_sum(a) FROM r');
SELECT check_query('SELECT id FROM r TABLESAMPLE bernoulli (50)');

-- What nobody reads is no obstacle.
SELECT check_query('SELECT id FROM with_now');

-- The gravest counts.
SELECT check_query('SELECT r.id, now() AS n FROM r LEFT JOIN s USING (id)');
SELECT check_query('SELECT id FROM r WHERE EXISTS (SELECT FROM s WHERE random() < 0.5 AND now() > ''2000-01-01'')');

-- STABLE functions that look at pinned settings only are fine, and so are
-- IMMUTABLE ones, OFFSET 0, LIMIT ALL, ORDER BY.
SELECT check_query('SELECT id, to_char(note::timestamptz, ''YYYY'') AS y FROM r');
SELECT check_query('SELECT jsonb_agg(r ORDER BY id) AS j FROM r');
SELECT check_query('SELECT id, my_immutable(a) AS i FROM r ORDER BY a LIMIT ALL OFFSET 0');
SELECT check_query('SELECT id, concat(a, note) AS c, format(''%s'', a) AS f FROM r');

-- The error points to the place, in the text of the query.
SELECT pgtrickle.create_stream_table('x', 'SELECT é.id
FROM r é
LEFT JOIN s ON s.id = é.id', 'manual', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('x', 'SELECT id, now() AS n FROM r', 'manual', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('x', 'SELECT at FROM with_now', 'manual', 'DIFFERENTIAL');

-- What has no place in it is where the text names the table.
SELECT pgtrickle.create_stream_table('x', 'SELECT id, one FROM r, mv', 'manual', 'DIFFERENTIAL');

-- A policy that applies to the owner filters what no log shows.
CREATE ROLE regress_obstacle;
GRANT CREATE ON SCHEMA public TO regress_obstacle;
GRANT SELECT ON r TO regress_obstacle;
ALTER TABLE r ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON r USING (a > 0);
SELECT check_query('SELECT id FROM r');
SET ROLE regress_obstacle;
SELECT check_query('SELECT id FROM r');
RESET ROLE;
DROP OWNED BY regress_obstacle;
DROP ROLE regress_obstacle;

-- AUTO recomputes, exactly.
ALTER TABLE r DISABLE ROW LEVEL SECURITY;
SELECT pgtrickle.create_stream_table('outer_', 'SELECT r.id, s.id AS sid FROM r LEFT JOIN s ON s.id = r.a', 'manual');
INSERT INTO r VALUES (1, 1), (2, 2);
INSERT INTO s VALUES (1);
SELECT trickle_test.same_as_query('outer_', 'FULL');
DELETE FROM s;
SELECT trickle_test.same_as_query('outer_', 'FULL');
SELECT * FROM outer_ ORDER BY 1;
