-- Capture: transactions and subtransactions; the buffer holds three rows.
\i trickle_test.sql
SET pg_trickle.capture_buffer_rows = 3;

CREATE TABLE t (k int, v int);
SELECT trickle_test.stream('st', 'SELECT k, v FROM t');

-- What is rolled back was never there, flushed or not.
BEGIN;
INSERT INTO t VALUES (1, 1);
SAVEPOINT a;
INSERT INTO t SELECT 2, i FROM generate_series(1, 7) i;
ROLLBACK TO a;
INSERT INTO t VALUES (3, 1);
SAVEPOINT b;
INSERT INTO t VALUES (4, 1);
SAVEPOINT c;
INSERT INTO t VALUES (5, 1), (5, 2);
RELEASE c;
INSERT INTO t VALUES (6, 1), (6, 2), (6, 3);
RELEASE b;
COMMIT;
SELECT trickle_test.same_as_query('st');
SELECT * FROM st ORDER BY k, v;
BEGIN;
INSERT INTO t SELECT 7, i FROM generate_series(1, 10) i;
ROLLBACK;
SELECT trickle_test.same_as_query('st', 'NO_DATA');

-- Many small subtransactions, many levels.
DO $$
BEGIN
	FOR i IN 1..50 LOOP
		BEGIN
			INSERT INTO t VALUES (10, i);
			IF i % 7 = 0 THEN
				RAISE EXCEPTION 'no';
			END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END
$$;
SELECT trickle_test.same_as_query('st');
CREATE PROCEDURE nested(n int) LANGUAGE plpgsql AS
$$
BEGIN
	INSERT INTO t VALUES (20, n);
	BEGIN
		IF n > 0 THEN
			CALL nested(n - 1);
		END IF;
		INSERT INTO t VALUES (21, n);
		IF n % 3 = 1 THEN
			RAISE EXCEPTION 'no';
		END IF;
	EXCEPTION WHEN raise_exception THEN
		INSERT INTO t VALUES (22, n);
	END;
END
$$;
CALL nested(10);
SELECT trickle_test.same_as_query('st');
SELECT k, count(*), sum(v) FROM st GROUP BY k ORDER BY k;

-- A procedure may commit in between.
DO $$
BEGIN
	FOR i IN 1..10 LOOP
		INSERT INTO t VALUES (30, i);
		IF i % 3 = 0 THEN COMMIT; ELSIF i % 5 = 0 THEN ROLLBACK; END IF;
	END LOOP;
END
$$;
SELECT trickle_test.same_as_query('st');
SELECT v FROM st WHERE k = 30 ORDER BY v;

-- Read your writes; refreshes inside subtransactions come and go.
TRUNCATE t;
SELECT trickle_test.same_as_query('st', 'FULL');
BEGIN;
INSERT INTO t VALUES (1, 1), (1, 2);
SELECT trickle_test.same_as_query('st');
UPDATE t SET v = v + 1;
SAVEPOINT a;
INSERT INTO t SELECT 2, i FROM generate_series(1, 7) i;
SELECT trickle_test.same_as_query('st');
SAVEPOINT b;
DELETE FROM t WHERE k = 1;
SELECT trickle_test.same_as_query('st');
ROLLBACK TO a;
SELECT trickle_test.same_as_query('st');
INSERT INTO t VALUES (3, 3);
SAVEPOINT c;
INSERT INTO t VALUES (4, 4);
SELECT trickle_test.same_as_query('st');
RELEASE c;
INSERT INTO t VALUES (5, 5);
COMMIT;
SELECT trickle_test.same_as_query('st');
SELECT * FROM st ORDER BY k, v;

-- Prepared transactions.
BEGIN;
INSERT INTO t SELECT 6, i FROM generate_series(1, 5) i;
PREPARE TRANSACTION 'capture 1';
BEGIN;
INSERT INTO t VALUES (7, 7);
PREPARE TRANSACTION 'capture 2';
SELECT trickle_test.same_as_query('st', 'NO_DATA');
COMMIT PREPARED 'capture 1';
SELECT trickle_test.same_as_query('st');
ROLLBACK PREPARED 'capture 2';
SELECT trickle_test.same_as_query('st', 'NO_DATA');
SELECT count(*) FROM st WHERE k IN (6, 7);

