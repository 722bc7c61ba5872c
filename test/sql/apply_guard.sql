-- Nobody writes to a stream table but its refreshes.
\i trickle_test.sql

CREATE ROLE regress_apply_guard_owner;
CREATE ROLE regress_apply_guard_user;
GRANT USAGE, CREATE ON SCHEMA public TO regress_apply_guard_owner;
CREATE TABLE orders (id int PRIMARY KEY, amount int);
INSERT INTO orders VALUES (1, 10), (2, 20);
GRANT SELECT, TRIGGER ON orders TO regress_apply_guard_owner;
SET ROLE regress_apply_guard_owner;
SELECT pgtrickle.create_stream_table('keyed', 'SELECT id, amount FROM orders', 'manual');
SELECT pgtrickle.create_stream_table('bag', 'SELECT amount FROM orders', 'manual');
GRANT ALL ON keyed, bag TO regress_apply_guard_user;

-- The owner, who gets an error that says what to do.
INSERT INTO keyed VALUES (3, 30);
\echo :LAST_ERROR_SQLSTATE
UPDATE keyed SET amount = 0;
DELETE FROM keyed WHERE id = 1;
TRUNCATE keyed;
INSERT INTO bag VALUES (3);
UPDATE bag SET amount = 0;
DELETE FROM bag;
TRUNCATE bag, keyed CASCADE;
RESET ROLE;

-- Others with all privileges, and without.
SET ROLE regress_apply_guard_user;
INSERT INTO keyed VALUES (3, 30);
TRUNCATE keyed;
RESET ROLE;
REVOKE ALL ON keyed FROM regress_apply_guard_user;
SET ROLE regress_apply_guard_user;
INSERT INTO keyed VALUES (3, 30);
RESET ROLE;

-- A superuser.
INSERT INTO keyed VALUES (3, 30);
UPDATE keyed SET amount = 0;
DELETE FROM keyed;
TRUNCATE keyed;

-- Whatever the statement.
COPY keyed FROM stdin;
3	30
\.
COPY bag FROM stdin WITH (FREEZE);
3
\.
INSERT INTO keyed VALUES (1, 10) ON CONFLICT DO NOTHING;
INSERT INTO keyed VALUES (1, 10) ON CONFLICT (id) DO UPDATE SET amount = 0;
INSERT INTO keyed SELECT 3, 4 RETURNING id;
MERGE INTO keyed k USING orders o ON k.id = o.id
	WHEN MATCHED THEN UPDATE SET amount = 0;
MERGE INTO keyed k USING (VALUES (7)) o ON k.id = o.column1
	WHEN NOT MATCHED THEN INSERT VALUES (7, 7);
MERGE INTO keyed k USING orders o ON k.id = o.id WHEN MATCHED THEN DELETE;
WITH gone AS (DELETE FROM keyed RETURNING *) INSERT INTO orders SELECT id + 10, amount FROM gone;
UPDATE keyed SET amount = 0 FROM orders WHERE keyed.id = orders.id;
CREATE VIEW through AS SELECT * FROM keyed;
UPDATE through SET amount = 0;
PREPARE hidden AS DELETE FROM bag;
EXECUTE hidden;
DO $$ BEGIN DELETE FROM keyed; END $$;
CREATE FUNCTION sneak() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM keyed';
SELECT sneak();
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM keyed FOR UPDATE;
FETCH c;
DELETE FROM keyed WHERE CURRENT OF c;
ROLLBACK;

-- A statement that finds no row to change does no harm.
DELETE FROM keyed WHERE id = 99;
UPDATE bag SET amount = 0 WHERE amount = 99;
-- Locking rows is not changing them.
SELECT * FROM keyed ORDER BY id FOR UPDATE;
SELECT * FROM bag ORDER BY amount FOR KEY SHARE;

