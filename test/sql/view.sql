-- Views are what they stand for.
\i trickle_test.sql

CREATE TABLE r (id int PRIMARY KEY, a int, sid int);
CREATE TABLE s (id int PRIMARY KEY, b text);
INSERT INTO r SELECT i, i % 3, i % 4 FROM generate_series(1, 9) i;
INSERT INTO s SELECT i, 'b' || i FROM generate_series(0, 3) i;
CREATE VIEW joined (r_id, r_a, s_b) AS
	SELECT r.id, r.a, s.b FROM r JOIN s ON s.id = r.sid;
CREATE VIEW filtered AS SELECT s_b AS name, r_a FROM joined WHERE r_a > 0 ORDER BY 1;
CREATE VIEW counted AS SELECT name, count(*) AS n FROM filtered GROUP BY name;
CREATE VIEW either (v) AS SELECT a FROM r UNION ALL SELECT id FROM s;

SELECT trickle_test.stream('a', 'SELECT * FROM joined');
SELECT trickle_test.stream('b', 'SELECT name FROM filtered');
SELECT trickle_test.stream('c', 'SELECT c.*, f.r_a FROM counted c JOIN filtered f USING (name)');
SELECT trickle_test.stream('d', 'SELECT x.n, y.name FROM counted x JOIN counted y USING (n)');
SELECT trickle_test.stream('e', 'SELECT v, count(*) FROM either GROUP BY v');
SELECT trickle_test.stream('f', 'SELECT joined AS whole FROM joined');

CREATE FUNCTION differences() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT st || ': ' || d FROM unnest('{a,b,c,d,e,f}'::text[]) st,
		trickle_test.same_as_query(st) d
$$;

INSERT INTO r VALUES (20, 1, 3), (21, 0, 3);
UPDATE s SET b = 'same' WHERE id < 2;
DELETE FROM r WHERE id = 2;
SELECT differences();

-- A node that is used twice is kept once.
SELECT count(*) FROM pgtrickle.pgt_nodes JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
WHERE pgt_relid = 'd'::regclass;

-- Renaming a table, a column or a view changes nothing.
ALTER TABLE r RENAME TO r_renamed;
ALTER TABLE s RENAME COLUMN b TO b_renamed;
ALTER VIEW joined RENAME TO joined_renamed;
ALTER VIEW joined_renamed RENAME COLUMN s_b TO s_b_renamed;
INSERT INTO r_renamed VALUES (30, 2, 1);
UPDATE s SET b_renamed = 'other' WHERE id = 1;
SELECT pgtrickle.refresh_stream_table(st) FROM unnest('{a,b,c,d,e,f}'::text[]) st;
SELECT * FROM b EXCEPT ALL SELECT name FROM filtered;
SELECT name FROM filtered EXCEPT ALL SELECT * FROM b;
SELECT * FROM c EXCEPT ALL SELECT c.*, f.r_a FROM counted c JOIN filtered f USING (name);
SELECT * FROM a EXCEPT ALL SELECT * FROM joined_renamed;

-- Rights are those of the view: its owner may read what the user may not, and
-- then the result is recomputed by the view.
CREATE ROLE regress_view_owner;
CREATE ROLE regress_view_user;
CREATE TABLE secret (id int PRIMARY KEY, x int);
CREATE VIEW shown AS SELECT id FROM secret;
ALTER TABLE secret OWNER TO regress_view_owner;
ALTER VIEW shown OWNER TO regress_view_owner;
GRANT SELECT ON shown TO regress_view_user;
GRANT CREATE ON SCHEMA public TO regress_view_user, regress_view_owner;
SET ROLE regress_view_user;
SELECT check_name, result FROM pgtrickle.validate_query('SELECT id FROM secret')
WHERE check_name IN ('delta_rules', 'privileges');
SELECT check_name, result FROM pgtrickle.validate_query('SELECT id FROM shown')
WHERE check_name IN ('delta_rules', 'privileges');
RESET ROLE;
GRANT SELECT (id) ON secret TO regress_view_user;
SET ROLE regress_view_user;
SELECT check_name, result FROM pgtrickle.validate_query('SELECT id FROM shown')
WHERE check_name IN ('delta_rules', 'privileges');
RESET ROLE;
DROP TABLE secret CASCADE;
REVOKE CREATE ON SCHEMA public FROM regress_view_user, regress_view_owner;
DROP ROLE regress_view_owner, regress_view_user;
