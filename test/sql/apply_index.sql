-- The index by which rows are found is the owner's; whatever happens to it and to
-- the table, refreshes go on and read no more than before.
\i trickle_test.sql

CREATE TABLE items (id int PRIMARY KEY, name text, n int);
INSERT INTO items SELECT i, 'n' || i, i % 10 FROM generate_series(1, 2000) i;
SELECT trickle_test.stream('keyed', 'SELECT id, n FROM items');
SELECT trickle_test.stream('hashed', 'SELECT name, count(*) FROM items GROUP BY name');
SELECT trickle_test.stream('bag', 'SELECT name, n FROM items');

CREATE FUNCTION indexes() RETURNS TABLE (st regclass, index text) LANGUAGE sql AS $$
	SELECT indrelid::regclass, regexp_replace(pg_get_indexdef(indexrelid),
		' INDEX .* USING ', ' INDEX ')
	FROM pg_index WHERE indrelid IN ('keyed'::regclass, 'hashed'::regclass, 'bag'::regclass)
	ORDER BY 1, 2 $$;
-- Rows of the stream tables that this transaction has read.
CREATE FUNCTION rows_read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))::bigint
	FROM unnest(ARRAY['keyed'::regclass, 'hashed', 'bag']) oid $$;
-- Change a few rows and refresh; says what is wrong.
CREATE FUNCTION change(number int) RETURNS TABLE (st text, what text) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := rows_read();
	names text[] := ARRAY['keyed', 'hashed', 'bag'];
BEGIN
	UPDATE items SET n = n + 1 WHERE id = number;
	UPDATE items SET name = name || '!' WHERE id = number + 1;
	DELETE FROM items WHERE id = number + 2;
	INSERT INTO items VALUES (number + 10000, 'new' || number, number);
	PERFORM pgtrickle.refresh_stream_table(name) FROM unnest(names) name;
	RETURN QUERY SELECT 'one', 'was read as a whole' WHERE rows_read() - before > 50;
	RETURN QUERY SELECT name, same FROM unnest(names) name,
		LATERAL trickle_test.same_as_query(name, 'NO_DATA') same;
	RETURN QUERY SELECT name, h.action FROM unnest(names) name,
		LATERAL pgtrickle.get_refresh_history(name, 2) h
	WHERE h.action NOT IN ('NO_DATA', 'DIFFERENTIAL');
END $$;
SELECT * FROM indexes();
SELECT * FROM change(1);

-- Renamed.
SELECT format('ALTER INDEX %s RENAME TO %I', indexrelid::regclass, 'mine of ' || indrelid::regclass)
FROM pg_index WHERE indrelid IN ('keyed'::regclass, 'hashed'::regclass, 'bag'::regclass)
ORDER BY indexrelid::regclass::text \gexec
SELECT * FROM change(10);

-- Rebuilt, which gives it another OID.
REINDEX TABLE keyed;
REINDEX INDEX CONCURRENTLY "mine of keyed";
REINDEX TABLE CONCURRENTLY hashed;
REINDEX TABLE CONCURRENTLY bag;
SELECT * FROM change(20);

-- Dropped: the next refresh makes another one.
SELECT format('DROP INDEX %s', indexrelid::regclass)
FROM pg_index WHERE indrelid IN ('keyed'::regclass, 'hashed'::regclass, 'bag'::regclass)
ORDER BY indexrelid::regclass::text \gexec
SELECT * FROM indexes();
SELECT * FROM change(30);
SELECT * FROM indexes();
SELECT * FROM change(40);

-- An equal one of the user's will do; one that is nearly equal will not.
SELECT format('DROP INDEX %s', indexrelid::regclass)
FROM pg_index WHERE indrelid IN ('keyed'::regclass, 'hashed'::regclass, 'bag'::regclass)
ORDER BY indexrelid::regclass::text \gexec
CREATE UNIQUE INDEX own ON keyed (id) INCLUDE (n) NULLS NOT DISTINCT;
CREATE INDEX own_hash ON hashed (pgtrickle.key_hash(name)) WITH (fillfactor = 50);
CREATE INDEX partial ON bag (pgtrickle.row_hash(name, n)) WHERE n > 3;
CREATE INDEX other_order ON bag (pgtrickle.row_hash(n, name));
CREATE INDEX other_function ON bag (pgtrickle.key_hash(name, n));
SELECT * FROM change(50);
SELECT * FROM indexes();
DROP INDEX own;
CREATE UNIQUE INDEX distinct_nulls ON keyed (id);
CREATE INDEX not_unique ON keyed (id);
CREATE INDEX no_btree ON keyed USING hash (id);
SELECT * FROM change(60);
SELECT * FROM indexes();

