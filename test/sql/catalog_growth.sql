-- A session reads the small tables of the catalog as they are, goes over to
-- indexes when that has become too much, and always finds the same.
\i trickle_test.sql
CREATE TABLE source (k int PRIMARY KEY, v int);
INSERT INTO source SELECT i, i FROM generate_series(1, 3) i;
SELECT count(pgtrickle.create_stream_table('st' || i,
		format('SELECT sum(v) AS s FROM source WHERE k <> %s', i),
		schedule => 'manual', refresh_mode => 'DIFFERENTIAL'))
FROM generate_series(1, 20) i;

-- One change after the other, seen by all.
INSERT INTO source VALUES (100, 1000);
SELECT count(pgtrickle.refresh_stream_table('st' || i)) FROM generate_series(1, 20) i;
SELECT count(*), sum(s) FROM (SELECT * FROM st1 UNION ALL SELECT * FROM st20) x;
UPDATE source SET v = v + 1;
SELECT count(pgtrickle.refresh_stream_table('st' || i)) FROM generate_series(1, 20) i;
SELECT count(*), sum(s) FROM (SELECT * FROM st1 UNION ALL SELECT * FROM st20) x;
SELECT count(*) FROM generate_series(1, 20) i,
	LATERAL pgtrickle.verify_stream_table('st' || i);

-- A gate is seen at once, and so is that it is gone: the table was empty, and
-- then has a page with nothing in it.
SET client_min_messages = notice;
SELECT pgtrickle.gate_source('source');
SELECT source_table FROM pgtrickle.source_gates();
SELECT pgtrickle.refresh_stream_table('st1');
SELECT pgtrickle.ungate_source('source');
SELECT source_table FROM pgtrickle.source_gates();

-- Gates are listed by source, whatever the order in which they were made.
CREATE TABLE first (k int);
CREATE TABLE second (k int);
CREATE TABLE third (k int);
SELECT pgtrickle.create_stream_table('three',
	'SELECT k FROM first JOIN second USING (k) JOIN third USING (k)');
SELECT pgtrickle.gate_source(x) FROM unnest('{third,first,second}'::text[]) x;
SELECT source_table FROM pgtrickle.source_gates();
