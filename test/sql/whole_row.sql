-- A row as a whole has its type and the names of its columns, whoever computes it.
\i trickle_test.sql

CREATE TABLE t (id int, a int);
CREATE TABLE u (id int, b int);
CREATE VIEW v AS SELECT id, a FROM t;
CREATE VIEW grouped AS SELECT id, count(*) AS n FROM t GROUP BY id;
CREATE VIEW one AS SELECT 1 AS x, 2 AS y;
CREATE VIEW nested AS SELECT v AS row, id FROM v;
CREATE TABLE cases (name text, query text);

-- Those of a view have the view's type and names, whatever the alias says.
INSERT INTO cases VALUES
	('arrays', 'SELECT ARRAY[w] AS r FROM v w'),
	('concatenated', 'SELECT array_cat(ARRAY[w], ARRAY[w]) AS r FROM v w'),
	('appended', 'SELECT array_append(ARRAY[]::v[], w) AS r FROM v w'),
	('position_', 'SELECT array_position(ARRAY[w], ROW(1, 1)::v) AS r FROM v w'),
	('from_nested', 'SELECT ARRAY[n.row] AS r, row_to_json(n)::text AS j FROM nested n'),
	('populated', 'SELECT jsonb_populate_record(w, ''{"a": 5}'') AS r FROM v w'),
	('subquery', 'SELECT id, r FROM (SELECT id, ARRAY[v] AS r FROM v) q'),
	('field', 'SELECT r[1].a FROM (SELECT ARRAY[v] AS r FROM v) q'),
	('coalesced', 'SELECT coalesce(w, ROW(1, 1)::v) AS r FROM v w'),
	('cased', 'SELECT CASE WHEN id > 1 THEN w END AS r FROM v w'),
	('unnested', 'SELECT (unnest(ARRAY[w, w])).a FROM v w'),
	('unnested_in_from', 'SELECT row_to_json(x)::text AS j, x.a FROM v w, unnest(ARRAY[w, w]) x'),
	('aliased', 'SELECT row_to_json(w)::text AS j FROM v w (p, q)'),
	('of_groups', 'SELECT row_to_json(g)::text AS j, ARRAY[g] AS r FROM grouped g'),
	('of_constants', 'SELECT ARRAY[one] AS r, t.id FROM one, t'),
	('keys', 'SELECT w, count(*) FROM v w GROUP BY w'),
	('united', 'SELECT ARRAY[w] AS r FROM v w UNION SELECT ARRAY[w] FROM v w'),
	('collected', 'SELECT (array_agg(w))[1].id FROM v w GROUP BY w.id'),
	('compared', 'SELECT x = y AS e, x < ROW(2, 2)::v AS l FROM v x JOIN v y ON x <= y');

-- Those of other subqueries have names only.
INSERT INTO cases VALUES
	('derived', 'SELECT row_to_json(w)::text AS j FROM (SELECT id, a FROM t) w (p)'),
	('of_expression', 'SELECT row_to_json(w)::text AS j FROM (SELECT id, a + 1 FROM t) w'),
	('handed_on', 'SELECT (x.r).a FROM (SELECT s AS r, 1 AS one FROM (SELECT a, id FROM t) s) x');

SELECT trickle_test.stream(name, query) FROM cases;
INSERT INTO t VALUES (1, 10), (2, 20), (2, 20), (NULL, NULL);
SELECT name, trickle_test.same_as_query(name) FROM cases;
UPDATE t SET a = 11 WHERE id = 1;
DELETE FROM t WHERE id IS NULL;
SELECT name, trickle_test.same_as_query(name) FROM cases;

-- What is stored can be read by other sessions, which know types only.
\c
SELECT r::text FROM arrays ORDER BY 1;
SELECT r::text FROM subquery ORDER BY 1;

-- The columns of a view get other names, also where its own text does not.
SELECT trickle_test.stream('named', 'SELECT row_to_json(v)::text AS j FROM v');
ALTER VIEW v RENAME a TO amount;
INSERT INTO t VALUES (3, 30);
SELECT trickle_test.same_as_query('named', 'FULL');
INSERT INTO t VALUES (4, 40);
SELECT trickle_test.same_as_query('named');
SELECT trickle_test.same_as_query('aliased', 'FULL');
SELECT j FROM named ORDER BY j;

-- And more of them.
CREATE VIEW grows AS SELECT id FROM t WHERE a > 0;
SELECT trickle_test.stream('grown', 'SELECT row_to_json(grows)::text AS j, ARRAY[grows] AS r FROM grows');
SELECT trickle_test.stream('grown_column', 'SELECT id FROM grows');
CREATE OR REPLACE VIEW grows AS SELECT id, a, id + 1 AS next FROM t WHERE a > 0;
INSERT INTO t VALUES (5, 50);
SELECT trickle_test.same_as_query('grown', 'FULL');
SELECT trickle_test.same_as_query('grown_column', 'FULL');
INSERT INTO t VALUES (6, 60);
SELECT trickle_test.same_as_query('grown');
SELECT trickle_test.same_as_query('grown_column');

-- No delta query can say how the columns of a join are called, or two columns
-- of one name.
SELECT trickle_test.stream('x', 'SELECT row_to_json(j) FROM (t JOIN u USING (id)) j');
SELECT trickle_test.stream('x', 'SELECT row_to_json(w) FROM (SELECT t.*, u.* FROM t, u) w');
TRUNCATE cases;
INSERT INTO cases VALUES
	('of_join', 'SELECT row_to_json(j)::text AS j FROM (t JOIN u USING (id)) j'),
	('of_using', 'SELECT row_to_json(j)::text AS j FROM t JOIN u USING (id) AS j'),
	('of_named_join', 'SELECT row_to_json(j)::text AS j FROM (t JOIN u USING (id)) j (p, q)'),
	('of_joins', 'SELECT json_agg(j)::text AS j FROM (t JOIN u USING (id)) j'),
	('join_handed_on', 'SELECT (x.j).a FROM (SELECT j, 1 AS one FROM (t JOIN u ON u.id = t.id) j) x'),
	('twice_id', 'SELECT row_to_json(w)::text AS j FROM (SELECT t.*, u.* FROM t, u) w'),
	('twice_none', 'SELECT row_to_json(w)::text AS j FROM (SELECT id + 1, a + 1 FROM t) w'),
	('twice_ordered', 'SELECT json_agg(w)::text AS j FROM (SELECT id + 1, a + 1 FROM t ORDER BY id) w'),
	('twice_constant', 'SELECT row_to_json(w)::text AS j FROM t, (SELECT 1, 2) w'),
	('twice_alias', 'SELECT row_to_json(w)::text AS j FROM t, generate_series(1, 2) WITH ORDINALITY w (p, p)');
SELECT pgtrickle.create_stream_table(name, query, 'manual') FROM cases;
INSERT INTO t VALUES (7, 70);
INSERT INTO u VALUES (1, 100), (7, 700);
SELECT name, trickle_test.same_as_query(name, 'FULL') FROM cases;
INSERT INTO t VALUES (8, 80);
SELECT name, trickle_test.same_as_query(name, 'FULL') FROM cases;

-- Names that decide nothing are none: ROW(...), and one that nobody reads.
SELECT trickle_test.stream('plain_row', 'SELECT row_to_json(ROW(id, a))::text AS j FROM t');
SELECT trickle_test.stream('unread', 'SELECT id FROM (SELECT id, j FROM (t JOIN u USING (id)) j) x');
