-- Delta or recomputation: what was measured decides, which is made up here.
\i trickle_test.sql

CREATE TABLE items (id int PRIMARY KEY, grp int, price int);
INSERT INTO items SELECT i, i % 10, i FROM generate_series(1, 2000) i;
VACUUM ANALYZE items;
SELECT pgtrickle.create_stream_table('auto', 'SELECT id, price FROM items', 'manual');
SELECT trickle_test.stream('differential', 'SELECT id, price FROM items');

CREATE FUNCTION measured(st text, per_row float8, recomputation float8)
RETURNS void LANGUAGE sql AS $$
	UPDATE pgtrickle.pgt_stream_tables
	SET delta_ms = 1, delta_ms_per_row = per_row, full_ms = recomputation
	WHERE pgt_relid = st::regclass
$$;
CREATE FUNCTION refreshed(st text, OUT action text, OUT reason text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pgtrickle.refresh_stream_table(st);
	SELECT h.action, refresh_reason INTO action, reason
	FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
	WHERE pgt_relid = st::regclass ORDER BY refresh_id DESC LIMIT 1;
END $$;

-- Of a small change, 10 ms per row: 3 s are much more than 0.4 s.
SELECT measured('auto', 10, 400), measured('differential', 10, 400);
UPDATE items SET price = price + 1 WHERE id <= 150;
SELECT * FROM refreshed('auto');
SELECT * FROM refreshed('differential');

-- One that is recomputed makes the next look cheaper.
SELECT delta_ms_per_row FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'auto'::regclass;

-- A few rows are not worth a thought.
SELECT measured('auto', 1000, 1);
UPDATE items SET price = price + 1 WHERE id <= 40;
SELECT * FROM refreshed('auto');

-- It takes longer, but not much: it is a delta, which shows that it took less.
SELECT measured('auto', 10, 2000);
UPDATE items SET price = price + 1 WHERE id <= 150;
SELECT * FROM refreshed('auto');
SELECT delta_ms_per_row < 10 AS less
FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'auto'::regclass;

-- Much, by a factor alone: less than 100 ms may be by accident.
SELECT measured('auto', 0.3, 0.001);
UPDATE items SET price = price + 1 WHERE id <= 150;
SELECT * FROM refreshed('auto');

-- Large changes are what is cheaper.
SELECT measured('auto', 10, 12000);
UPDATE items SET price = price + 1;
SELECT * FROM refreshed('auto');

-- Of a small change that was not slow, the time says nothing about rows.
SELECT measured('auto', NULL, 1000000);
UPDATE items SET price = price + 1 WHERE id <= 150;
SELECT * FROM refreshed('auto');
SELECT delta_ms_per_row FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'auto'::regclass;

-- Of one that was, it does, and the next is recomputed.
CREATE FUNCTION slowly(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM pg_catalog.pg_sleep(0.002);
	RETURN i;
END $$;
SELECT pgtrickle.create_stream_table('slow',
	'SELECT id, slowly(price) AS price FROM items WHERE id <= 300', 'manual');
SELECT measured('slow', NULL, 0.001);
UPDATE items SET price = price + 1 WHERE id <= 150;
SELECT * FROM refreshed('slow');
UPDATE items SET price = price + 1 WHERE id <= 200;
SELECT * FROM refreshed('slow');
SELECT trickle_test.same_as_query('slow', 'NO_DATA');
SELECT trickle_test.same_as_query(st) FROM unnest('{auto,differential}'::text[]) st;
