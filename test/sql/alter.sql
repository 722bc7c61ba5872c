-- Changing stream tables: query, schedule, mode, status, owner, and what DDL
-- on them may do.
\i trickle_test.sql
\set SHOW_CONTEXT never

CREATE TABLE sales (id int PRIMARY KEY, region varchar(20), amount int, note text);
INSERT INTO sales VALUES (1, 'north', 10, 'a'), (2, 'north', 20, 'b'), (3, 'south', 5, 'c');
SELECT trickle_test.stream('totals',
	'SELECT region, sum(amount) AS total FROM sales GROUP BY region');
CREATE FUNCTION definition(st text) RETURNS TABLE (schedule text, refresh_mode text,
	status text, is_populated boolean) LANGUAGE sql AS $$
	SELECT schedule, refresh_mode, status, is_populated
	FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = st::regclass $$;
CREATE FUNCTION tracked() RETURNS TABLE (source regclass, columns int2[])
	LANGUAGE sql AS $$
	SELECT source_relid, tracked_columns FROM pgtrickle.pgt_change_tracking
	ORDER BY source_relid::text $$;

-- NULL keeps what is.
SELECT pgtrickle.alter_stream_table('totals');
SELECT * FROM definition('totals');

-- Schedule and status are just stored.
SELECT pgtrickle.alter_stream_table('totals', schedule => '5m');
SELECT pgtrickle.alter_stream_table('totals', status => 'suspended');
SELECT * FROM definition('totals');
SELECT pgtrickle.refresh_stream_table('totals');
SELECT pgtrickle.resume_stream_table('totals');
SELECT * FROM definition('totals');
INSERT INTO sales VALUES (4, 'east', 1, 'd');
SELECT trickle_test.same_as_query('totals');
SET client_min_messages = notice;
SELECT pgtrickle.resume_stream_table('totals');
SET client_min_messages = warning;

-- Another query: the table stays what it is, its rows become the new ones.
GRANT SELECT ON totals TO PUBLIC;
CREATE INDEX totals_total ON totals (total);
CREATE VIEW large AS SELECT * FROM totals WHERE total > 10;
SELECT 'totals'::regclass::oid AS before \gset
SELECT ctid AS untouched FROM totals WHERE region = 'south' \gset
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT region, sum(amount) AS total FROM sales WHERE note <> ''a'' GROUP BY region');
SELECT * FROM totals ORDER BY region;
SELECT * FROM large;
SELECT 'totals'::regclass::oid = :before AS same_table,
	has_table_privilege('pg_database_owner', 'totals', 'SELECT') AS granted;
SELECT ctid = :'untouched' AS untouched FROM totals WHERE region = 'south';
SELECT indexdef FROM pg_indexes WHERE tablename = 'totals' ORDER BY indexname;
SELECT * FROM tracked();
SELECT columns_used FROM pgtrickle.list_sources('totals');
INSERT INTO sales VALUES (5, 'east', 100, 'a'), (6, 'east', 7, 'e');
SELECT trickle_test.same_as_query('totals');
SELECT count(*) FROM pgtrickle.verify_stream_table('totals');

-- It may add columns at the end and read other tables; the old are let go.
CREATE TABLE shops (shop text PRIMARY KEY, place varchar(20), turnover bigint);
INSERT INTO shops VALUES ('x', 'north', 7), ('y', 'west', 1), ('z', 'west', 2);
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place AS region, sum(turnover)::bigint AS total, count(*) AS shops
	 FROM shops GROUP BY place');
SELECT * FROM totals ORDER BY region;
SELECT * FROM large;
SELECT * FROM tracked();
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'sales'::regclass;
UPDATE shops SET turnover = 5 WHERE shop = 'y';
SELECT trickle_test.same_as_query('totals');
SELECT relname FROM pg_class WHERE relnamespace = 'pgtrickle_state'::regnamespace
	AND relkind = 'r';

-- What it depends on now is what keeps it; what it read before is free.
DROP TABLE sales;
DROP TABLE shops;

-- Another identity: rows that were unique need not be so any more.
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place AS region, turnover AS total, 1::bigint AS shops FROM shops');
INSERT INTO shops VALUES ('w', 'west', 2);
SELECT trickle_test.same_as_query('totals');
SELECT * FROM totals ORDER BY region, total;
SELECT indexdef FROM pg_indexes WHERE tablename = 'totals' ORDER BY indexname;
SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_state'::regnamespace;

