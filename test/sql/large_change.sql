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

-- Groups that are asked for again, more of them than fit into memory.
CREATE TABLE notes AS
SELECT i AS id, i / 2 AS grp, repeat('v', i * 7877 % 300) AS note
FROM generate_series(1, 6000) i;
SELECT trickle_test.stream('joined',
	$$SELECT grp, string_agg(note, ',' ORDER BY id), count(*) FROM notes GROUP BY grp$$);
SELECT trickle_test.stream('extremes',
	'SELECT grp, min(note), max(note), avg(id::float8) FROM notes GROUP BY grp');
UPDATE notes SET note = repeat('w', id * 7877 % 313);
SELECT trickle_test.same_as_query(st) FROM unnest('{joined,extremes}'::text[]) st;
UPDATE notes SET note = repeat('x', id * 7877 % 353) WHERE id % 5 > 0;
DELETE FROM notes WHERE id % 7 = 0;
SELECT trickle_test.same_as_query(st) FROM unnest('{joined,extremes}'::text[]) st;

-- Rows that wait for others to go, because the values of a user's constraint
-- are taken until then.
CREATE TABLE places (id int PRIMARY KEY, place int, note text);
INSERT INTO places SELECT i, i, '' FROM generate_series(1, 10) i;
SELECT trickle_test.stream('taken', 'SELECT id, place, note FROM places');
ALTER TABLE taken ADD UNIQUE (place);
INSERT INTO places SELECT i, i, repeat('x', i * 7877 % 2000)
FROM generate_series(11, 3000) i;
SELECT trickle_test.same_as_query('taken');
UPDATE places SET place = 3001 - place, note = repeat('y', id * 7877 % 2000);
SELECT trickle_test.same_as_query('taken');

-- A difference found by recomputing.
SELECT pgtrickle.alter_stream_table(st, refresh_mode => 'FULL')
FROM unnest('{keyed,bag,groups,scalar,prices}'::text[]) st;
UPDATE items SET grp = grp + 1, note = note || 'q', price = price + 1::money;
SELECT trickle_test.same_as_query(st, 'FULL')
FROM unnest('{keyed,bag,groups,scalar,prices}'::text[]) st;
