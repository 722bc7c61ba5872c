-- only with preload
\i trickle_test.sql
SET client_min_messages = notice;
-- Where a statement on stream tables may stand, and what its names may be
CREATE TABLE item (id int PRIMARY KEY, kind text);
INSERT INTO item VALUES (1, 'a'), (2, 'b');

-- The body of a function has none, as the server has no CREATE TABLE there.
CREATE FUNCTION f() RETURNS int LANGUAGE sql
	BEGIN ATOMIC SELECT 1; CREATE STREAM TABLE x AS SELECT 1; END;
CREATE STREAM TABLE x AS SELECT id FROM item\; CREATE PROCEDURE p()
	BEGIN ATOMIC SELECT 1; EXPLAIN CREATE STREAM TABLE y AS SELECT 1; END;
SELECT to_regclass('x');
CREATE FUNCTION f() RETURNS int LANGUAGE sql
	BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END\;
	CREATE STREAM TABLE x AS SELECT id FROM item;
SELECT f();
INSERT INTO item VALUES (3, 'c');
SELECT trickle_test.same_as_query('x');

-- A name with an escape of its own
REFRESH STREAM TABLE U&"!0078" UESCAPE '!';
REFRESH STREAM TABLE public.U&"!0078" UESCAPE '!' FULL;
ALTER STREAM TABLE U&"!0078" UESCAPE '!' SUSPEND;
ALTER STREAM TABLE U&"!0078" UESCAPE '!' RESUME;
CREATE STREAM TABLE U&"!0079" UESCAPE '!' AS SELECT id FROM item;
INSERT INTO item VALUES (4, 'c');
SELECT trickle_test.same_as_query('y');
DROP STREAM TABLE U&"!0079" UESCAPE '!';

-- Behind a dot a reserved word is a name.
CREATE STREAM TABLE public.as AS SELECT id FROM item;
INSERT INTO item VALUES (5, 'c');
SELECT trickle_test.same_as_query('public."as"');
ALTER STREAM TABLE public.as AS SELECT id FROM item WHERE id > 1;
INSERT INTO item VALUES (6, 'c');
SELECT trickle_test.same_as_query('public."as"');
CREATE TABLE public.with AS SELECT 1 AS n;
CREATE STREAM TABLE z AS SELECT n FROM public.with data;
INSERT INTO public.with VALUES (2);
SELECT trickle_test.same_as_query('z');

-- The new query is a query.
PREPARE q AS SELECT 1 AS id;
ALTER STREAM TABLE x AS EXECUTE q;
ALTER STREAM TABLE x SUSPEND'';
DROP STREAM TABLE xy'';
DROP STREAM TABLE x, z, public.as;
