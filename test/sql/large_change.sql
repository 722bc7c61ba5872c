-- Changes that do not fit into memory.
\i trickle_test.sql
SET work_mem = '64kB';

CREATE TABLE items (id int PRIMARY KEY, grp int, price money, note text);
INSERT INTO items SELECT i, i % 10, i % 100, repeat('x', i % 50)
FROM generate_series(1, 5000) i;
SELECT trickle_test.stream('keyed', 'SELECT id, grp, note FROM items');
SELECT trickle_test.stream('bag', 'SELECT grp, note FROM items');
SELECT trickle_test.stream('groups',
	'SELECT grp, count(*), sum(id) FROM items GROUP BY grp');
SELECT trickle_test.stream('scalar', 'SELECT count(*), sum(id) FROM items');
-- money has no hash function: all groups have the same hash.
SELECT trickle_test.stream('prices',
	'SELECT price, count(*), sum(id) FROM items GROUP BY price');

-- Rows that come.
INSERT INTO items SELECT i, i % 10, i % 100, repeat('y', i % 50)
FROM generate_series(5001, 10000) i;
SELECT trickle_test.same_as_query(st)
FROM unnest('{keyed,bag,groups,scalar,prices}'::text[]) st;

-- Rows that change: each group has more old rows than fit into memory.
UPDATE items SET id = -id, note = note || 'z';
SELECT trickle_test.same_as_query(st)
FROM unnest('{keyed,bag,groups,scalar,prices}'::text[]) st;

-- Rows that change and change back, and one that does not.
UPDATE items SET note = note || 'z';
UPDATE items SET note = left(note, -1) WHERE id <> -1;
SELECT trickle_test.same_as_query(st)
FROM unnest('{keyed,bag}'::text[]) st;

-- Rows that go.
DELETE FROM items WHERE grp > 3;
SELECT trickle_test.same_as_query(st)
FROM unnest('{keyed,bag,groups,scalar,prices}'::text[]) st;

-- A difference found by recomputing.
SELECT pgtrickle.alter_stream_table(st, refresh_mode => 'FULL')
FROM unnest('{keyed,bag,groups,scalar,prices}'::text[]) st;
UPDATE items SET grp = grp + 1, note = note || 'q', price = price + 1::money;
SELECT trickle_test.same_as_query(st, 'FULL')
FROM unnest('{keyed,bag,groups,scalar,prices}'::text[]) st;
