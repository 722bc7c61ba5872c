-- Of keys that are equal but not identical, a group shows one that a row has.
\i trickle_test.sql

CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE t (id int PRIMARY KEY, n numeric, s text COLLATE loose, x int DEFAULT 1);
INSERT INTO t VALUES (1, 1.00, 'A'), (2, 1.0, 'a'), (3, 2, 'b'), (4, 2.000, 'B'), (5, NULL, NULL);
SELECT trickle_test.stream('grouped', 'SELECT n, count(*) AS c, sum(x), min(s::text), array_agg(id ORDER BY id) AS ids FROM t GROUP BY n');
SELECT trickle_test.stream('texts', 'SELECT DISTINCT s FROM t');
SELECT trickle_test.stream('pairs', 'SELECT s, n FROM t UNION SELECT s, n FROM t');
SELECT trickle_test.stream('counted', 'SELECT s, count(*) AS c FROM t GROUP BY s');
SELECT trickle_test.stream('shown', $$
	SELECT shown, count(*) AS c FROM (SELECT n, n::text AS shown FROM t GROUP BY n) z GROUP BY shown $$);
SELECT trickle_test.stream('bag', 'SELECT n::text || s AS shown FROM (SELECT n, s FROM t GROUP BY n, s) z');

-- The row that a group showed goes, another one stays.
DELETE FROM t WHERE id IN (1, 3);
SELECT trickle_test.same_as_query('grouped');
SELECT trickle_test.same_as_query('texts');
SELECT trickle_test.same_as_query('pairs');
SELECT trickle_test.same_as_query('counted');
SELECT trickle_test.same_as_query('shown');
SELECT trickle_test.same_as_query('bag');
SELECT * FROM grouped ORDER BY n;
SELECT * FROM texts ORDER BY s;
SELECT * FROM pairs ORDER BY s;
SELECT * FROM counted ORDER BY s;
SELECT * FROM shown ORDER BY shown;
SELECT * FROM bag ORDER BY shown;

-- Which is shown stays the same while a row has it; one that comes may replace it.
INSERT INTO t VALUES (6, 1.0, 'A'), (7, 1.00, 'A'), (8, 1.000, 'a');
SELECT trickle_test.same_as_query('grouped');
SELECT trickle_test.same_as_query('texts');
SELECT trickle_test.same_as_query('pairs');
SELECT * FROM grouped WHERE n = 1;
SELECT * FROM texts WHERE s = 'a';
SELECT * FROM pairs WHERE n = 1;
DELETE FROM t WHERE id IN (2, 6);
INSERT INTO t VALUES (9, 1.0000, 'A');
SELECT trickle_test.same_as_query('grouped');
SELECT trickle_test.same_as_query('texts');
SELECT trickle_test.same_as_query('pairs');
SELECT * FROM grouped WHERE n = 1;
SELECT (n, s) IN (SELECT n, s FROM t) AND s::text IN (SELECT s::text FROM t WHERE t.n::text = b.n::text) AS exists
FROM pairs b WHERE n = 1;
UPDATE t SET n = 1.00000 WHERE n = 1;
SELECT trickle_test.same_as_query('grouped');
SELECT n FROM grouped WHERE n = 1;

-- Rows known to have what is shown are counted: while there is one, none is read.
SELECT state_relid AS state FROM pgtrickle.pgt_nodes JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
WHERE pgt_relid = 'grouped'::regclass \gset
SELECT k1, n, shown FROM :state ORDER BY k1;

-- Nothing that no row has is verified, whatever a run of the query would show.
INSERT INTO t VALUES (0, 1.0, 'ä'), (-1, 1, 'a');
UPDATE t SET x = x + 1;
SELECT name, v.* FROM unnest('{grouped,texts,pairs,counted,shown,bag}'::text[]) AS name,
	pgtrickle.verify_stream_table(name) v;
UPDATE :state SET k1 = 2.0 WHERE k1 = 2;
SELECT * FROM pgtrickle.verify_stream_table('grouped') ORDER BY row_source;
SELECT count(*) FROM pgtrickle.verify_stream_table('grouped', true);
SELECT * FROM pgtrickle.verify_stream_table('grouped') ORDER BY row_source;
SELECT k1, n FROM :state ORDER BY k1;

-- A recomputation keeps what rows have, and all that is above the group with it.
SELECT shown FROM shown WHERE shown::numeric = 1 \gset before_
SELECT pgtrickle.repair_stream_table('shown');
SELECT pgtrickle.refresh_stream_table('shown');
SELECT shown = :'before_shown' AS same FROM shown WHERE shown::numeric = 1;
SELECT * FROM pgtrickle.verify_stream_table('shown');
DELETE FROM t WHERE n::text = :'before_shown';
SELECT trickle_test.same_as_query('shown');
SELECT shown IN (SELECT n::text FROM t) AS exists FROM shown WHERE shown::numeric = 1;

