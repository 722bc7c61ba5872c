-- ALTER TABLE of a stream table: what would make it another table than the result
-- of its query is refused.
\i trickle_test.sql

CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(8, 2));
INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 2);
SELECT trickle_test.stream('st', 'SELECT id, name, price FROM items');
SELECT trickle_test.stream('sums', 'SELECT name, sum(price), count(*) FROM items GROUP BY name');

-- Columns.
ALTER TABLE st ADD COLUMN extra int;
ALTER TABLE st ADD COLUMN extra int GENERATED ALWAYS AS (id * 2) STORED;
ALTER TABLE st DROP COLUMN name;
ALTER TABLE st ALTER price TYPE numeric(8, 1);
ALTER TABLE st ALTER price TYPE numeric;
ALTER TABLE st ALTER name TYPE varchar(10);
ALTER TABLE st ALTER name TYPE text COLLATE "C";
ALTER TABLE st ALTER id SET NOT NULL, ALTER id ADD GENERATED ALWAYS AS IDENTITY;
CREATE TYPE a_row AS (id int, name text, price numeric(8, 2));
ALTER TABLE st OF a_row;

-- Storage and place.
ALTER TABLE st SET UNLOGGED;
CREATE TABLE parted (id int, name text, price numeric(8, 2)) PARTITION BY RANGE (id);
ALTER TABLE parted ATTACH PARTITION st DEFAULT;
CREATE TABLE parent (id int, name text);
ALTER TABLE st INHERIT parent;

-- What is refused leaves nothing behind.
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'st'::regclass AND attnum > 0 ORDER BY attnum;
INSERT INTO items VALUES (3, 'c', 3);
SELECT trickle_test.same_as_query('st');
SELECT trickle_test.same_as_query('sums');

-- What is only the table's may change: names of columns and constraints, defaults,
-- which nobody uses, storage, statistics, comments, privileges.
ALTER TABLE st ALTER price SET DEFAULT 7, ALTER name SET STORAGE EXTENDED;
ALTER TABLE st RENAME COLUMN name TO label;
ALTER TABLE st ADD CONSTRAINT positive CHECK (price >= 0);
ALTER TABLE st RENAME CONSTRAINT positive TO not_negative;
ALTER TABLE st ADD CONSTRAINT key PRIMARY KEY (id);
ALTER TABLE st CLUSTER ON key;
ALTER TABLE st REPLICA IDENTITY USING INDEX key;
INSERT INTO items VALUES (4, 'd', NULL);
UPDATE items SET price = 5 WHERE id = 1;
SELECT trickle_test.same_as_query('st');
ALTER TABLE st DROP CONSTRAINT key;
INSERT INTO items VALUES (5, 'e', 5);
SELECT trickle_test.same_as_query('st');

-- Owner and schema may change; the state follows.
CREATE ROLE regress_apply_alter_owner;
GRANT SELECT ON items TO regress_apply_alter_owner;
ALTER TABLE sums OWNER TO regress_apply_alter_owner;
SELECT DISTINCT coalesce((SELECT grantee FROM aclexplode(relacl) WHERE grantee <> relowner), relowner)::regrole AS reader
FROM pg_class WHERE relnamespace IN ('pgtrickle_state'::regnamespace) AND relkind = 'r'
	OR oid IN (SELECT query_relid FROM pgtrickle.pgt_stream_tables
		WHERE pgt_relid = 'sums'::regclass);
UPDATE items SET name = 'x' WHERE id < 3;
SELECT trickle_test.same_as_query('sums');
CREATE SCHEMA away;
ALTER TABLE sums SET SCHEMA away;
UPDATE items SET name = 'y' WHERE id < 3;
SELECT trickle_test.same_as_query('away.sums');

-- A source's column that is not in the query may change; one that is in it as any
-- column that a view uses.
ALTER TABLE items ADD COLUMN extra int DEFAULT 7;
ALTER TABLE items RENAME COLUMN name TO label;
ALTER TABLE items RENAME TO things;
INSERT INTO things VALUES (6, 'f', 6, 6);
SELECT pgtrickle.refresh_stream_table('st');
SELECT * FROM st ORDER BY id;
ALTER TABLE things DROP COLUMN extra;
ALTER TABLE things DROP COLUMN label;
ALTER TABLE things ALTER price TYPE text;
UPDATE things SET price = 8 WHERE id = 6;
SELECT pgtrickle.refresh_stream_table('st');
SELECT * FROM st WHERE id = 6;

-- The type of a column may change itself.
CREATE TYPE pair AS (a int, b text);
CREATE TABLE pairs (id int PRIMARY KEY, p pair);
INSERT INTO pairs VALUES (1, (1, 'x')), (2, (2, 'y')), (3, NULL);
SELECT trickle_test.stream('bag', 'SELECT p FROM pairs');
ALTER TYPE pair ADD ATTRIBUTE c int;
UPDATE pairs SET p = (1, 'x', NULL) WHERE id = 3;
DELETE FROM pairs WHERE id = 1;
SELECT trickle_test.same_as_query('bag');
ALTER TYPE pair RENAME ATTRIBUTE b TO bb;
UPDATE pairs SET p.c = 5 WHERE id = 2;
SELECT trickle_test.same_as_query('bag');
SELECT * FROM bag ORDER BY p;
-- Without one of its attributes every value has another image.
SELECT trickle_test.stream('by_pair', 'SELECT p, count(*) FROM pairs GROUP BY p');
ALTER TYPE pair DROP ATTRIBUTE bb;
UPDATE pairs SET p.c = 6 WHERE id = 2;
SELECT pgtrickle.repair_stream_table('bag');
SELECT pgtrickle.repair_stream_table('by_pair');
SELECT trickle_test.same_as_query('bag', 'NO_DATA');
SELECT trickle_test.same_as_query('by_pair', 'NO_DATA');
UPDATE pairs SET p.c = 7;
SELECT trickle_test.same_as_query('bag');
SELECT trickle_test.same_as_query('by_pair');
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE moods (id int PRIMARY KEY, m mood);
SELECT trickle_test.stream('by_mood', 'SELECT m, count(*) FROM moods GROUP BY m');
INSERT INTO moods VALUES (1, 'sad'), (2, 'happy'), (3, 'sad');
SELECT trickle_test.same_as_query('by_mood');
ALTER TYPE mood ADD VALUE 'ok' BEFORE 'happy';
ALTER TYPE mood RENAME VALUE 'sad' TO 'low';
UPDATE moods SET m = 'ok' WHERE id = 3;
SELECT trickle_test.same_as_query('by_mood');
SELECT * FROM by_mood ORDER BY m;

SELECT pgtrickle.drop_stream_table('away.sums');
DROP OWNED BY regress_apply_alter_owner;
DROP ROLE regress_apply_alter_owner;
