-- AFTER triggers of users on stream tables.
\i trickle_test.sql

CREATE TABLE orders (id int PRIMARY KEY, customer text, amount int);
INSERT INTO orders VALUES (1, 'ann', 10), (2, 'bob', 20), (3, 'cid', 30);
SELECT trickle_test.stream('totals', $$
	SELECT customer, sum(amount) AS total, count(*) AS n FROM orders GROUP BY customer $$);
CREATE TABLE seen (n serial, what text);
CREATE FUNCTION what_was_seen() RETURNS SETOF text LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM seen RETURNING *) SELECT what FROM gone ORDER BY what COLLATE "C" $$;

-- Triggers for each row see what was and what is.  They run as maintenance does,
-- with a fixed search_path.
CREATE FUNCTION note_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen (what) VALUES (format('%s %s: %s -> %s', tg_name, tg_op, old, new));
	RETURN NULL;
END $$;
CREATE TRIGGER each_row AFTER INSERT OR UPDATE OR DELETE ON totals
	FOR EACH ROW EXECUTE FUNCTION note_row();
INSERT INTO orders VALUES (4, 'dan', 1);
UPDATE orders SET amount = 11 WHERE id = 1;
DELETE FROM orders WHERE id = 2;
SELECT trickle_test.same_as_query('totals');
SELECT what_was_seen();

-- A refresh without a change of the result fires none.
UPDATE orders SET amount = amount + 0;
UPDATE orders SET id = id + 10;
SELECT pgtrickle.refresh_stream_table('totals');
SELECT what_was_seen();

-- WHEN and UPDATE OF look at the values.
DROP TRIGGER each_row ON totals;
CREATE TRIGGER grown AFTER UPDATE ON totals
	FOR EACH ROW WHEN (new.total > old.total) EXECUTE FUNCTION note_row();
CREATE TRIGGER recounted AFTER UPDATE OF n ON totals
	FOR EACH ROW EXECUTE FUNCTION note_row();
UPDATE orders SET amount = 12 WHERE customer = 'ann';
UPDATE orders SET amount = 0 WHERE customer = 'cid';
INSERT INTO orders VALUES (5, 'dan', -1);
SELECT trickle_test.same_as_query('totals');
SELECT what_was_seen();
DROP TRIGGER grown ON totals;
DROP TRIGGER recounted ON totals;

-- Statement triggers fire once per kind of change, and their transition tables
-- hold all rows.
CREATE FUNCTION note_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen (what) VALUES (format('%s %s %s', tg_when, tg_level, tg_op));
	RETURN NULL;
END $$;
CREATE FUNCTION note_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen (what) SELECT format('%s new: %s', tg_op, array_agg(f ORDER BY f)) FROM fresh f;
	RETURN NULL;
END $$;
CREATE FUNCTION note_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen (what) SELECT format('%s old: %s', tg_op, array_agg(s ORDER BY s)) FROM stale s;
	RETURN NULL;
END $$;
CREATE TRIGGER before_all BEFORE INSERT OR UPDATE OR DELETE ON totals
	FOR EACH STATEMENT EXECUTE FUNCTION note_statement();
CREATE TRIGGER after_all AFTER INSERT OR UPDATE OR DELETE ON totals
	FOR EACH STATEMENT EXECUTE FUNCTION note_statement();
CREATE TRIGGER inserted AFTER INSERT ON totals REFERENCING NEW TABLE AS fresh
	FOR EACH STATEMENT EXECUTE FUNCTION note_new();
CREATE TRIGGER updated AFTER UPDATE ON totals REFERENCING NEW TABLE AS fresh OLD TABLE AS stale
	FOR EACH STATEMENT EXECUTE FUNCTION note_new();
CREATE TRIGGER updated_old AFTER UPDATE ON totals REFERENCING OLD TABLE AS stale
	FOR EACH STATEMENT EXECUTE FUNCTION note_old();
CREATE TRIGGER deleted AFTER DELETE ON totals REFERENCING OLD TABLE AS stale
	FOR EACH STATEMENT EXECUTE FUNCTION note_old();
INSERT INTO orders VALUES (20, 'eve', 1), (21, 'fay', 2);
UPDATE orders SET amount = amount + 1 WHERE customer IN ('ann', 'dan');
DELETE FROM orders WHERE customer = 'cid';
SELECT trickle_test.same_as_query('totals');
SELECT what_was_seen();
DELETE FROM orders WHERE customer = 'eve';
SELECT trickle_test.same_as_query('totals');
SELECT what_was_seen();

-- A row trigger may have transition tables, too.
CREATE FUNCTION note_share() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen (what) SELECT format('%s: %s of %s', new.customer, new.total, sum(total)) FROM fresh;
	RETURN NULL;