-- As a replication worker would, and by TRUNCATE ... CASCADE of another table.
SET session_replication_role = replica;
INSERT INTO keyed VALUES (3, 30);
DELETE FROM bag;
TRUNCATE bag;
INSERT INTO orders VALUES (3, 30);
SELECT trickle_test.same_as_query('keyed');
SELECT trickle_test.same_as_query('bag');
RESET session_replication_role;
SELECT pgtrickle.create_stream_table('child', 'SELECT amount, count(*) FROM bag GROUP BY amount');
ALTER TABLE orders ADD UNIQUE (amount);
ALTER TABLE child ADD CONSTRAINT to_orders FOREIGN KEY (amount) REFERENCES orders (amount);
TRUNCATE orders;
TRUNCATE orders CASCADE;

-- The guards are the extension's, not the owner's.
SET ROLE regress_apply_guard_owner;
ALTER TABLE keyed DISABLE TRIGGER pgt_guard;
ALTER TABLE keyed DISABLE TRIGGER USER;
ALTER TABLE keyed ENABLE REPLICA TRIGGER pgt_guard;
DROP TRIGGER pgt_guard ON keyed;
DROP TRIGGER pgt_guard_truncate ON keyed;
CREATE OR REPLACE TRIGGER pgt_guard BEFORE INSERT ON keyed
	FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE OR REPLACE TRIGGER pgt_guard AFTER INSERT OR UPDATE OR DELETE ON keyed
	FOR EACH ROW EXECUTE FUNCTION pgtrickle.guard();
ALTER TRIGGER pgt_guard ON keyed RENAME TO another_name;
INSERT INTO keyed VALUES (3, 30);
ALTER TRIGGER another_name ON keyed RENAME TO pgt_guard;
ALTER FUNCTION pgtrickle.guard() OWNER TO regress_apply_guard_owner;
RESET ROLE;

-- A superuser may take them away, to load a dump; a refresh waits until they are
-- back, and then puts the content right.
ALTER TABLE keyed DISABLE TRIGGER pgt_guard;
UPDATE keyed SET amount = -1;
SELECT pgtrickle.refresh_stream_table('keyed');
ALTER TABLE keyed ENABLE TRIGGER pgt_guard;
UPDATE keyed SET amount = -2;
SELECT trickle_test.same_as_query('keyed', 'REINITIALIZE');
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'keyed'::regclass ORDER BY tgname;
DROP TRIGGER pgt_guard ON keyed;
UPDATE keyed SET amount = -3;
SELECT pgtrickle.refresh_stream_table('keyed');
SELECT pgtrickle.repair_stream_table('keyed');
SELECT trickle_test.same_as_query('keyed', 'NO_DATA');
DROP TRIGGER pgt_guard_truncate ON keyed;
TRUNCATE keyed;
SELECT pgtrickle.repair_stream_table('keyed');
SELECT trickle_test.same_as_query('keyed', 'NO_DATA');
TRUNCATE keyed;

-- What would change rows behind the back of a refresh is refused: BEFORE ROW
-- triggers, rules, children, foreign keys with actions.
CREATE TRIGGER before_row BEFORE INSERT ON keyed
	FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE RULE nothing AS ON UPDATE TO keyed DO INSTEAD NOTHING;
CREATE RULE also AS ON INSERT TO keyed DO ALSO NOTHING;
CREATE TABLE heir () INHERITS (keyed);
CREATE TABLE heir (id int, amount int);
ALTER TABLE heir INHERIT keyed;
DROP TABLE heir;

-- The state of a stream table is guarded by its privileges: it is its owner's.
SELECT pgtrickle.create_stream_table('summed', 'SELECT id % 2 AS odd, sum(amount) FROM orders GROUP BY 1');
SET ROLE regress_apply_guard_user;
SELECT format('SELECT * FROM %s', state_relid::regclass) FROM pgtrickle.pgt_nodes;
RESET ROLE;
SELECT has_table_privilege('regress_apply_guard_user', oid, 'SELECT') AS may_read,
	has_table_privilege('regress_apply_guard_user', oid, 'INSERT') AS may_write, count(*) > 0 AS there
FROM pg_class WHERE relkind = 'r'
	AND relnamespace IN ('pgtrickle_state'::regnamespace, 'pgtrickle_changes'::regnamespace)
GROUP BY 1, 2;

DROP OWNED BY regress_apply_guard_owner CASCADE;
DROP OWNED BY regress_apply_guard_user;
DROP ROLE regress_apply_guard_owner, regress_apply_guard_user;
