-- Grants and row-level security on a stream table hold for those who read it, and
-- do not concern its refreshes.
\i trickle_test.sql

CREATE ROLE regress_apply_rights_owner;
CREATE ROLE regress_apply_rights_ann;
CREATE ROLE regress_apply_rights_bob;
GRANT USAGE, CREATE ON SCHEMA public TO regress_apply_rights_owner;
CREATE TABLE orders (id int PRIMARY KEY, customer text, amount int);
INSERT INTO orders VALUES (1, 'ann', 1), (2, 'bob', 2), (3, 'ann', 3);
GRANT SELECT, TRIGGER ON orders TO regress_apply_rights_owner;
SET ROLE regress_apply_rights_owner;
SELECT pgtrickle.create_stream_table('totals', $$
	SELECT customer, sum(amount) AS total FROM orders GROUP BY customer $$,
	'manual', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('amounts', 'SELECT customer, amount FROM orders',
	'manual', 'DIFFERENTIAL');
RESET ROLE;

-- The owner grants what it likes, by table or by column; a reader needs no right
-- on the sources.
SET ROLE regress_apply_rights_ann;
SELECT * FROM totals;
RESET ROLE;
SET ROLE regress_apply_rights_owner;
GRANT SELECT ON totals TO regress_apply_rights_ann;
GRANT SELECT (amount) ON amounts TO regress_apply_rights_ann, regress_apply_rights_bob;
SET ROLE regress_apply_rights_ann;
SELECT * FROM totals ORDER BY customer;
SELECT amount FROM amounts ORDER BY 1;
SELECT * FROM amounts;
SELECT * FROM orders;

-- Reading is not controlling: only the owner refreshes.
SELECT pgtrickle.refresh_stream_table('totals');
RESET ROLE;

-- Policies of the stream table filter what others read, not what refreshes write,
-- even if the owner is subject to them.
SET ROLE regress_apply_rights_owner;
GRANT SELECT ON totals, amounts TO regress_apply_rights_ann, regress_apply_rights_bob;
ALTER TABLE totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE totals FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON totals USING ('regress_apply_rights_' || customer = current_user)
	WITH CHECK (false);
ALTER TABLE amounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE amounts FORCE ROW LEVEL SECURITY;
RESET ROLE;
INSERT INTO orders VALUES (4, 'bob', 10), (5, 'cid', 7);
UPDATE orders SET amount = 4 WHERE id = 1;
DELETE FROM orders WHERE id = 3;
SET ROLE regress_apply_rights_owner;
SELECT pgtrickle.refresh_stream_table('totals');
SELECT pgtrickle.refresh_stream_table('amounts');
SELECT * FROM totals;
SELECT * FROM amounts;
SET ROLE regress_apply_rights_ann;
SELECT * FROM totals;
SET ROLE regress_apply_rights_bob;
SELECT * FROM totals;
RESET ROLE;
SELECT trickle_test.same_as_query('totals', 'NO_DATA');
SELECT trickle_test.same_as_query('amounts', 'NO_DATA');

-- A recomputation is not misled by them, either.
TRUNCATE orders;
INSERT INTO orders VALUES (1, 'ann', 1), (2, 'bob', 20);
SET ROLE regress_apply_rights_owner;
SELECT pgtrickle.refresh_stream_table('totals');
SELECT pgtrickle.refresh_stream_table('amounts');
SELECT * FROM pgtrickle.verify_stream_table('totals');
RESET ROLE;
SELECT trickle_test.same_as_query('totals', 'NO_DATA');
SELECT trickle_test.same_as_query('amounts', 'NO_DATA');

-- A stream table with policies as a source: what the owner of the one above may
-- read there.
SET ROLE regress_apply_rights_owner;
ALTER TABLE totals NO FORCE ROW LEVEL SECURITY;
SELECT pgtrickle.create_stream_table('doubled', 'SELECT customer, total * 2 AS twice FROM totals',
	'manual', 'DIFFERENTIAL');
RESET ROLE;
INSERT INTO orders VALUES (6, 'dan', 6);
SELECT trickle_test.same_as_query('totals');
SELECT trickle_test.same_as_query('doubled');
SELECT * FROM doubled ORDER BY customer;

-- The owner may take rights from itself; maintenance has what the owner has.
REVOKE ALL ON orders FROM regress_apply_rights_owner;
INSERT INTO orders VALUES (7, 'dan', 7);
SELECT pgtrickle.refresh_stream_table('totals');
GRANT SELECT ON orders TO regress_apply_rights_owner;
SELECT trickle_test.same_as_query('totals');
SET ROLE regress_apply_rights_owner;
REVOKE ALL ON totals FROM regress_apply_rights_owner;
RESET ROLE;
INSERT INTO orders VALUES (8, 'dan', 8);
SELECT trickle_test.same_as_query('totals');

DROP OWNED BY regress_apply_rights_owner, regress_apply_rights_ann, regress_apply_rights_bob CASCADE;
DROP ROLE regress_apply_rights_owner, regress_apply_rights_ann, regress_apply_rights_bob;
