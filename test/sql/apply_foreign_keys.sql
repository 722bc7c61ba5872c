-- Foreign keys that reference a stream table, and those that it has.
\i trickle_test.sql

CREATE TABLE people (id int PRIMARY KEY, name text, active boolean DEFAULT true);
INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 9) i;
SELECT trickle_test.stream('members', 'SELECT id, name FROM people WHERE active');
ALTER TABLE members ADD PRIMARY KEY (id);

CREATE TABLE restricted (id int CONSTRAINT restricted_fk REFERENCES members ON DELETE RESTRICT ON UPDATE RESTRICT);
CREATE TABLE no_action (id int CONSTRAINT no_action_fk REFERENCES members);
CREATE TABLE deferred (id int CONSTRAINT deferred_fk REFERENCES members DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE cascaded (id int REFERENCES members ON DELETE CASCADE ON UPDATE CASCADE, note text);
CREATE TABLE nulled (id int REFERENCES members ON DELETE SET NULL ON UPDATE SET NULL, note text);
CREATE TABLE defaulted (id int DEFAULT 1 REFERENCES members ON DELETE SET DEFAULT, note text);
INSERT INTO restricted VALUES (1);
INSERT INTO no_action VALUES (2);
INSERT INTO deferred VALUES (3);
INSERT INTO cascaded VALUES (4, 'four'), (5, 'five');
INSERT INTO nulled VALUES (6, 'six');
INSERT INTO defaulted VALUES (7, 'seven');

-- PostgreSQL 18 has other words for RESTRICT.
CREATE FUNCTION refused_by() RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	parent text;
	child text;
BEGIN
	PERFORM pgtrickle.refresh_stream_table('members');
	RETURN 'nothing';
EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
	GET STACKED DIAGNOSTICS child = CONSTRAINT_NAME, parent = MESSAGE_TEXT;
	RETURN child || ': ' || substring(parent, '^update or delete on table "\w+" violates');
END
$$;

-- A child can refer to a row of the stream table, and to none that is not there.
INSERT INTO restricted VALUES (99);
BEGIN;
INSERT INTO deferred VALUES (99);
COMMIT;

-- A refresh that would take away a row which others refer to fails, naming the
-- constraint, and leaves everything as it was.
UPDATE people SET active = false WHERE id = 1;
SELECT refused_by();
UPDATE people SET active = id <> 2;
SELECT pgtrickle.refresh_stream_table('members');
UPDATE people SET active = id <> 3;
SELECT pgtrickle.refresh_stream_table('members');
SELECT count(*) FROM members;
-- A key that changes in the source is a row that goes, and one that comes.
UPDATE people SET active = true;
UPDATE people SET id = 101 WHERE id = 1;
SELECT refused_by();
UPDATE people SET id = 1 WHERE id = 101;
SELECT trickle_test.same_as_query('members', 'NO_DATA');

-- A deferrable constraint is checked at the end of the refresh, also if the
-- transaction would still put it right, and however constraints are set.
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE people SET active = false WHERE id = 3;
SAVEPOINT a;
SELECT pgtrickle.refresh_stream_table('members');
ROLLBACK TO a;
DELETE FROM deferred WHERE id = 3;
SELECT trickle_test.same_as_query('members');
COMMIT;
SELECT id FROM members ORDER BY id;

-- A child that comes with its parent: the refresh first, or at the latest before
-- the commit of a transaction with a deferred constraint.
BEGIN;
INSERT INTO deferred VALUES (10);
INSERT INTO people VALUES (10, 'p10');
SELECT trickle_test.same_as_query('members');
COMMIT;
INSERT INTO people VALUES (11, 'p11');
INSERT INTO restricted VALUES (11);
SELECT trickle_test.same_as_query('members');
INSERT INTO restricted VALUES (11);

-- What CASCADE, SET NULL and SET DEFAULT say about the child is done.
DELETE FROM people WHERE id IN (4, 6, 7);
SELECT trickle_test.same_as_query('members');
SELECT * FROM cascaded;
SELECT * FROM nulled;
SELECT * FROM defaulted;

-- A row that is replaced by one with its key within one window is an update, and
-- nobody's child notices.
BEGIN;
DELETE FROM people WHERE id = 5;
INSERT INTO people VALUES (5, 'another');
COMMIT;
SELECT trickle_test.same_as_query('members');
SELECT * FROM cascaded;

-- So is one whose unique values move to another row.
CREATE UNIQUE INDEX ON members (name);
UPDATE people SET name = CASE id WHEN 1 THEN 'another' ELSE 'p1' END WHERE id IN (1, 5);
SELECT trickle_test.same_as_query('members');
SELECT * FROM cascaded;
SELECT * FROM restricted;

-- A foreign key may refer to other columns than the key; changes of their values
-- are updates.
CREATE TABLE nicknames (name text REFERENCES members (name) ON UPDATE CASCADE ON DELETE CASCADE,
	nick text);
INSERT INTO nicknames VALUES ('p8', 'eight'), ('p9', 'nine');
UPDATE people SET name = 'p8' || name WHERE id = 8;
SELECT trickle_test.same_as_query('members');
SELECT * FROM nicknames ORDER BY nick;
UPDATE people SET name = CASE id WHEN 8 THEN 'p9' ELSE 'p8' END WHERE id IN (8, 9);
SELECT trickle_test.same_as_query('members');
SELECT * FROM nicknames ORDER BY nick;
DELETE FROM people WHERE id = 8;
SELECT trickle_test.same_as_query('members');
SELECT * FROM nicknames ORDER BY nick;

-- A recomputation respects children as a delta does.
TRUNCATE people;
INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 12) i;
SELECT trickle_test.same_as_query('members', 'FULL');
SELECT * FROM cascaded;
TRUNCATE people;
SELECT refused_by();
INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 12) i;
SELECT trickle_test.same_as_query('members', 'FULL');

