-- What '03/04/2026' is, and what a text is made of, depends on settings.  A stream
-- table is computed under those of its creator, whoever refreshes and under whatever
-- settings of his own.
\i trickle_test.sql

CREATE TABLE source (id int, at text, words text, name text);
INSERT INTO source VALUES (1, '03/04/2026', 'the running dogs', 't');
SET datestyle = 'SQL, DMY';
SET default_text_search_config = 'pg_catalog.english';
SELECT trickle_test.stream('imported', $$
	SELECT id, at::date AS day, extract(month FROM at::date) AS month, at::date::text AS iso,
		format('%I', name) AS name, (at || ' 10:00 IST')::timestamptz AS ist
	FROM source $$);
SELECT pgtrickle.create_stream_table('recomputed',
	'SELECT id, at::date AS day, to_tsvector(words) AS words FROM source', 'manual', 'FULL');
SELECT property, value FROM pgtrickle.explain_st('imported') WHERE property IN ('time zone', 'date style');

-- Another session, with other ones.
\c
SET client_min_messages = warning;
SET datestyle = 'ISO, MDY';
SET default_text_search_config = 'pg_catalog.simple';
SET timezone_abbreviations = 'India';
SET quote_all_identifiers = on;
INSERT INTO source VALUES (2, '25/04/2026', 'the sleeping cats', 't');
SELECT pgtrickle.refresh_stream_table('imported');
SELECT pgtrickle.refresh_stream_table('recomputed');
SET timezone = 'UTC';
SELECT * FROM imported ORDER BY id;
SELECT * FROM recomputed ORDER BY id;
SELECT count(*) FROM pgtrickle.verify_stream_table('imported');
SELECT regexp_replace(pgtrickle.export_definition('recomputed'), 'SET timezone.*?\n', '', 'i');

-- A configuration of one's own may go, or be closed: then it is the session's.
CREATE TEXT SEARCH CONFIGURATION own (COPY = pg_catalog.simple);
SET default_text_search_config = 'own';
SELECT trickle_test.stream('others', 'SELECT id FROM source');
SET default_text_search_config = 'pg_catalog.simple';
DROP TEXT SEARCH CONFIGURATION own;
INSERT INTO source VALUES (3, '01/02/2026', '', 't');
SELECT pgtrickle.refresh_stream_table('others');
SELECT * FROM others ORDER BY id;
DELETE FROM source WHERE id = 3;
-- Who gives it another query is its creator.
SELECT pgtrickle.alter_stream_table('recomputed', query => 'SELECT id, at::date AS day, to_tsvector(words) AS words FROM source WHERE id = 1');
SELECT * FROM recomputed;
