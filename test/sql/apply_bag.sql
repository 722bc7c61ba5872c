-- Stream tables without a key: copies are counted, and told apart by their image.
\i trickle_test.sql

-- As text: same_as_query() takes 1.0 for 1.00.
CREATE FUNCTION same_text(st text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	query text;
BEGIN
	PERFORM pgtrickle.refresh_stream_table(st);
	SELECT format('SELECT q::text FROM (%s) q', original_query) INTO STRICT query
	FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = st::regclass;
	RETURN QUERY SELECT * FROM trickle_test.surplus('missing', query,
		format('SELECT st::text FROM %I st', st));
	RETURN QUERY SELECT * FROM trickle_test.surplus('wrong',
		format('SELECT st::text FROM %I st', st), query);
	RETURN QUERY SELECT action FROM pgtrickle.get_refresh_history(st, 1)
	WHERE action <> 'DIFFERENTIAL';
END $$;

-- Duplicates come and go one by one.
CREATE TABLE votes (id int PRIMARY KEY, party text);
SELECT trickle_test.stream('parties', 'SELECT party FROM votes');
SELECT key_columns IS NULL AS is_bag FROM pgtrickle.pgt_stream_tables;
INSERT INTO votes SELECT i, CASE WHEN i % 3 = 0 THEN 'x' WHEN i % 3 = 1 THEN 'y' END
FROM generate_series(1, 30) i;
SELECT trickle_test.same_as_query('parties');
DELETE FROM votes WHERE id <= 9;
UPDATE votes SET party = 'y' WHERE id = 12;
UPDATE votes SET party = NULL WHERE id = 13;
SELECT trickle_test.same_as_query('parties');
SELECT party, count(*) FROM parties GROUP BY party ORDER BY party;
-- Only what changes is written, whatever else has the same image.
SELECT rows_inserted, rows_deleted FROM pgtrickle.get_refresh_history('parties', 1);
UPDATE votes SET party = CASE party WHEN 'x' THEN 'y' WHEN 'y' THEN 'x' END
WHERE party IS NOT NULL;
SELECT trickle_test.same_as_query('parties');
DELETE FROM votes;
SELECT trickle_test.same_as_query('parties');
SELECT count(*) FROM parties;

-- Rows that swap their values change nothing in a bag.
INSERT INTO votes VALUES (1, 'x'), (2, 'y');
SELECT trickle_test.same_as_query('parties');
BEGIN;
UPDATE votes SET party = CASE party WHEN 'x' THEN 'y' ELSE 'x' END;
COMMIT;
SELECT trickle_test.same_as_query('parties', 'NO_DATA');

-- Equal is not identical: 1.0 and 1.00 are told apart, so are -0 and 0, numbers
-- in jsonb, and intervals.
CREATE TABLE likes (id int PRIMARY KEY, n numeric, f float8, j jsonb, i interval);
SELECT trickle_test.stream('images', 'SELECT n, f, j, i FROM likes');
INSERT INTO likes VALUES (1, 1.0, 0, '1.0', '24 hours'), (2, 1.00, '-0', '1.00', '1 day'),
	(3, 1, 'NaN', '1', '00:00'), (4, 1.0, 0, '1.0', '24 hours');
SELECT same_text('images');
DELETE FROM likes WHERE id = 2;
SELECT same_text('images');
SELECT * FROM images ORDER BY n::text, i::text;
UPDATE likes SET n = 1.000, i = '1 day' WHERE id = 1;
SELECT same_text('images');
SELECT * FROM images ORDER BY n::text, i::text;

-- Types without equality: json, xml and point, also in composites and arrays.
CREATE TYPE pair AS (a json, b point);
CREATE TABLE odd (id int PRIMARY KEY, j json, x xml, p point, c pair, cs pair[], js json[]);
SELECT trickle_test.stream('odds', 'SELECT j, x, p, c, cs, js FROM odd');
INSERT INTO odd VALUES
	(1, '{"a": 1}', '<a/>', '(1,2)', ('{}', '(1,1)'), ARRAY[('1', '(0,0)')::pair], ARRAY['1'::json]),
	(2, '{"a":1}', '<a></a>', '(1,2)', ('{ }', '(1,1)'), ARRAY[NULL::pair], ARRAY[NULL::json]),
	(3, NULL, NULL, NULL, (NULL, NULL), '{}', NULL),
	(4, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT same_text('odds');
UPDATE odd SET j = '{"a": 1}', c = ('{}', '(1,1)') WHERE id = 2;
UPDATE odd SET c = NULL WHERE id = 3;
DELETE FROM odd WHERE id = 1;
SELECT same_text('odds');
UPDATE odd SET js = '{}', cs = ARRAY[(NULL, '(0,0)')::pair, NULL];
SELECT same_text('odds');
SELECT * FROM odds ORDER BY odds::text;

-- A composite is what its fields say, however they are stored.
CREATE FUNCTION noise(seed text, kilobytes int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(md5(seed || i), '') FROM generate_series(1, kilobytes * 32) i $$;
CREATE TYPE page AS (title text, body text);
CREATE TABLE pages (id int PRIMARY KEY, p page, ps page[], ts text[]);
SELECT trickle_test.stream('contents', 'SELECT p, ps, ts FROM pages');
INSERT INTO pages VALUES
	(1, ('a', repeat('x', 5000)), ARRAY[('b', repeat('y', 9000))::page], ARRAY[repeat('z', 9000)]),
	(2, ('a', noise('x', 5)), ARRAY[('b', noise('y', 9))::page], ARRAY[noise('z', 9)]),
	(3, ('a', noise('x', 5)), ARRAY[('b', noise('y', 9))::page], ARRAY[noise('z', 9)]);
SELECT same_text('contents');
ALTER TABLE pages ALTER p SET STORAGE EXTERNAL, ALTER ps SET STORAGE EXTERNAL;
UPDATE pages SET p = ('a', noise('x', 5)), ps = ARRAY[('b', noise('y', 9))::page]
WHERE id = 1;
DELETE FROM pages WHERE id = 2;
SELECT same_text('contents');
UPDATE pages SET p.title = 'changed' WHERE id = 1;
SELECT same_text('contents');
SELECT (p).title, length((p).body), length(ps[1].body), length(ts[1]) FROM contents
ORDER BY 1;

-- Rows of 9 kB, and rows with more columns than a function has arguments.
SELECT trickle_test.stream('long_rows', 'SELECT (p).body || id % 2 AS body FROM pages');
INSERT INTO pages SELECT i, ('t', noise('p', 9))::page, NULL, NULL FROM generate_series(10, 14) i;
DELETE FROM pages WHERE id IN (3, 10, 12);
SELECT trickle_test.same_as_query('long_rows');
SELECT format('CREATE TABLE wide (id int, %s)',
	string_agg(format('c%s int DEFAULT %1$s', i), ', ')) FROM generate_series(1, 150) i
\gset wide_
:wide_format;
SELECT trickle_test.stream('wide_rows', 'SELECT * FROM wide');
INSERT INTO wide (id, c150) SELECT i / 2, i % 2 FROM generate_series(1, 20) i;
SELECT trickle_test.same_as_query('wide_rows');
UPDATE wide SET c150 = c150 + 1 WHERE id % 2 = 1;
DELETE FROM wide WHERE id = 4;
SELECT trickle_test.same_as_query('wide_rows');

-- Very many copies of a row.
CREATE TABLE copies (x int);
SELECT trickle_test.stream('copied', 'SELECT x FROM copies');
INSERT INTO copies SELECT 7 FROM generate_series(1, 3000);
SELECT trickle_test.same_as_query('copied');
DELETE FROM copies WHERE ctid IN (SELECT ctid FROM copies LIMIT 2998);
SELECT trickle_test.same_as_query('copied');
SELECT * FROM copied;

-- A join that makes copies, from both sides.
CREATE TABLE l (k int, x int);
CREATE TABLE r (k int, y int);
SELECT trickle_test.stream('product', 'SELECT x, y FROM l JOIN r USING (k)');
INSERT INTO l SELECT i % 2, i % 3 FROM generate_series(1, 12) i;
INSERT INTO r SELECT i % 2, i % 5 FROM generate_series(1, 20) i;
SELECT trickle_test.same_as_query('product');
DELETE FROM l WHERE x = 1;
UPDATE r SET y = 1 WHERE k = 1;
SELECT trickle_test.same_as_query('product');
UPDATE l SET k = 1 - k;
DELETE FROM r WHERE y = 1;
SELECT trickle_test.same_as_query('product');
SELECT count(*) FROM product;