END $$;
DROP TRIGGER before_all ON totals;
DROP TRIGGER after_all ON totals;
DROP TRIGGER updated ON totals;
DROP TRIGGER updated_old ON totals;
CREATE TRIGGER share AFTER UPDATE ON totals REFERENCING NEW TABLE AS fresh
	FOR EACH ROW EXECUTE FUNCTION note_share();
UPDATE orders SET amount = amount * 2;
SELECT trickle_test.same_as_query('totals');
SELECT what_was_seen();
DROP TRIGGER share ON totals;
DROP TRIGGER inserted ON totals;
DROP TRIGGER deleted ON totals;

-- A deferrable constraint trigger is fired by the refresh, whatever the
-- transaction has set; those of other tables wait as they did.
CREATE CONSTRAINT TRIGGER limited AFTER INSERT OR UPDATE ON totals
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_row();
CREATE TABLE other (x int);
CREATE CONSTRAINT TRIGGER limited AFTER INSERT ON other
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_row();
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO other VALUES (1);
INSERT INTO orders VALUES (30, 'gus', 5);
SELECT trickle_test.same_as_query('totals');
SELECT what_was_seen();
COMMIT;
SELECT what_was_seen();
DROP TRIGGER limited ON totals;

-- Triggers with swapped unique values see updates, although rows are taken out
-- and put back.
DELETE FROM orders;
INSERT INTO orders VALUES (1, 'ann', 1), (2, 'fay', 2);
SELECT trickle_test.same_as_query('totals');
CREATE UNIQUE INDEX totals_total ON totals (total);
CREATE TRIGGER each_row AFTER INSERT OR UPDATE OR DELETE ON totals
	FOR EACH ROW EXECUTE FUNCTION note_row();
CREATE TRIGGER updated AFTER UPDATE ON totals REFERENCING NEW TABLE AS fresh OLD TABLE AS stale
	FOR EACH STATEMENT EXECUTE FUNCTION note_new();
CREATE TRIGGER updated_old AFTER UPDATE ON totals REFERENCING OLD TABLE AS stale
	FOR EACH STATEMENT EXECUTE FUNCTION note_old();
UPDATE orders SET amount = 3 - amount;
SELECT trickle_test.same_as_query('totals');
SELECT what_was_seen();

-- In a bag a row that changes is a row that goes and one that comes.
SELECT trickle_test.stream('amounts', 'SELECT amount FROM orders');
CREATE TRIGGER each_row AFTER INSERT OR UPDATE OR DELETE ON amounts
	FOR EACH ROW EXECUTE FUNCTION note_row();
UPDATE orders SET amount = 7;
INSERT INTO orders VALUES (3, 'ann', 7);
SELECT trickle_test.same_as_query('amounts');
SELECT what_was_seen();

-- An error in a trigger fails the refresh, and the next one does all of it.
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'no % of "%" today', tg_op, new.customer; END $$;
CREATE TRIGGER fails AFTER INSERT ON totals FOR EACH ROW EXECUTE FUNCTION fail();
INSERT INTO orders VALUES (4, 'hal', 1), (5, 'ann', 1);
SELECT pgtrickle.refresh_stream_table('totals');
SELECT * FROM totals ORDER BY customer;
DROP TRIGGER fails ON totals;
SELECT trickle_test.same_as_query('totals');
SELECT * FROM totals ORDER BY customer;

-- A trigger is part of the refresh's transaction, and acts as the owner of the
-- stream table, within its rights.
CREATE ROLE regress_apply_triggers_owner;
CREATE ROLE regress_apply_triggers_other;
GRANT USAGE, CREATE ON SCHEMA public TO regress_apply_triggers_owner;
GRANT SELECT, TRIGGER ON orders TO regress_apply_triggers_owner;
CREATE TABLE secrets (x text);
SET ROLE regress_apply_triggers_owner;
SELECT pgtrickle.create_stream_table('mine', 'SELECT id, amount FROM orders',
	'manual', 'DIFFERENTIAL');
CREATE TABLE mine_seen (who name, path text);
CREATE FUNCTION note_mine() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.mine_seen VALUES (current_user, current_setting('search_path'));
	RETURN NULL;
END $$;
CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION note_mine();
RESET ROLE;
INSERT INTO orders VALUES (6, 'x', 1);
SELECT pgtrickle.refresh_stream_table('mine');
SELECT * FROM mine_seen;
SET ROLE regress_apply_triggers_owner;
CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.secrets VALUES ('stolen');
	RETURN NULL;
END $$;
CREATE TRIGGER steals AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION steal();
RESET ROLE;
INSERT INTO orders VALUES (7, 'x', 1);
SELECT pgtrickle.refresh_stream_table('mine');
SET ROLE regress_apply_triggers_owner;
CREATE OR REPLACE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	SET ROLE regress_apply_triggers_other;
	RETURN NULL;
