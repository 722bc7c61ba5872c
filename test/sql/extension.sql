-- The extension installs, and its version is that of the control file.
SET client_min_messages = warning; -- about preloading
CREATE EXTENSION pg_trickle;
SELECT extversion = default_version AS current
FROM pg_extension JOIN pg_available_extensions ON name = extname
WHERE extname = 'pg_trickle';

-- Everything it made lives in its own schema.
SELECT DISTINCT nspname
FROM pg_depend
    JOIN pg_proc ON classid = 'pg_proc'::regclass AND objid = pg_proc.oid
    JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE refclassid = 'pg_extension'::regclass
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_trickle');

-- A session whose library is older than a table of the catalog says so.
BEGIN;
DO $$
BEGIN
	FOR i IN 1..40 LOOP
		EXECUTE format('ALTER TABLE pgtrickle.pgt_stream_tables ADD new_%s int', i);
	END LOOP;
END
$$;
SELECT count(*) FROM pgtrickle.pgt_status();
ROLLBACK;

-- A transaction that makes it anew knows nothing of what was before.
CREATE TABLE t (id int);
SELECT pgtrickle.create_stream_table('s', 'SELECT * FROM t', 'manual');
BEGIN;
INSERT INTO t VALUES (1);
SELECT pgtrickle.refresh_stream_table('s');
DROP EXTENSION pg_trickle CASCADE;
DROP TABLE s;
CREATE EXTENSION pg_trickle;
SELECT pgtrickle.create_stream_table('s', 'SELECT * FROM t', 'manual');
COMMIT;
INSERT INTO t VALUES (2);
SELECT pgtrickle.refresh_stream_table('s');
SELECT action, rows_inserted FROM pgtrickle.get_refresh_history('s', 1);
SELECT * FROM s ORDER BY id;
DROP TABLE s, t CASCADE;

-- It goes without a trace.
DROP EXTENSION pg_trickle;
