-- Stream tables with a key: how rows are found, and what an update is.
\i trickle_test.sql

CREATE FUNCTION key_of(st regclass) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT string_agg(attname, ', ' ORDER BY ordinality)
		FROM unnest(key_columns) WITH ORDINALITY AS k (attnum, ordinality)
			JOIN pg_attribute a ON attrelid = st AND a.attnum = k.attnum), 'none')
	FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = st $$;
CREATE FUNCTION indexes_of(st regclass) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .* USING ', ' INDEX ')
	FROM pg_index WHERE indrelid = st ORDER BY 1 $$;

CREATE TABLE items (id int PRIMARY KEY, name text, price numeric, note text);
INSERT INTO items VALUES (1, 'a', 1, 'x'), (2, 'b', 2, NULL), (3, 'c', 3, 'z');

-- The table has the columns of its query and no others, and is an ordinary one.
SELECT trickle_test.stream('cheap', $$
	SELECT id, name, price * 2 AS twice FROM items WHERE price < 10 $$);
SELECT attname, atttypid::regtype FROM pg_attribute
WHERE attrelid = 'cheap'::regclass AND attnum > 0 ORDER BY attnum;
SELECT relkind, relpersistence, relnatts FROM pg_class WHERE relname = 'cheap';
SELECT key_of('cheap'), indexes_of('cheap');
SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_state'::regnamespace;

-- A changed row is an update of its row, and no more is written than changes.
SELECT ctid AS before FROM cheap WHERE id = 2 \gset
UPDATE items SET name = 'aa' WHERE id = 1;
UPDATE items SET note = 'nobody sees it';
SELECT trickle_test.same_as_query('cheap');
SELECT ctid = :'before' AS untouched FROM cheap WHERE id = 2;
SELECT rows_inserted, rows_deleted FROM pgtrickle.get_refresh_history('cheap', 1);

-- A row that enters or leaves is an insert or a delete.
UPDATE items SET price = 100 WHERE id = 1;
SELECT trickle_test.same_as_query('cheap');
UPDATE items SET price = 1 WHERE id = 1;
SELECT trickle_test.same_as_query('cheap');

-- The key itself may change, and keys may be swapped.
UPDATE items SET id = 10 WHERE id = 1;
SELECT trickle_test.same_as_query('cheap');
BEGIN;
UPDATE items SET id = -1 WHERE id = 2;
UPDATE items SET id = 2 WHERE id = 3;
UPDATE items SET id = 3 WHERE id = -1;
COMMIT;
SELECT trickle_test.same_as_query('cheap');
SELECT * FROM cheap ORDER BY id;

-- A row that is deleted and inserted anew within one window is one update.
BEGIN;
DELETE FROM items WHERE id = 2;
INSERT INTO items VALUES (2, 'new', 5, NULL);
COMMIT;
SELECT trickle_test.same_as_query('cheap');
SELECT rows_inserted, rows_deleted FROM pgtrickle.get_refresh_history('cheap', 1);

-- NULL is a key like others.
CREATE TABLE facts (k int, l text, x int);
SELECT trickle_test.stream('by_null', 'SELECT k, sum(x) FROM facts GROUP BY k');
SELECT trickle_test.stream('by_nulls',
	'SELECT l, k, sum(x) FROM facts GROUP BY k, l');
SELECT key_of('by_null'), indexes_of('by_null'), key_of('by_nulls'),
	indexes_of('by_nulls');
INSERT INTO facts VALUES (NULL, NULL, 1), (NULL, 'a', 2), (1, NULL, 3), (1, 'a', 4);
SELECT trickle_test.same_as_query('by_null');
SELECT trickle_test.same_as_query('by_nulls');
UPDATE facts SET x = x + 1;
SELECT trickle_test.same_as_query('by_null');
SELECT trickle_test.same_as_query('by_nulls');
DELETE FROM facts WHERE k IS NULL;
SELECT trickle_test.same_as_query('by_null');
SELECT trickle_test.same_as_query('by_nulls');
SELECT * FROM by_nulls ORDER BY l, k;