END $$;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('mine');
SELECT current_user;
DROP TRIGGER steals ON mine;
SELECT trickle_test.same_as_query('mine');

-- A trigger that is enabled for replicas only does not fire; a disabled one
-- neither.
CREATE TRIGGER each_row AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION note_row();
ALTER TABLE mine DISABLE TRIGGER each_row;
ALTER TABLE mine ENABLE REPLICA TRIGGER mine;
DELETE FROM mine_seen;
DELETE FROM seen;
INSERT INTO orders VALUES (8, 'x', 1);
SELECT trickle_test.same_as_query('mine');
SELECT count(*) FROM mine_seen;
SELECT what_was_seen();

-- A trigger may write to what other stream tables read.
CREATE TABLE log_of_totals (customer text, total bigint);
SELECT trickle_test.stream('logged', $$
	SELECT customer, count(*) FROM log_of_totals GROUP BY customer $$);
CREATE FUNCTION log_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.log_of_totals VALUES (new.customer, new.total);
	RETURN NULL;
END $$;
DROP TRIGGER each_row ON totals;
DROP INDEX totals_total;
CREATE TRIGGER logs AFTER INSERT OR UPDATE ON totals FOR EACH ROW EXECUTE FUNCTION log_total();
INSERT INTO orders VALUES (9, 'ian', 1), (10, 'ann', 100);
SELECT trickle_test.same_as_query('totals');
SELECT trickle_test.same_as_query('logged');
SELECT * FROM logged ORDER BY customer;

-- Whatever a trigger does to the stream table or its sources while it is being
-- refreshed is an error, or is done as it would be by another statement.
DROP TRIGGER logs ON totals;
CREATE FUNCTION run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE tg_argv[0];
	RETURN NULL;
END $$;
CREATE FUNCTION refresh_that_runs(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TRIGGER runs AFTER UPDATE ON totals FOR EACH ROW EXECUTE FUNCTION run(%L)', statement);
	UPDATE orders SET amount = amount + 1 WHERE id = 1;
	PERFORM pgtrickle.refresh_stream_table('totals');
	SELECT string_agg(same, E'\n') INTO result FROM trickle_test.same_as_query('totals', 'NO_DATA') same;
	RAISE 'refreshed % %', statement, coalesce(result, 'well');
EXCEPTION WHEN raise_exception OR OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT refresh_that_runs(statement) FROM (VALUES
	('SELECT pgtrickle.refresh_stream_table(''public.totals'')'),
	('SELECT pgtrickle.refresh_stream_table(''public.logged'')'),
	('SELECT pgtrickle.drop_stream_table(''public.totals'', true)'),
	('SELECT pgtrickle.alter_stream_table(''public.totals'', query => ''SELECT customer, sum(amount) + 1 AS total, count(*) AS n FROM public.orders GROUP BY customer'')'),
	('SELECT pgtrickle.repair_stream_table(''public.totals'')'),
	('SELECT pgtrickle.verify_stream_table(''public.totals'')'),
	('UPDATE public.totals SET total = 0'),
	('TRUNCATE public.totals'),
	('DROP TABLE public.totals'),
	('ALTER TABLE public.totals ADD COLUMN x int'),
	('CLUSTER public.totals USING totals_key_hash_idx'),
	('REINDEX TABLE public.totals'),
	('DROP INDEX public.totals_key_hash_idx'),
	('ANALYZE public.totals'),
	('DROP TABLE public.orders CASCADE'),
	('TRUNCATE public.orders'),
	('ALTER TABLE public.orders DROP COLUMN amount CASCADE'),
	('ALTER TABLE public.orders DISABLE TRIGGER ALL'),
	('INSERT INTO public.orders VALUES (1000, ''zoe'', 100)'),
	('SELECT pgtrickle.create_stream_table(''public.more'', ''SELECT id FROM public.orders'')'),
	('SELECT pgtrickle.create_stream_table(''public.more'', ''SELECT customer FROM public.totals'')'),
	('DROP EXTENSION pg_trickle CASCADE'),
	('SET SESSION AUTHORIZATION postgres'),
	('DECLARE c CURSOR WITH HOLD FOR SELECT 1'),
	('CREATE TEMP TABLE t (x int)'),
	('SELECT pg_catalog.pg_advisory_lock(1)')) v (statement);
SELECT pg_advisory_unlock_all();
SELECT trickle_test.same_as_query('totals', 'NO_DATA');

DROP OWNED BY regress_apply_triggers_owner CASCADE;
DROP ROLE regress_apply_triggers_owner, regress_apply_triggers_other;
