-- Texts of values that depend on more than the value, however they are made.
\i trickle_test.sql

CREATE TABLE named (id int);
CREATE TABLE t (id int PRIMARY KEY, r regclass, note text, at timestamptz, clock time,
	j jsonb, rs regclass[], o oid);
CREATE TABLE plain (id int PRIMARY KEY, a int, note text, tags text[], at timestamptz);
CREATE TYPE pair AS (n int, r regclass);
CREATE TYPE fine AS (n int, at timestamptz);
CREATE DOMAIN table_name AS regclass;
CREATE TABLE kinds (id int PRIMARY KEY, p pair, ps pair[], d table_name, f fine, x xml);
CREATE TYPE regrange AS RANGE (subtype = regrole, subtype_opclass = oid_ops);
CREATE TABLE ranges (id int PRIMARY KEY, g regrange, m regmultirange, i int4range);

CREATE FUNCTION check_query(query text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(result, '; ' ORDER BY check_name) FROM pgtrickle.validate_query(query)
	WHERE check_name IN ('delta_rules', 'refresh_mode')
$$;

-- Functions that take values of any type.
SELECT q, check_query(format('SELECT id, %s AS c FROM t', q)) FROM unnest(ARRAY[
	'r::text', 'r || note', 'concat(note, r)', 'concat_ws(note, r)',
	'format(''%s'', r)', 'format(''%s'', VARIADIC rs)', 'quote_literal(r)', 'quote_nullable(r)',
	'to_json(r)', 'to_jsonb(t)', 'row_to_json(t)',
	'json_build_object(id, r)', 'jsonb_build_array(r)', 'array_to_json(rs)',
	'array_to_string(rs, note)', 'rs::text', 'ARRAY[r]::text', 'ROW(id, r)::text',
	'ROW(id, ARRAY[ROW(r)])::text', 't::text', 'xmlforest(r)::text',
	'note::regclass[]', 'jsonb_populate_record(NULL::pair, j)']) q;
SELECT q, check_query(format('SELECT %s AS c FROM t', q)) FROM unnest(ARRAY[
	'json_agg(r)', 'jsonb_agg(t)', 'jsonb_object_agg(note, r)', 'max(r::oid)', 'array_agg(r)']) q;
SELECT q, check_query(format('SELECT id, %s AS c FROM kinds', q)) FROM unnest(ARRAY[
	'p::text', 'ps::text', 'd::text', 'to_json(d)', 'to_json(ps)', 'f::text']) q;
SELECT q, check_query(format('SELECT id, %s AS c FROM ranges', q)) FROM unnest(ARRAY[
	'g::text', 'to_json(m)', 'i::text']) q;

-- A row of no named type is what its maker made of it.
SELECT check_query('SELECT to_json(q) AS c FROM (SELECT id, r FROM t) q');
SELECT check_query('SELECT to_json(q) AS c FROM (SELECT s FROM (SELECT ROW(rs) AS s FROM t) i) q');
SELECT check_query('SELECT t.id, to_json(q) AS c FROM t, jsonb_to_record(j) AS q (r regclass)');
SELECT check_query('SELECT t.id, q.r FROM t, jsonb_to_record(j) AS q (r regclass)');
SELECT check_query('SELECT t.id, q.n FROM t, jsonb_to_record(j) AS q (n int)');
SELECT check_query('SELECT id, q.r FROM kinds, XMLTABLE(''/a'' PASSING x COLUMNS r regclass) q');
SELECT check_query('SELECT id, q.n FROM kinds, XMLTABLE(''/a'' PASSING x COLUMNS n int) q');

-- Values of other types are no obstacle.
SELECT q, check_query(format('SELECT id, %s AS c FROM plain', q)) FROM unnest(ARRAY[
	'concat(a, note, at)', 'to_jsonb(plain)', 'tags::text', 'ROW(a, tags)::text',
	'format(''%s %s'', VARIADIC tags)', 'note::date[]', 'array_to_string(tags, note)']) q;
SELECT check_query('SELECT row_to_json(q) AS c FROM (SELECT id, at FROM plain) q');
SELECT check_query('SELECT jsonb_agg(q) AS c FROM (SELECT id, tags FROM plain) q');
SELECT check_query('SELECT id, r, rs FROM t');

-- An aggregate of users' that makes texts by a function of the server, and a
-- STABLE one as a window function.
CREATE AGGREGATE my_json(anyelement) (sfunc = jsonb_agg_transfn, stype = internal,
	finalfunc = jsonb_agg_finalfn);
CREATE FUNCTION stable_sum(int, int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE AGGREGATE my_sum(int) (sfunc = stable_sum, stype = int, initcond = '0');
SELECT check_query('SELECT my_json(r) AS c FROM t');
SELECT check_query('SELECT my_json(a) AS c FROM plain');
SELECT check_query('SELECT id, my_sum(a) OVER (ORDER BY id) AS c FROM plain');

-- A type whose text its maker does not vouch for; a cast that JSON is made by.
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE moods (id int PRIMARY KEY, m mood);
SELECT check_query('SELECT id, json_build_object(id, m) AS c FROM moods');
CREATE FUNCTION mood_json(mood) RETURNS json STABLE LANGUAGE sql AS 'SELECT ''1''::json';
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
SELECT check_query('SELECT id, json_build_object(id, m) AS c FROM moods');
CREATE TYPE word;
CREATE FUNCTION word_in(cstring) RETURNS word STABLE STRICT LANGUAGE internal AS 'textin';
CREATE FUNCTION word_out(word) RETURNS cstring STABLE STRICT LANGUAGE internal AS 'textout';
CREATE TYPE word (input = word_in, output = word_out, like = text);
CREATE TABLE words (id int PRIMARY KEY, w word, note text);
SELECT check_query('SELECT id, to_json(w) AS c FROM words');
SELECT check_query('SELECT id, ARRAY[w]::text AS c FROM words');
SELECT check_query('SELECT id, note::word[] AS c FROM words');

-- Reading a value of a domain checks its constraints.
CREATE FUNCTION stable_check(int) RETURNS boolean STABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE DOMAIN checked AS int CHECK (stable_check(VALUE));
CREATE TYPE with_checked AS (c checked);
SELECT check_query('SELECT id, note::with_checked AS c FROM plain');

-- A time has the offset that its time zone has today.
SELECT q, check_query(format('SELECT id, %s AS c FROM t', q)) FROM unnest(ARRAY[
	'clock::timetz', 'note::timetz', 'note::timetz[]', 'jsonb_path_exists_tz(j, ''$.a'')',
	'at::time', 'at::date', 'note::timestamptz']) q;

-- So do words for days that the query casts each time.
SELECT q, check_query(format('SELECT id, %s AS c FROM t', q)) FROM unnest(ARRAY[
	'''now''::text::timestamptz', '''Today''::varchar::date', '''{today}''::text::date[]',
	'''2020-01-01''::text::date', '''today''::date']) q;

-- The error names the function and the place.
SELECT pgtrickle.create_stream_table('x', 'SELECT id,
	format(''%s'', r) AS f FROM t', 'manual', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('x', 'SELECT id, t::text FROM t', 'manual', 'DIFFERENTIAL');

-- AUTO follows the name that a table has.
INSERT INTO t (id, r, rs) VALUES (1, 'named', '{named}');
SELECT pgtrickle.create_stream_table('s', 'SELECT id, format(''%s'', r) AS f, to_jsonb(rs) AS j FROM t', 'manual');
ALTER TABLE named RENAME TO renamed;
SELECT pgtrickle.refresh_stream_table('s');
SELECT * FROM s;
SELECT value FROM pgtrickle.explain_st('s') WHERE property = 'because';
SELECT action, refresh_reason FROM pgtrickle.get_refresh_history('s', 1);
