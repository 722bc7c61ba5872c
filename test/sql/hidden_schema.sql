-- What a view uses in schemas that the owner may not use: no delta query can
-- name it.
\i trickle_test.sql
CREATE ROLE regress_hidden;
GRANT CREATE ON SCHEMA public TO regress_hidden;
GRANT USAGE ON SCHEMA trickle_test TO regress_hidden;

CREATE SCHEMA hidden;
CREATE TABLE hidden.t (id int, a int);
CREATE TABLE hidden.u (id int, b int);
CREATE TYPE hidden.mood AS ENUM ('calm');
CREATE FUNCTION hidden.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * $1; END';
CREATE TABLE shown (id int, a int);
CREATE VIEW hidden.v AS SELECT id FROM public.shown;
CREATE VIEW joined AS SELECT id, b FROM hidden.t JOIN hidden.u USING (id);
CREATE VIEW called AS SELECT id, hidden.twice(a) AS b FROM shown;
CREATE VIEW typed AS SELECT id, 'calm'::hidden.mood::text AS b FROM shown;
CREATE VIEW rows AS SELECT row_to_json(v)::text AS b FROM hidden.v;
GRANT SELECT, TRIGGER ON hidden.t, hidden.u, shown TO regress_hidden;
GRANT SELECT ON joined, called, typed, rows TO regress_hidden;

SET ROLE regress_hidden;
SELECT trickle_test.stream('x', 'SELECT * FROM joined');
SELECT trickle_test.stream('x', 'SELECT * FROM called');
SELECT pgtrickle.create_stream_table(name || '_st', 'SELECT * FROM ' || name, 'manual')
FROM unnest('{joined,called,typed,rows}'::text[]) name;
RESET ROLE;
CREATE FUNCTION differences(action text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT name || ': ' || d FROM unnest('{joined,called,typed,rows}'::text[]) name,
		trickle_test.same_as_query(name || '_st', action) d
$$;
INSERT INTO hidden.t VALUES (1, 1);
INSERT INTO hidden.u VALUES (1, 1);
INSERT INTO shown VALUES (1, 1);
SELECT differences('FULL');

-- It may from now on.
GRANT USAGE ON SCHEMA hidden TO regress_hidden;
INSERT INTO hidden.t VALUES (1, 2);
INSERT INTO shown VALUES (1, 2);
SELECT differences('FULL');
INSERT INTO hidden.t VALUES (1, 3);
INSERT INTO shown VALUES (1, 3);
SELECT differences('DIFFERENTIAL');

DROP SCHEMA hidden CASCADE;
DROP TABLE shown CASCADE;
DROP OWNED BY regress_hidden;
DROP ROLE regress_hidden;