-- And rows that had no key get one; those that stay are not touched.
SELECT ctid AS untouched FROM totals WHERE region = 'north' \gset
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place AS region, max(turnover) AS total, count(*) AS shops FROM shops GROUP BY place');
SELECT * FROM totals ORDER BY region, total;
SELECT ctid = :'untouched' AS untouched FROM totals WHERE region = 'north';
SELECT indexdef FROM pg_indexes WHERE tablename = 'totals' ORDER BY indexname;
INSERT INTO shops VALUES ('p', 'west', 9);
SELECT trickle_test.same_as_query('totals');
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place AS region, turnover AS total, 1::bigint AS shops FROM shops');
DELETE FROM shops WHERE shop = 'p';
SELECT trickle_test.same_as_query('totals');

-- An index that a constraint needs stays, whoever uses it.
CREATE TABLE keyed (k int PRIMARY KEY, v int);
INSERT INTO keyed VALUES (1, 1), (2, 2);
SELECT trickle_test.stream('distinct_v', 'SELECT DISTINCT v FROM keyed');
ALTER TABLE distinct_v ADD PRIMARY KEY (v);
SELECT pgtrickle.alter_stream_table('distinct_v', query => 'SELECT v FROM keyed');
SELECT indexdef FROM pg_indexes WHERE tablename = 'distinct_v' ORDER BY indexname;
INSERT INTO keyed VALUES (3, 3);
SELECT trickle_test.same_as_query('distinct_v');
INSERT INTO keyed VALUES (4, 3);
SELECT trickle_test.same_as_query('distinct_v');
SELECT pgtrickle.drop_stream_table('distinct_v');

-- Columns that are there stay as they are.
SELECT pgtrickle.alter_stream_table('totals', query => 'SELECT place AS region FROM shops');
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place, turnover AS total, 1::bigint AS shops FROM shops');
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place AS region, turnover::int AS total, 1::bigint AS shops FROM shops');
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place::varchar(10) AS region, turnover AS total, 1::bigint AS shops FROM shops');
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place COLLATE "C" AS region, turnover AS total, 1::bigint AS shops FROM shops');

-- A stream table cannot read itself, not even through others.
SELECT trickle_test.stream('above', 'SELECT region FROM totals');
CREATE VIEW between_them AS SELECT * FROM above;
SELECT pgtrickle.alter_stream_table('totals', query => 'SELECT * FROM totals');
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT region, 1::bigint AS total, 1::bigint AS shops FROM between_them');
SELECT trickle_test.same_as_query('above');
SELECT pgtrickle.drop_stream_table('above', cascade => true);

-- The same query again, though written differently, changes no row.
SELECT xmin AS before FROM totals WHERE region = 'north' \gset
SELECT pgtrickle.alter_stream_table('totals', query =>
	'select  s.place as region, S.turnover AS total, 1::bigint AS shops from public.shops s');
SELECT xmin = :'before' AS untouched FROM totals WHERE region = 'north';

