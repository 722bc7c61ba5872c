-- Columns that users declare unique in a stream table.
\i trickle_test.sql

CREATE TABLE seats (id int PRIMARY KEY, seat int, who text);
INSERT INTO seats SELECT i, i, 'p' || i FROM generate_series(1, 6) i;
SELECT trickle_test.stream('plan', 'SELECT id, seat, who FROM seats');
SELECT trickle_test.stream('taken', 'SELECT seat, who FROM seats');
CREATE UNIQUE INDEX plan_seat ON plan (seat);
ALTER TABLE plan ADD CONSTRAINT plan_who UNIQUE (who) DEFERRABLE INITIALLY DEFERRED;
CREATE UNIQUE INDEX taken_seat ON taken (seat) WHERE seat > 0;
CREATE EXTENSION btree_gist;
ALTER TABLE taken ADD CONSTRAINT taken_who EXCLUDE USING gist (lower(who) WITH =);

-- Values may be swapped between rows, and go round in a circle.
UPDATE seats SET seat = 3 - seat WHERE id <= 2;
SELECT trickle_test.same_as_query('plan');
SELECT trickle_test.same_as_query('taken');
UPDATE seats SET seat = seat % 6 + 1;
SELECT trickle_test.same_as_query('plan');
SELECT trickle_test.same_as_query('taken');
UPDATE seats SET who = 'p' || seat;
SELECT trickle_test.same_as_query('plan');
SELECT trickle_test.same_as_query('taken');
SELECT * FROM plan ORDER BY id;

-- A value may move from a row that goes to one that comes, in whatever order.
DELETE FROM seats WHERE id IN (1, 6);
INSERT INTO seats VALUES (0, 3, 'p1'), (7, 1, 'p3');
UPDATE seats SET seat = 9 WHERE id = 3;
INSERT INTO seats VALUES (10, 4, 'ten');
SELECT trickle_test.same_as_query('plan');
SELECT trickle_test.same_as_query('taken');
UPDATE seats SET id = 20 - id;
SELECT trickle_test.same_as_query('plan');

-- A row whose unique values stay is updated in its place.
UPDATE seats SET seat = NULL;
SELECT trickle_test.same_as_query('plan');
SELECT trickle_test.same_as_query('taken');

-- Two rows with one value are an error that names the constraint, and leaves
-- everything as it was, until the sources are put right.
UPDATE seats SET seat = id;
SELECT trickle_test.same_as_query('plan');
UPDATE seats SET seat = 1, who = who || '!';
SELECT pgtrickle.refresh_stream_table('plan');
SELECT pgtrickle.refresh_stream_table('taken');
SELECT * FROM plan ORDER BY id;
UPDATE seats SET seat = id, who = 'the same' WHERE id > 15;
SELECT pgtrickle.refresh_stream_table('plan');
UPDATE seats SET seat = 100 + id, who = 'Nr ' || id;
SELECT trickle_test.same_as_query('plan');
SELECT trickle_test.same_as_query('taken');

-- Unique expressions, columns that an index includes, and a NOT NULL and a CHECK
-- constraint.
CREATE UNIQUE INDEX ON plan ((seat / 10), upper(who)) INCLUDE (id);
ALTER TABLE plan ALTER who SET NOT NULL,
	ADD CONSTRAINT positive CHECK (seat > 0);
UPDATE seats SET seat = 110 + id WHERE id % 2 = 1;
SELECT trickle_test.same_as_query('plan');
UPDATE seats SET who = NULL WHERE id = 10;
SELECT pgtrickle.refresh_stream_table('plan');
UPDATE seats SET seat = -1, who = 'back' WHERE id = 10;
SELECT pgtrickle.refresh_stream_table('plan');
UPDATE seats SET seat = 1000 WHERE id = 10;
SELECT trickle_test.same_as_query('plan');

-- An index that depends on no column: one row at most.
SELECT trickle_test.stream('last', $$
	SELECT id, seat FROM seats WHERE seat >= 1000 $$);
CREATE UNIQUE INDEX ON last ((true));
DELETE FROM seats WHERE seat = 1000;
INSERT INTO seats VALUES (30, 2000, 'q');
SELECT trickle_test.same_as_query('last');
SELECT * FROM last;

-- Indexes of users' choice, which no refresh needs, are kept up.
CREATE INDEX plan_hash ON plan USING hash (who);
CREATE INDEX plan_brin ON plan USING brin (id);
CREATE INDEX plan_part ON plan (seat) WHERE id % 2 = 0;
UPDATE seats SET who = 'x' || id, seat = seat + 1;
SELECT trickle_test.same_as_query('plan');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT seat FROM plan WHERE who = 'x30';
SELECT seat FROM plan WHERE who = 'x30';
SELECT count(*) FROM plan WHERE seat > 0 AND id % 2 = 0;
RESET enable_seqscan;

-- A recomputation may swap values, too.
SELECT pgtrickle.alter_stream_table('plan', refresh_mode => 'FULL');
UPDATE seats SET seat = 4000 - seat, who = 'x' || 50 - id;
SELECT trickle_test.same_as_query('plan', 'FULL');