-- An index that a failed CREATE INDEX CONCURRENTLY left is not used.
DROP INDEX distinct_nulls, not_unique, no_btree;
UPDATE pg_index SET indisvalid = false
WHERE indrelid = 'keyed'::regclass;
SELECT * FROM change(70);
SELECT indisvalid, count(*) FROM pg_index WHERE indrelid = 'keyed'::regclass GROUP BY 1 ORDER BY 1;

-- The table may be clustered, rewritten, vacuumed, analyzed, moved and stored
-- in another way.
VACUUM FULL keyed, hashed, bag;
SELECT * FROM change(80);
CLUSTER hashed USING own_hash;
VACUUM (FREEZE, ANALYZE) keyed, hashed, bag;
SELECT * FROM change(90);
SELECT reltuples > 0 AS analyzed FROM pg_class WHERE relname = 'keyed';
ALTER TABLE keyed SET (fillfactor = 50, autovacuum_enabled = false),
	ALTER n SET STATISTICS 10, REPLICA IDENTITY DEFAULT;
ALTER TABLE bag ALTER name SET STORAGE EXTERNAL, SET TABLESPACE pg_default, SET WITHOUT CLUSTER;
SELECT * FROM change(100);
CREATE STATISTICS together ON id, n FROM keyed;
COMMENT ON TABLE keyed IS 'ordinary';
SELECT * FROM change(110);

-- The table may get another name, in another schema.
CREATE SCHEMA away;
ALTER TABLE keyed RENAME TO renamed;
ALTER TABLE renamed SET SCHEMA away;
UPDATE items SET n = n + 1 WHERE id = 200;
SELECT trickle_test.same_as_query('away.renamed');
ALTER TABLE away.renamed SET SCHEMA public;
ALTER TABLE renamed RENAME TO keyed;
SELECT * FROM change(120);

-- State tables may be rebuilt, too.
SELECT format('REINDEX TABLE CONCURRENTLY %s', state_relid::regclass) FROM pgtrickle.pgt_nodes \gexec
SELECT format('VACUUM FULL %s', state_relid::regclass) FROM pgtrickle.pgt_nodes \gexec
SELECT * FROM change(130);

-- An index that does not have all rows is built anew by a recomputation.  What
-- triggers did in an attempt before that is undone: what they write into a source
-- is counted once.
CREATE TABLE told (id int, note text);
INSERT INTO told SELECT i, 'a' FROM generate_series(1, 20) i;
SELECT trickle_test.stream('gossip', 'SELECT id, note FROM told');
CREATE FUNCTION gossip_indexes() RETURNS SETOF oid LANGUAGE sql AS
$$ SELECT indexrelid FROM pg_index WHERE indrelid = 'gossip'::regclass ORDER BY 1 $$;
UPDATE pg_index SET indisready = false, indisvalid = false
WHERE indexrelid IN (SELECT gossip_indexes());
UPDATE told SET note = 'b' WHERE id > 10;
SELECT trickle_test.same_as_query('gossip');
UPDATE pg_index SET indisready = true, indisvalid = true
WHERE indexrelid = (SELECT min(i) FROM gossip_indexes() i);
DO $$ BEGIN EXECUTE format('DROP INDEX %s', (SELECT max(i)::regclass FROM gossip_indexes() i)); END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.told VALUES (0, 'more'); RETURN NULL; END $$;
CREATE TRIGGER tell AFTER DELETE ON gossip EXECUTE FUNCTION tell();
SET client_min_messages = error;
UPDATE told SET note = 'c';
SELECT pgtrickle.refresh_stream_table('gossip');
RESET client_min_messages;
SELECT action, refresh_reason FROM pgtrickle.get_refresh_history('gossip', 1);
DROP TRIGGER tell ON gossip;
SELECT note, count(*) FROM gossip GROUP BY note ORDER BY note;
SELECT trickle_test.same_as_query('gossip');
SELECT note, count(*) FROM gossip GROUP BY note ORDER BY note;