-- In one transaction with everything else, and rolled back with it.
BEGIN;
SELECT pgtrickle.alter_stream_table('totals', 'SELECT place AS region,
	0::bigint AS total, 1::bigint AS shops FROM shops', refresh_mode => 'FULL');
SELECT * FROM totals WHERE region = 'north';
SELECT * FROM tracked();
ROLLBACK;
SELECT * FROM totals WHERE region = 'north';
SELECT * FROM definition('totals');
UPDATE shops SET turnover = 8 WHERE shop = 'x';
SELECT trickle_test.same_as_query('totals');

-- In FULL mode nothing is logged and there is no state; and back again.
SELECT pgtrickle.alter_stream_table('totals', query => 'SELECT place AS region,
	sum(turnover)::bigint AS total, count(*) AS shops FROM shops GROUP BY place');
SELECT pgtrickle.alter_stream_table('totals', refresh_mode => 'FULL');
SELECT * FROM tracked();
SELECT count(*) FROM pgtrickle.pgt_nodes;
INSERT INTO shops VALUES ('v', 'east', 3);
SELECT trickle_test.same_as_query('totals', 'FULL');
INSERT INTO shops VALUES ('u', 'east', 4);
SELECT pgtrickle.alter_stream_table('totals', refresh_mode => 'AUTO');
SELECT * FROM totals WHERE region = 'east';
SELECT * FROM tracked();
SELECT count(*) FROM pgtrickle.pgt_nodes;
INSERT INTO shops VALUES ('t', 'east', 5);
SELECT trickle_test.same_as_query('totals');
SELECT initiated_by, action, refresh_reason
FROM pgtrickle.get_refresh_history('totals', 3);

-- A mode that cannot do the query is refused, and nothing is changed.
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT DISTINCT place AS region, random()::bigint AS total, 1::bigint AS shops FROM shops');
SELECT pgtrickle.alter_stream_table('totals', refresh_mode => 'FULL', query =>
	'SELECT DISTINCT place AS region, random()::bigint AS total, 1::bigint AS shops FROM shops');
SELECT pgtrickle.alter_stream_table('totals', refresh_mode => 'AUTO');
SELECT * FROM definition('totals');
SELECT pgtrickle.alter_stream_table('totals', refresh_mode => 'AUTO', query =>
	'SELECT place AS region, turnover AS total, 1::bigint AS shops FROM shops');

-- A suspended one gets its new rows, and stays suspended.
SELECT pgtrickle.alter_stream_table('totals', status => 'SUSPENDED');
SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT place AS region, -turnover AS total, 1::bigint AS shops FROM shops');
SELECT min(total), max(total) FROM totals;
SELECT * FROM definition('totals');
SELECT pgtrickle.alter_stream_table('totals', status => 'ACTIVE');

-- One that was never filled is not filled by that.
SELECT pgtrickle.create_stream_table('later', 'SELECT place FROM shops', initialize => false);
SELECT pgtrickle.alter_stream_table('later', query => 'SELECT place, shop FROM shops');
SELECT count(*) FROM later;
SELECT * FROM definition('later');
SELECT trickle_test.same_as_query('later', 'REINITIALIZE');
SELECT trickle_test.same_as_query('later', 'NO_DATA');
SELECT pgtrickle.drop_stream_table('later');

-- CREATE OR REPLACE creates, or alters in place.
SELECT pgtrickle.create_or_replace_stream_table('places', 'SELECT DISTINCT place FROM shops');
SELECT 'places'::regclass::oid AS before \gset
SELECT pgtrickle.create_or_replace_stream_table('places',
	'SELECT place, count(*) FROM shops GROUP BY place', '1h', 'DIFFERENTIAL');
SELECT * FROM places ORDER BY place;
SELECT * FROM definition('places');
SELECT 'places'::regclass::oid = :before AS same_table;
SELECT pgtrickle.create_or_replace_stream_table('places',
	'SELECT place, count(shop) AS count FROM shops GROUP BY place', initialize => false);
SELECT * FROM definition('places');
SELECT trickle_test.same_as_query('places', 'NO_DATA');
SELECT pgtrickle.create_or_replace_stream_table('shops', 'SELECT 1 AS one');
-- ... in the schema in which CREATE would create.
CREATE SCHEMA elsewhere;
SET search_path = elsewhere, public;
SELECT pgtrickle.create_or_replace_stream_table('places', 'SELECT 1 AS one');
SELECT * FROM elsewhere.places;
RESET search_path;
SELECT pgtrickle.drop_stream_table('elsewhere.places');

-- Renames: of the table, its columns, its schema, and of what it reads.
ALTER TABLE places RENAME TO spots;
ALTER TABLE spots RENAME COLUMN place TO spot;
ALTER TABLE spots SET SCHEMA elsewhere;
-- Not into the schemas of the extension, whose tables no dump has.
ALTER TABLE elsewhere.spots SET SCHEMA pgtrickle;
ALTER TABLE elsewhere.spots SET SCHEMA pgtrickle_query;
ALTER TABLE elsewhere.spots SET SCHEMA pgtrickle_state;
ALTER TABLE elsewhere.spots SET SCHEMA pgtrickle_changes;
-- A column that a stream table uses keeps its type; so does that of a partition.
CREATE TABLE parts (k int, v int, other int) PARTITION BY LIST (k);
CREATE TABLE part_one PARTITION OF parts FOR VALUES IN (1);
SELECT pgtrickle.create_stream_table('of_part', 'SELECT sum(v) AS v FROM part_one');
ALTER TABLE part_one ALTER COLUMN v TYPE bigint;
ALTER TABLE parts ALTER COLUMN v TYPE bigint;
ALTER TABLE parts ALTER COLUMN other TYPE bigint;
-- Who may not alter the table hears so, and nothing else.
CREATE ROLE regress_pgt_other;
SET ROLE regress_pgt_other;
ALTER TABLE parts ALTER COLUMN v TYPE bigint;
RESET ROLE;
DROP ROLE regress_pgt_other;
DROP TABLE of_part, parts;
-- Rows of it that are kept as values have all its columns.
CREATE TABLE rows (k int, v int, other int);
CREATE TABLE more_rows (r rows, k int);
SELECT pgtrickle.create_stream_table('of_rows', 'SELECT count(DISTINCT rows) AS n, sum(k) AS k FROM rows');
ALTER TABLE rows ALTER COLUMN other TYPE bigint;
ALTER TABLE more_rows ALTER COLUMN k TYPE bigint;
DROP TABLE of_rows, more_rows, rows;
ALTER TABLE shops RENAME TO stores;
ALTER TABLE stores RENAME COLUMN place TO town;
INSERT INTO stores VALUES ('s', 'north', 5);
SELECT pgtrickle.refresh_stream_table('elsewhere.spots');
SELECT * FROM elsewhere.spots ORDER BY spot;
SELECT pgtrickle.export_definition('elsewhere.spots');
-- A new query has the new names.
SELECT pgtrickle.alter_stream_table('elsewhere.spots', query =>
	'SELECT town AS place, count(shop) FROM stores GROUP BY town');
SELECT pgtrickle.alter_stream_table('elsewhere.spots', query =>
	'SELECT town AS spot, count(shop) FROM stores GROUP BY town');
SELECT count(*) FROM pgtrickle.verify_stream_table('elsewhere.spots');

-- Its columns are its query's, whatever ALTER TABLE is used for.
ALTER TABLE totals ADD COLUMN more int;
ALTER TABLE totals DROP COLUMN shops;
ALTER TABLE totals ALTER COLUMN shops TYPE int;
ALTER TABLE totals ALTER COLUMN shops SET NOT NULL,
	ALTER COLUMN shops ADD GENERATED ALWAYS AS IDENTITY;
-- What it promises to hold may be restricted, indexed, referenced.
ALTER TABLE elsewhere.spots ADD PRIMARY KEY (spot);
CREATE TABLE mayors (spot varchar(20) REFERENCES elsewhere.spots, name text);
ALTER TABLE totals ALTER COLUMN region SET NOT NULL;
ALTER TABLE totals ALTER COLUMN region SET STATISTICS 10;
ALTER TABLE totals ADD CHECK (total < 0);
INSERT INTO stores VALUES ('r', 'north', -1);
SELECT trickle_test.same_as_query('elsewhere.spots');
SELECT pgtrickle.refresh_stream_table('totals');
DELETE FROM stores WHERE shop = 'r';
SELECT trickle_test.same_as_query('elsewhere.spots');

-- It is neither part of another table nor has it parts.
CREATE TABLE parent (region varchar(20), total bigint, shops bigint);
ALTER TABLE totals INHERIT parent;
CREATE TABLE child () INHERITS (totals);
ALTER TABLE parent ALTER COLUMN region SET NOT NULL;
ALTER TABLE parent ADD CONSTRAINT totals_total_check CHECK (total < 0);
ALTER TABLE parent INHERIT totals;
SET search_path = nursery, public;
CREATE SCHEMA nursery
	CREATE TABLE child () INHERITS (totals)
	CREATE TABLE totals (a int);
RESET search_path;
CREATE TEMP TABLE child () INHERITS (totals);
CREATE TABLE partitioned (region varchar(20), total bigint, shops bigint)
	PARTITION BY LIST (region);
ALTER TABLE partitioned ATTACH PARTITION totals DEFAULT;
ALTER TABLE totals SET UNLOGGED;
CREATE TYPE total_row AS (region varchar(20), total bigint, shops bigint);
ALTER TABLE totals OF total_row;

-- Nothing may change its rows but its query.
CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN NEW.total := 0; RETURN NEW; END';
CREATE TRIGGER bend BEFORE INSERT ON totals FOR EACH ROW EXECUTE FUNCTION bend();
CREATE RULE bend AS ON INSERT TO totals DO INSTEAD NOTHING;
ALTER TABLE totals ADD FOREIGN KEY (region) REFERENCES elsewhere.spots ON DELETE CASCADE;
ALTER TABLE totals ADD FOREIGN KEY (region) REFERENCES elsewhere.spots;
CREATE FUNCTION notice() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN RAISE WARNING ''% %'', TG_OP, NEW; RETURN NULL; END';
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON elsewhere.spots
	FOR EACH ROW EXECUTE FUNCTION notice();
INSERT INTO stores VALUES ('r', 'east', 1);
SELECT trickle_test.same_as_query('elsewhere.spots');
DROP TRIGGER tell ON elsewhere.spots;
CREATE TRIGGER tell AFTER DELETE ON elsewhere.spots
	FOR EACH ROW EXECUTE FUNCTION notice();

-- Values come from the query, also where the type stays.
ALTER TABLE elsewhere.spots ALTER COLUMN count TYPE bigint USING count + 100;
ALTER TABLE elsewhere.spots ALTER COLUMN count TYPE bigint;

-- Only superusers disable its guards; then it is recomputed.
CREATE ROLE regress_alter_owner;
GRANT SELECT, TRIGGER ON stores TO regress_alter_owner;
GRANT ALL ON SCHEMA elsewhere TO regress_alter_owner;
ALTER TABLE elsewhere.spots OWNER TO regress_alter_owner;
SET ROLE regress_alter_owner;
ALTER TABLE elsewhere.spots DISABLE TRIGGER pgt_guard;
DROP TRIGGER pgt_guard ON elsewhere.spots;
CREATE OR REPLACE TRIGGER pgt_guard BEFORE INSERT ON elsewhere.spots
	FOR EACH ROW EXECUTE FUNCTION pgtrickle.guard();
ALTER TABLE elsewhere.spots DISABLE TRIGGER tell;
RESET ROLE;
ALTER TABLE elsewhere.spots DISABLE TRIGGER ALL;
UPDATE elsewhere.spots SET count = 1000 WHERE spot = 'east';
SELECT pgtrickle.refresh_stream_table('elsewhere.spots');
ALTER TABLE elsewhere.spots ENABLE TRIGGER ALL;
UPDATE elsewhere.spots SET count = 1000 WHERE spot = 'east';
SELECT trickle_test.same_as_query('elsewhere.spots', 'REINITIALIZE');

-- The same for one that is dropped or replaced, and put back.
DROP TRIGGER pgt_guard ON elsewhere.spots;
UPDATE elsewhere.spots SET count = 1000 WHERE spot = 'east';
CREATE TRIGGER pgt_guard BEFORE INSERT OR UPDATE OR DELETE ON elsewhere.spots
	FOR EACH ROW EXECUTE FUNCTION pgtrickle.guard();
ALTER TABLE elsewhere.spots ENABLE ALWAYS TRIGGER pgt_guard;
SELECT trickle_test.same_as_query('elsewhere.spots', 'REINITIALIZE');
CREATE OR REPLACE TRIGGER pgt_guard BEFORE DELETE ON elsewhere.spots
	FOR EACH ROW EXECUTE FUNCTION pgtrickle.guard();
UPDATE elsewhere.spots SET count = 1000 WHERE spot = 'east';
SELECT pgtrickle.repair_stream_table('elsewhere.spots');
SELECT trickle_test.same_as_query('elsewhere.spots', 'NO_DATA');

-- The view belongs to its owner, who may read the states; refreshes run with that one's rights.
SELECT relname, coalesce((SELECT grantee FROM aclexplode(relacl) WHERE grantee <> relowner), relowner)::regrole AS reader
FROM pg_class WHERE oid IN (SELECT query_relid FROM pgtrickle.pgt_stream_tables
	UNION SELECT state_relid FROM pgtrickle.pgt_nodes) ORDER BY relname;
REVOKE SELECT ON stores FROM regress_alter_owner;
INSERT INTO stores VALUES ('q', 'east', 1);
SELECT pgtrickle.refresh_stream_table('elsewhere.spots');
GRANT SELECT ON stores TO regress_alter_owner;
SELECT trickle_test.same_as_query('elsewhere.spots');
SELECT pgtrickle.alter_stream_table('elsewhere.spots', query =>
	'SELECT town AS spot, count(shop), max(shop) FROM stores GROUP BY town');
SELECT relname, coalesce((SELECT grantee FROM aclexplode(relacl) WHERE grantee <> relowner), relowner)::regrole AS reader
FROM pg_class WHERE oid IN (SELECT query_relid FROM pgtrickle.pgt_stream_tables
	UNION SELECT state_relid FROM pgtrickle.pgt_nodes) ORDER BY relname;
-- A superuser who alters it gives it no rights that its owner does not have.
CREATE TABLE secret (spot varchar(20) PRIMARY KEY);
SELECT pgtrickle.alter_stream_table('elsewhere.spots', query =>
	'SELECT spot, 1::bigint AS count, NULL::text AS max FROM secret');
GRANT TRIGGER ON secret TO regress_alter_owner;
SELECT pgtrickle.alter_stream_table('elsewhere.spots', query =>
	'SELECT spot, 1::bigint AS count, NULL::text AS max FROM secret');

-- Commands that event triggers watch may contain ours.
CREATE TABLE made AS SELECT 1 AS one WHERE pgtrickle.alter_stream_table('totals', query =>
	'SELECT town AS region, -abs(turnover) AS total, 1::bigint AS shops, shop FROM stores')
	IS NOT NULL;
SELECT * FROM made;
SELECT * FROM totals WHERE region = 'north' ORDER BY shop;

DROP TABLE mayors;
DROP TABLE stores, secret CASCADE;
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
DROP OWNED BY regress_alter_owner;
DROP ROLE regress_alter_owner;
