-- Subqueries in FROM, functions, VALUES, whole rows.
\i trickle_test.sql

CREATE TABLE r (id int PRIMARY KEY, a int, tags text[], doc jsonb);
CREATE TABLE s (id int PRIMARY KEY, rid int, v int);
INSERT INTO r VALUES (1, 1, '{x,y}', '{"k": [1, 2]}'), (2, 3, '{}', NULL),
	(3, 2, NULL, '{"k": []}'), (4, 3, '{y,y}', '{"k": [7]}');
INSERT INTO s SELECT i, 1 + i % 4, i FROM generate_series(1, 9) i;

SELECT trickle_test.stream('nested', $$
	SELECT q.id2, q.v FROM (SELECT p.id * 2 AS id2, s.v
		FROM (SELECT id FROM r WHERE a > 1) p JOIN s ON s.rid = p.id) q
	WHERE v < 9 $$);
SELECT trickle_test.stream('renamed', $$
	SELECT y.m, y.n FROM (SELECT a, id FROM r) AS y (m, n) $$);
SELECT trickle_test.stream('same_names', $$
	SELECT x.a AS one, y.a AS other
	FROM (SELECT a, a FROM r) AS x (a, w), (SELECT a, id AS w FROM r) y
	WHERE x.w = y.w $$);
SELECT trickle_test.stream('lateral_', $$
	SELECT r.id, l.v FROM r, LATERAL (SELECT s.v + r.a AS v FROM s WHERE s.rid = r.id) l $$);
SELECT trickle_test.stream('from_values', $$
	SELECT r.id, c.name FROM r JOIN (VALUES (1, 'one'), (3, 'three')) c (a, name) USING (a) $$);
SELECT trickle_test.stream('lateral_values', $$
	SELECT r.id, x.k, x.v FROM r, LATERAL (VALUES ('id', r.id), ('a', r.a)) x (k, v) $$);
SELECT trickle_test.stream('tags', $$
	SELECT r.id, t.tag, t.n FROM r, unnest(tags) WITH ORDINALITY t (tag, n) $$);
SELECT trickle_test.stream('in_select', $$
	SELECT id, unnest(tags) AS tag, generate_series(1, a) AS n FROM r $$);
SELECT trickle_test.stream('json', $$
	SELECT r.id, e.value::int AS e FROM r, jsonb_array_elements(doc -> 'k') e $$);
SELECT trickle_test.stream('row_', 'SELECT r AS whole FROM r');
SELECT trickle_test.stream('row_names', $$
	SELECT q.id, row_to_json(q) AS j FROM (SELECT r.id, s.v AS value FROM r
		JOIN s ON s.rid = r.id) q $$);
SELECT trickle_test.stream('row_function', $$
	SELECT jsonb_build_object('r', to_jsonb(r), 's', to_jsonb(s)) AS j
	FROM r JOIN s ON s.rid = r.id $$);
SELECT trickle_test.stream('unused', $$
	SELECT id FROM (SELECT id, a, tags, doc FROM r) q $$);
SELECT trickle_test.stream('group_of_groups', $$
	SELECT n, count(*) AS rids FROM (SELECT rid, count(*) AS n FROM s GROUP BY rid) g
	GROUP BY n $$);
SELECT trickle_test.stream('joined_groups', $$
	SELECT r.id, g.n, h.n AS m FROM r
	JOIN (SELECT rid, count(*) AS n FROM s GROUP BY rid) g ON g.rid = r.id
	JOIN (SELECT a, count(*) AS n FROM r GROUP BY a) h USING (a)
	WHERE g.n > 1 $$);
SELECT trickle_test.stream('distinct_of_groups', $$
	SELECT DISTINCT g.n FROM (SELECT rid, count(*) AS n FROM s GROUP BY rid) g $$);

CREATE FUNCTION differences() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT st || ': ' || d
	FROM unnest('{nested,renamed,same_names,lateral_,from_values,lateral_values,tags,in_select,json,row_,row_names,row_function,unused,group_of_groups,joined_groups,distinct_of_groups}'::text[]) st,
		trickle_test.same_as_query(st) d
$$;

INSERT INTO r VALUES (5, 3, '{z}', '{"k": [1]}');
INSERT INTO s VALUES (20, 5, 1), (21, 5, 2);
UPDATE r SET tags = tags || '{q}', a = 4 - a, doc = jsonb_set(doc, '{k, 0}', '5');
SELECT differences();
DELETE FROM s WHERE id % 3 = 0;
DELETE FROM r WHERE id = 4;
UPDATE r SET id = 4 WHERE id = 1;
SELECT differences();

-- A constant query has its rows, and never any change.
SELECT trickle_test.stream('constants', 'VALUES (1, ''a''), (2, NULL)');
SELECT trickle_test.stream('no_from', 'SELECT 1 AS one, ''x'' AS x');
SELECT trickle_test.same_as_query('constants', 'NO_DATA');
SELECT * FROM constants, no_from ORDER BY 1;

-- An aggregate that takes rows from an ordered subquery sees that order.
SELECT trickle_test.stream('ordered', $$
	SELECT string_agg(v::text, ',') AS vs, json_agg(q) AS rows
	FROM (SELECT rid, v FROM s ORDER BY rid DESC, v) q $$);
INSERT INTO s VALUES (30, 2, 100), (31, 4, 0);
DELETE FROM s WHERE id = 20;
SELECT trickle_test.same_as_query('ordered');
SELECT vs FROM ordered;

-- What nobody reads is not captured.
SELECT columns_used FROM pgtrickle.pgt_dependencies
WHERE pgt_id = (SELECT pgt_id FROM pgtrickle.pgt_stream_tables
	WHERE pgt_relid = 'unused'::regclass);
-- Nor does it stand in the way, where it has a subquery of its own.
SELECT trickle_test.stream('no_sublink', $$
	SELECT id FROM (SELECT id, (SELECT max(v) FROM s) AS m, EXISTS (SELECT FROM s WHERE rid = r.id) AS e
		FROM r ORDER BY (SELECT count(*) FROM s)) q $$);
INSERT INTO r VALUES (40, 1);
SELECT trickle_test.same_as_query('no_sublink');
