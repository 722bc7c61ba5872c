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
DROP EXTENSION pgt_test_script;
INSERT INTO other VALUES (2, 'a'), (3, 'b');
SELECT trickle_test.same_as_query('s');
INSERT INTO item VALUES (1, 'a');
SELECT trickle_test.same_as_query('made');