-- Other types, by themselves and above the node.
CREATE TYPE pair AS (a numeric, b text);
CREATE DOMAIN amount AS numeric CHECK (value > 0);
CREATE TABLE types (id int PRIMARY KEY, f float8, i interval, p pair, a numeric[], r numrange, d amount, c bpchar, j jsonb);
INSERT INTO types VALUES
	(1, '-0', '24 hours', '(1.0,x)', '{1.0,NULL}', '[1.0,2)', 3.0, 'c ', '{"a": 1.0}'),
	(2, '0', '1 day', '(1.00,x)', '{1.00,NULL}', '[1.00,2)', 3.00, 'c', '{"a": 1.00}');
SELECT trickle_test.stream('f', 'SELECT f, atan2(f, -1) < 0 AS negative FROM (SELECT f FROM types GROUP BY f) z');
SELECT trickle_test.stream('i', 'SELECT i, extract(hour FROM i) AS hours FROM (SELECT DISTINCT i FROM types) z');
SELECT trickle_test.stream('p', 'SELECT p, count(*) FROM types GROUP BY p');
SELECT trickle_test.stream('a', 'SELECT DISTINCT a FROM types');
SELECT trickle_test.stream('r', 'SELECT DISTINCT r FROM types');
SELECT trickle_test.stream('d', 'SELECT DISTINCT d FROM types');
SELECT trickle_test.stream('c', 'SELECT c, octet_length(c) AS length FROM (SELECT DISTINCT c FROM types) z');
SELECT trickle_test.stream('j', 'SELECT DISTINCT j FROM types');
SELECT * FROM f, i, p, a, r, d, c, j;
DELETE FROM types WHERE id = 1;
SELECT name, s FROM unnest('{f,i,p,a,r,d,c,j}'::text[]) AS name, trickle_test.same_as_query(name) s;
SELECT * FROM f, i, p, a, r, d, c, j;
INSERT INTO types SELECT 1, '-0', '24 hours', '(1.0,x)', '{1.0,NULL}', '[1.0,2)', 3.0, 'c ', '{"a": 1.0}';
DELETE FROM types WHERE id = 2;
SELECT name, s FROM unnest('{f,i,p,a,r,d,c,j}'::text[]) AS name, trickle_test.same_as_query(name) s;
SELECT * FROM f, i, p, a, r, d, c, j;
SELECT name, v.* FROM unnest('{f,i,p,a,r,d,c,j}'::text[]) AS name, pgtrickle.verify_stream_table(name) v;

-- Groups of any size, and rows that come and go in one transaction.
INSERT INTO t SELECT i, 1 + (i % 7)::numeric / 1, 'x' || i % 3 FROM generate_series(100, 400) i;
UPDATE t SET n = n::numeric(10, 3) WHERE id > 250;
SELECT trickle_test.same_as_query('grouped');
BEGIN;
UPDATE t SET n = trunc(n) WHERE id > 250;
DELETE FROM t WHERE id BETWEEN 100 AND 250;
UPDATE t SET n = n::numeric(10, 1) WHERE id % 2 = 0;
COMMIT;
SELECT pgtrickle.refresh_stream_table('bag');
SELECT name, s FROM unnest('{grouped,texts,pairs,counted}'::text[]) AS name, trickle_test.same_as_query(name) s;
SELECT n::text FROM grouped EXCEPT SELECT n::text FROM t;
SELECT s::text FROM texts EXCEPT SELECT s::text FROM t;
SELECT n::text, s::text FROM pairs EXCEPT SELECT n::text, s::text FROM t;
SELECT shown COLLATE "C" FROM bag EXCEPT SELECT n::text || s::text COLLATE "C" FROM t;
SELECT action FROM pgtrickle.get_refresh_history('bag', 1);
SELECT name, v.* FROM unnest('{grouped,texts,pairs,counted,shown,bag}'::text[]) AS name,
	pgtrickle.verify_stream_table(name) v;

-- Types whose equal values are identical do not count.
CREATE TYPE colour AS ENUM ('red');
CREATE TABLE exact (i int, s text, v varchar(5), d date, n numeric(10, 2), c char(3), e colour, u uuid, b boolean, at timestamptz);
SELECT trickle_test.stream('keys', 'SELECT DISTINCT * FROM exact');
SELECT attname FROM pg_attribute JOIN pgtrickle.pgt_nodes ON attrelid = state_relid JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
WHERE pgt_relid = 'keys'::regclass AND attnum > 10 ORDER BY attnum;