-- Deferred triggers write at the end of the transaction, before the log is written.
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO t VALUES (8, new.v); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (new.k = 9) EXECUTE FUNCTION late();
INSERT INTO t VALUES (9, 1), (9, 2);
SELECT trickle_test.same_as_query('st');
SELECT * FROM st WHERE k > 7 ORDER BY k, v;
-- A refresh while such a trigger waits is fine: the rows are captured.
BEGIN;
INSERT INTO t VALUES (9, 3);
SELECT trickle_test.same_as_query('st');
COMMIT;
SELECT trickle_test.same_as_query('st');

-- A refresh inside a statement that writes a source would see rows whose
-- capture is still to come.
WITH w AS (INSERT INTO t VALUES (40, 1), (40, 2) RETURNING v)
SELECT pgtrickle.refresh_stream_table('st') FROM w;
\set VERBOSITY terse
CREATE FUNCTION refresh() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN PERFORM pgtrickle.refresh_stream_table('st'); RETURN NULL; END $$;
CREATE TRIGGER refresh AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION refresh();
INSERT INTO t VALUES (40, 1), (40, 2);
UPDATE t SET v = v + 1 WHERE k IN (3, 4);
DELETE FROM t WHERE k IN (3, 4);
SELECT trickle_test.same_as_query('st', 'NO_DATA');
-- One row is captured when the user's trigger runs.
INSERT INTO t VALUES (41, 1);
UPDATE t SET v = v + 1 WHERE k = 41;
DELETE FROM t WHERE k = 3;
SELECT trickle_test.same_as_query('st', 'NO_DATA');
-- Before its triggers, nothing of the statement is there; the refresh that
-- was rolled back does not matter either.
DROP TRIGGER refresh ON t;
CREATE FUNCTION refresh_in_vain() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM pgtrickle.refresh_stream_table('st');
	RAISE EXCEPTION 'no';
EXCEPTION WHEN raise_exception THEN
	RETURN NULL;
END
$$;
CREATE TRIGGER refresh AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION refresh_in_vain();
INSERT INTO t VALUES (42, 1), (42, 2);
DROP TRIGGER refresh ON t;
SELECT trickle_test.same_as_query('st');
-- After the statement all of it is captured.
CREATE TRIGGER refresh AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION refresh();
INSERT INTO t VALUES (43, 1), (43, 2), (43, 3), (43, 4);
UPDATE t SET v = v + 1 WHERE k = 43;
DELETE FROM t WHERE k = 43 AND v > 4;
SELECT trickle_test.same_as_query('st', 'NO_DATA');
SELECT * FROM st WHERE k >= 40 ORDER BY k, v;
DROP TRIGGER refresh ON t;

-- Cascades that reach a table on two ways: the statement triggers of the first
-- have fired when the second writes again.
CREATE TABLE top (id int PRIMARY KEY);
CREATE TABLE mid (id int PRIMARY KEY REFERENCES top ON DELETE CASCADE);
CREATE TABLE low (id int, t int REFERENCES top ON DELETE CASCADE, m int REFERENCES mid ON DELETE CASCADE);
SELECT trickle_test.stream('stlow', 'SELECT id FROM low');
INSERT INTO top VALUES (1), (2);
INSERT INTO mid VALUES (1), (2);
INSERT INTO low VALUES (1, 1, NULL), (2, NULL, 1), (3, NULL, 1), (4, 2, 2);
SELECT trickle_test.same_as_query('stlow');
CREATE FUNCTION refresh_low() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN PERFORM pgtrickle.refresh_stream_table('stlow'); RETURN NULL; END $$;
CREATE TRIGGER z AFTER DELETE ON mid FOR EACH ROW EXECUTE FUNCTION refresh_low();
DELETE FROM top WHERE id = 1;
DROP TRIGGER z ON mid;
-- Statement triggers of the referenced table come before the cascades' rows.
CREATE TRIGGER z AFTER DELETE ON top FOR EACH STATEMENT EXECUTE FUNCTION refresh_low();
DELETE FROM top;
DROP TRIGGER z ON top;
SELECT trickle_test.same_as_query('stlow', 'NO_DATA');
DELETE FROM top;
SELECT trickle_test.same_as_query('stlow');
