\i trickle_test.sql
\set SHOW_CONTEXT never
-- What scripts of other extensions do: none of ours becomes a member of theirs,
-- or pg_dump would leave it out.
CREATE TABLE item (id int PRIMARY KEY, kind text);
CREATE TABLE other (id int PRIMARY KEY, kind text);
SELECT pgtrickle.create_stream_table('s', 'SELECT kind, count(*) AS n FROM item GROUP BY kind');

CREATE EXTENSION pgt_test_script VERSION 'create';
CREATE EXTENSION pgt_test_script VERSION 'change';
SELECT pg_describe_object(classid, objid, objsubid) AS member FROM pg_depend
WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgt_test_script');
SELECT make();
-- Our triggers do not go with another extension; those that do are missed.
SELECT tgname AS trigger FROM pg_trigger
WHERE tgrelid = 'item'::regclass AND tgname LIKE '%row' \gset
ALTER TRIGGER pgt_guard ON s DEPENDS ON EXTENSION pgt_test_script;
ALTER TRIGGER pgt_guard ON s NO DEPENDS ON EXTENSION pgt_test_script;
ALTER TRIGGER :"trigger" ON item DEPENDS ON EXTENSION pgt_test_script;
ALTER EVENT TRIGGER pgt_ddl_command_end DISABLE;
ALTER TRIGGER pgt_guard ON s DEPENDS ON EXTENSION pgt_test_script;
ALTER TRIGGER :"trigger" ON item DEPENDS ON EXTENSION pgt_test_script;
ALTER EVENT TRIGGER pgt_ddl_command_end ENABLE ALWAYS;
CREATE ROLE regress_extension_owner;
ALTER TABLE s OWNER TO regress_extension_owner;
GRANT SELECT, TRIGGER ON item, other TO regress_extension_owner;
UPDATE pg_extension SET extowner = 'regress_extension_owner'::regrole
WHERE extname = 'pgt_test_script';
SET ROLE regress_extension_owner;
DROP EXTENSION pgt_test_script;
RESET ROLE;
DROP EXTENSION pgt_test_script;
DELETE FROM s;
CREATE TRIGGER pgt_guard BEFORE INSERT OR UPDATE OR DELETE ON s
	FOR EACH ROW EXECUTE FUNCTION pgtrickle.guard();
ALTER TABLE s ENABLE ALWAYS TRIGGER pgt_guard;
SELECT trickle_test.same_as_query('s', 'REINITIALIZE');
SELECT trickle_test.same_as_query('made', 'FULL');
SELECT pgtrickle.repair_stream_table('made');
ALTER TABLE s OWNER TO CURRENT_USER;
DROP OWNED BY regress_extension_owner;
DROP ROLE regress_extension_owner;
INSERT INTO other VALUES (2, 'a'), (3, 'b');
SELECT trickle_test.same_as_query('s');
INSERT INTO item VALUES (1, 'a');
SELECT trickle_test.same_as_query('made');
