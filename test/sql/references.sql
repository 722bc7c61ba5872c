-- Nobody may make something that depends on logs, states and query views:
-- their rows are protected by rights, but to name them needs none.
SET client_min_messages = warning;
CREATE EXTENSION pg_trickle;
CREATE ROLE references_alice;
CREATE ROLE references_bob;
GRANT CREATE ON SCHEMA public TO references_alice, references_bob;
SET ROLE references_alice;
CREATE TABLE t (id int PRIMARY KEY, g int, x int);
CREATE TABLE u (x int);
INSERT INTO t VALUES (1, 1, 1);
SELECT pgtrickle.create_stream_table('s', 'SELECT g, max(x) FROM t GROUP BY g', 'manual', 'DIFFERENTIAL');
RESET ROLE;
SELECT query_relid AS q FROM pgtrickle.pgt_stream_tables \gset

SET ROLE references_bob;
CREATE TABLE mine (id int, x int);
CREATE TYPE mood AS (a int);
CREATE DOMAIN whole AS int;
-- Whatever can depend on a relation or on its row type.
CREATE VIEW v AS SELECT * FROM pgtrickle_changes.log_1_1;
CREATE VIEW v AS SELECT null::pgtrickle_state.n_1_1 AS x;
CREATE TEMP VIEW v AS SELECT * FROM :q;
CREATE TABLE w AS SELECT null::pgtrickle_state.n_1_1[] AS x;
SELECT null::pgtrickle_state.n_1_1[] AS x INTO w;
CREATE MATERIALIZED VIEW w AS SELECT null::pgtrickle_state.n_1_1 IS NULL AS x;
CREATE TABLE w (x pgtrickle_changes.log_1_1);
CREATE TABLE w (x int DEFAULT (null::pgtrickle_changes.log_1_1).part);
CREATE TABLE w (x int CHECK ((null::pgtrickle_changes.log_1_1).part > x));
CREATE TABLE w (x int) PARTITION BY RANGE ((null::pgtrickle_changes.log_1_1 IS NULL));
ALTER TABLE mine ADD COLUMN y pgtrickle_changes.log_1_1;
ALTER TABLE mine ALTER COLUMN x TYPE pgtrickle_changes.log_1_1 USING null;
ALTER TABLE mine ADD CHECK ((null::pgtrickle_changes.log_1_1).part > x);
ALTER TABLE mine ALTER COLUMN x SET DEFAULT (null::pgtrickle_changes.log_1_1).part;
ALTER TYPE mood ADD ATTRIBUTE b pgtrickle_changes.log_1_1;
CREATE TYPE pair AS (b pgtrickle_changes.log_1_1);
CREATE DOMAIN d AS pgtrickle_changes.log_1_1;
CREATE DOMAIN d AS int CHECK ((null::pgtrickle_changes.log_1_1).part > value);
ALTER DOMAIN whole ADD CHECK ((null::pgtrickle_changes.log_1_1).part > value);
CREATE FUNCTION f(pgtrickle_changes.log_1_1) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM pgtrickle_changes.log_1_1; END;
CREATE PROCEDURE f(x pgtrickle_changes.log_1_1) LANGUAGE sql AS '';
CREATE INDEX i ON mine ((null::pgtrickle_changes.log_1_1 IS NULL));
CREATE STATISTICS i ON (null::pgtrickle_changes.log_1_1 IS NULL) FROM mine;
CREATE RULE r AS ON INSERT TO mine DO INSTEAD SELECT * FROM pgtrickle_changes.log_1_1;
CREATE POLICY p ON mine USING (EXISTS (SELECT FROM pgtrickle_changes.log_1_1));
CREATE POLICY p ON mine;
ALTER POLICY p ON mine USING (EXISTS (SELECT FROM pgtrickle_changes.log_1_1));
CREATE TRIGGER g BEFORE INSERT ON mine FOR EACH ROW
	WHEN (null::pgtrickle_changes.log_1_1 IS NULL)
	EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT pgtrickle.create_stream_table('above', 'SELECT id, null::pgtrickle_changes.log_1_1 AS x FROM mine', 'manual', 'FULL');
SELECT pgtrickle.create_stream_table('above', 'SELECT id FROM mine', 'manual', 'FULL');
SELECT pgtrickle.alter_stream_table('above', 'SELECT id, null::pgtrickle_changes.log_1_1 AS x FROM mine');

-- The catalog and the functions are there to be used.
CREATE VIEW v AS SELECT pgt_relid FROM pgtrickle.pgt_stream_tables;
CREATE VIEW names AS SELECT name FROM pgtrickle.pgt_status();
CREATE VIEW w AS SELECT * FROM s;
-- Parts of tables that are there already do not matter either.
ALTER TABLE mine ADD PRIMARY KEY (id);
CREATE INDEX ON mine (x) WHERE x > 0;

-- The owner does as he likes with what is his.
SET ROLE references_alice;
SELECT pgtrickle.alter_stream_table('s', 'SELECT g, max(x) FROM t JOIN u USING (x) GROUP BY g');
SELECT pgtrickle.drop_stream_table('s', true);
SELECT count(*) AS logs FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace;

RESET ROLE;
SET client_min_messages = error;
DROP OWNED BY references_alice, references_bob CASCADE;
DROP EXTENSION pg_trickle;
DROP ROLE references_alice, references_bob;