-- A child that is itself a source: what CASCADE does to it is captured.
SELECT trickle_test.stream('remarks', 'SELECT id, count(*) FROM cascaded GROUP BY id');
SELECT * FROM remarks;
DELETE FROM people WHERE id = 5;
SELECT trickle_test.same_as_query('members');
SELECT trickle_test.same_as_query('remarks');
SELECT * FROM remarks;

-- In a bag, too, a unique constraint of the user can be referenced.
SELECT trickle_test.stream('names', 'SELECT upper(name) AS name FROM people');
ALTER TABLE names ADD UNIQUE (name);
CREATE TABLE by_name (name text CONSTRAINT by_name_fk REFERENCES names (name), x int);
INSERT INTO by_name VALUES ('P1', 1);
UPDATE people SET name = 'pp' || id WHERE id > 1;
SELECT trickle_test.same_as_query('names');
DELETE FROM people WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('names');
INSERT INTO people VALUES (13, 'P1');
SELECT trickle_test.same_as_query('names');

-- A stream table may refer to others itself, as long as this does not change it.
CREATE TABLE colours (name text PRIMARY KEY);
INSERT INTO colours VALUES ('red'), ('blue');
CREATE TABLE cars (id int PRIMARY KEY, colour text);
INSERT INTO cars VALUES (1, 'red');
SELECT trickle_test.stream('painted', 'SELECT id, colour FROM cars');
ALTER TABLE painted ADD CONSTRAINT painted_colour FOREIGN KEY (colour) REFERENCES colours
	DEFERRABLE INITIALLY DEFERRED;
INSERT INTO cars VALUES (2, 'pink');
SELECT pgtrickle.refresh_stream_table('painted');
UPDATE cars SET colour = 'blue' WHERE id = 2;
SELECT trickle_test.same_as_query('painted');
DELETE FROM colours WHERE name = 'blue';
ALTER TABLE painted ADD FOREIGN KEY (colour) REFERENCES colours ON DELETE CASCADE;
ALTER TABLE painted ADD FOREIGN KEY (colour) REFERENCES colours ON UPDATE SET NULL;

-- The stream table is dropped as any table that others refer to.
SELECT pgtrickle.drop_stream_table('members');
SELECT pgtrickle.drop_stream_table('members', cascade => true);