-- A key too long for any index: 9 kB of text that does not compress.
CREATE FUNCTION noise(seed text, kilobytes int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(md5(seed || i), '') FROM generate_series(1, kilobytes * 32) i $$;
SELECT trickle_test.stream('by_text', 'SELECT l, count(*) FROM facts GROUP BY l');
INSERT INTO facts VALUES (1, noise('a', 9), 1), (1, noise('b', 9), 2),
	(1, noise('a', 9), 3), (1, noise('a', 9) || 'x', 1);
SELECT trickle_test.same_as_query('by_text');
SELECT trickle_test.same_as_query('by_nulls');
DELETE FROM facts WHERE x = 2;
UPDATE facts SET l = noise('a', 9) WHERE l = noise('a', 9) || 'x';
SELECT trickle_test.same_as_query('by_text');
SELECT trickle_test.same_as_query('by_nulls');
SELECT left(l, 4), length(l), count FROM by_text ORDER BY 2;

-- Keys of bounded types lie in the index itself, others by their hash.
CREATE TABLE typed (b bool, i int, f float8, d date, t timestamptz, u uuid,
	v varchar(20), c char(3), n numeric(10, 2), m numeric, x text, y bytea, j jsonb,
	iv interval, e inet, a int[], r int4range);
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT attname FROM pg_attribute
		WHERE attrelid = 'typed'::regclass AND attnum > 0
	LOOP
		PERFORM trickle_test.stream('typed_' || name,
			format('SELECT %1$I, count(*) FROM typed GROUP BY %1$I', name));
	END LOOP;
END $$;
SELECT relname, indexes_of(oid) FROM pg_class WHERE relname ~ '^typed_.$|^typed_iv$'
ORDER BY 1;
INSERT INTO typed VALUES (true, 1, 'NaN', 'infinity', '-infinity', gen_random_uuid(),
	'v', 'c', 1.5, 'NaN', 'x', 'y', '{"a": [1]}', '1 mon', '::1', '{1,NULL}', '[1,5)'),
	(false, 2, '-0', '2020-01-01', '2020-01-01', NULL, 'V', 'c  ', 1.50,
	1.0, '', '\x00', '[1.0]', '30 days', '10.0.0.0/8', '{}', 'empty'),
	(false, 2, 0.0, '2020-01-01', '2020-01-01', NULL, 'V ', 'c', 1.5,
	1.00, '', '', '[1.00]', '720 hours', '10.0.0.0/16', NULL, '[2,2)');
INSERT INTO typed DEFAULT VALUES;
SELECT relname, trickle_test.same_as_query(relname) FROM pg_class
WHERE relname ~ '^typed_.$|^typed_iv$';
DELETE FROM typed WHERE i = 2 AND f::text = '0';
UPDATE typed SET b = NOT b, i = i + 1, f = f + 1, d = '2020-01-02', t = t - interval '1 h',
	v = v || 'x', c = 'd', n = n + 1, m = m + 1, x = x || 'x', y = y || '\x01',
	iv = iv * 2, e = '::2', a = a || 3, r = '[3,4)', j = j || '[1]'
WHERE i IS NOT NULL;
SELECT relname, trickle_test.same_as_query(relname) FROM pg_class
WHERE relname ~ '^typed_.$|^typed_iv$';
DELETE FROM typed;
SELECT relname, trickle_test.same_as_query(relname) FROM pg_class
WHERE relname ~ '^typed_.$|^typed_iv$';
SELECT count(*) FROM typed_m;

-- Keys that are equal but not identical are one key.
CREATE COLLATION regress_any_case (provider = icu, locale = 'und-u-ks-level2',
	deterministic = false);
CREATE TABLE words (id int PRIMARY KEY, word text COLLATE regress_any_case, n numeric);
INSERT INTO words VALUES (1, 'tree', 1.0), (2, 'Tree', 1.00), (3, 'bush', 1);
SELECT trickle_test.stream('by_word', 'SELECT word, count(*) FROM words GROUP BY word');
SELECT trickle_test.stream('by_n', 'SELECT n, count(*) FROM words GROUP BY n');
UPDATE words SET word = upper(word);
DELETE FROM words WHERE n::text = '1.0';
INSERT INTO words VALUES (4, 'TREE', 1.000);
SELECT trickle_test.same_as_query('by_word');
SELECT trickle_test.same_as_query('by_n');
SELECT count(*) FROM by_word;
DELETE FROM words WHERE word = 'tree';
SELECT trickle_test.same_as_query('by_word');
SELECT trickle_test.same_as_query('by_n');

-- A table with one row and no key to look for.
SELECT trickle_test.stream('one', 'SELECT count(*), max(price) FROM items');
SELECT key_of('one'), (SELECT count(*) FROM pg_index WHERE indrelid = 'one'::regclass);
INSERT INTO items VALUES (77, 'q', 77, NULL);
SELECT trickle_test.same_as_query('one');
SELECT * FROM one;

-- A key of more columns than an index can have.
SELECT format('CREATE TABLE wide (%s, x int)',
	string_agg(format('k%s int', i), ', ')) FROM generate_series(1, 40) i \gexec
SELECT trickle_test.stream('by_many', format('SELECT %1$s, sum(x) FROM wide GROUP BY %1$s',
	string_agg(format('k%s', i), ', '))) FROM generate_series(1, 40) i;
INSERT INTO wide (k1, k40, x) VALUES (1, 1, 1), (1, NULL, 2), (1, 1, 3);
SELECT trickle_test.same_as_query('by_many');
DELETE FROM wide WHERE x = 1;
UPDATE wide SET x = 9 WHERE k40 IS NULL;
SELECT trickle_test.same_as_query('by_many');
SELECT k1, k40, sum FROM by_many ORDER BY 2;

-- Joins by primary keys are keyed by those that tell the rows apart.
CREATE TABLE lines (item int REFERENCES items (id), line int, qty int,
	PRIMARY KEY (item, line));
INSERT INTO lines VALUES (2, 1, 5), (2, 2, 6), (3, 1, 7);
SELECT trickle_test.stream('joined', $$
	SELECT item, line, name, qty FROM items JOIN lines ON item = id $$);
SELECT key_of('joined');
UPDATE items SET name = name || '!';
UPDATE lines SET line = line + 1 WHERE item = 2 AND line = 2;
DELETE FROM lines WHERE qty = 7;
SELECT trickle_test.same_as_query('joined');
SELECT * FROM joined ORDER BY item, line;
