-- WITH queries are what they stand for, however often they are used.
\i trickle_test.sql

CREATE TABLE r (id int PRIMARY KEY, a int, b int);
INSERT INTO r SELECT i, i % 3, i % 5 FROM generate_series(1, 12) i;

SELECT trickle_test.stream('once', 'WITH x (k, l) AS (SELECT id, a FROM r) SELECT k FROM x WHERE l = 1');
SELECT trickle_test.stream('twice', $$
	WITH x AS (SELECT id, a, b FROM r) SELECT p.id, q.id AS qid FROM x p JOIN x q ON p.a = q.b $$);
SELECT trickle_test.stream('chain', $$
	WITH x AS (SELECT a, count(*) AS n FROM r GROUP BY a),
		y AS (SELECT n, count(*) AS m FROM x GROUP BY n),
		unused AS (SELECT random())
	SELECT x.a, y.m FROM x JOIN y USING (n) $$);
SELECT trickle_test.stream('shadowed', $$
	WITH x AS (SELECT a AS v FROM r)
	SELECT v FROM (WITH x AS (SELECT v + 1 AS v FROM x) SELECT v FROM x) i
	UNION ALL SELECT v FROM x $$);
SELECT trickle_test.stream('materialized_', $$
	WITH x AS MATERIALIZED (SELECT DISTINCT a FROM r) SELECT x.a, r.id FROM x, r WHERE r.b = x.a $$);
SELECT trickle_test.stream('in_lateral', $$
	SELECT r.id, l.v FROM r, LATERAL (WITH x AS (SELECT r.a + o.a AS v FROM r o WHERE o.b = r.b)
		SELECT v FROM x WHERE v > 1) l $$);
SELECT trickle_test.stream('in_union', $$
	WITH x AS (SELECT a, b FROM r WHERE id > 3) SELECT a FROM x UNION SELECT b FROM x $$);

CREATE FUNCTION differences() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT st || ': ' || d
	FROM unnest('{once,twice,chain,shadowed,materialized_,in_lateral,in_union}'::text[]) st,
		trickle_test.same_as_query(st) d
$$;

INSERT INTO r VALUES (20, 1, 1), (21, 7, 1);
DELETE FROM r WHERE id = 1;
UPDATE r SET a = b, b = a WHERE id < 6;
SELECT differences();
DELETE FROM r WHERE a = 1;
UPDATE r SET id = id + 100;
SELECT differences();

-- A node of a WITH query is kept once, not once per use.
SELECT node_id, rule FROM pgtrickle.pgt_nodes JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
WHERE pgt_relid = 'chain'::regclass ORDER BY 1;
