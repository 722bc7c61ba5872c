-- What the relcache has of a relation that is open lasts until a catalog is
-- asked: a GRANT elsewhere is enough to have it built anew.  A server with
-- assertions forgets it each time, and overwrites what it forgets; others only
-- go through this.
\i trickle_test.sql

CREATE TABLE target (id int PRIMARY KEY);
CREATE TABLE o (id int);
INSERT INTO o VALUES (1);
INSERT INTO target VALUES (1), (2);
SELECT trickle_test.stream('s', 'SELECT max(id) AS id FROM o');
ALTER TABLE s ADD FOREIGN KEY (id) REFERENCES target;
SELECT count(*) FROM s JOIN target USING (id);
SELECT set_config('debug_discard_caches', least(max_val::int, 1)::text, false) IS NULL AS failed
FROM pg_settings WHERE name = 'debug_discard_caches';
SELECT table_name, count(*), bool_and(is_enabled) FROM pgtrickle.trigger_inventory() GROUP BY table_name ORDER BY table_name;
SELECT trickle_test.stream('s2', 'SELECT id FROM o');
INSERT INTO o VALUES (2);
SELECT trickle_test.same_as_query('s');
SELECT trickle_test.same_as_query('s2');
RESET debug_discard_caches;

SET client_min_messages = error;
DROP TABLE o, target CASCADE;
DROP EXTENSION pg_trickle;
