-- What a node keeps of a group has to fit a row; else a query is recomputed.
\i trickle_test.sql
CREATE TABLE r (id int PRIMARY KEY, v int, n numeric);
INSERT INTO r SELECT i, i, i * 1e36 FROM generate_series(1, 10) i;
-- A list of expressions, numbered.
CREATE FUNCTION list(expression text, count int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format(expression || ' AS c%1$s', i), ', ')
	FROM generate_series(1, count) i
$$;
CREATE FUNCTION modes(query text) RETURNS TABLE(rules text, modes text)
LANGUAGE sql AS $$
	SELECT min(result) FILTER (WHERE check_name = 'delta_rules'),
		min(result) FILTER (WHERE check_name = 'refresh_mode')
	FROM pgtrickle.validate_query(query)
$$;

-- 200 sums of 40 bytes each are what fits.
SELECT format('SELECT id %% 2 AS k, %s FROM r GROUP BY 1', list('sum(v + %1$s)', 200)) AS fits,
	format('SELECT id %% 2 AS k, %s FROM r GROUP BY 1', list('sum(v + %1$s)', 201)) AS too_wide \gset
SELECT * FROM modes(:'fits');
SELECT * FROM modes(:'too_wide');
SELECT trickle_test.stream('fits', :'fits');
UPDATE r SET v = NULL WHERE id < 3;
INSERT INTO r SELECT i, i, i * 1e36 FROM generate_series(11, 20) i;
SELECT trickle_test.same_as_query('fits');

-- AUTO recomputes what does not, be it filled later only, and says so.
SELECT pgtrickle.create_stream_table('too_wide', :'too_wide', 'manual');
INSERT INTO r VALUES (21, 21);
SELECT trickle_test.same_as_query('too_wide', 'FULL');
CREATE TABLE empty (LIKE r INCLUDING ALL);
SELECT pgtrickle.create_stream_table('filled_later', replace(:'too_wide', 'FROM r', 'FROM empty'), 'manual');
INSERT INTO empty SELECT * FROM r;
SELECT trickle_test.same_as_query('filled_later', 'FULL');
\set VERBOSITY terse
SELECT pgtrickle.create_stream_table('x', :'too_wide', 'manual', 'DIFFERENTIAL');
\set VERBOSITY default

-- Values of any length take at most what is not moved out of line.
SELECT format('SELECT %s FROM r', list('sum(n + %1$s)', 168)) AS fits,
	format('SELECT %s FROM r', list('sum(n + %1$s)', 169)) AS too_wide \gset
SELECT modes FROM modes(:'too_wide');
SELECT trickle_test.stream('numerics', :'fits');
UPDATE r SET n = 1234567890123456789012345678901234567890 + id WHERE id < 6;
SELECT trickle_test.same_as_query('numerics');

-- Nor can a table have any number of columns, or a row while a state is filled.
SELECT * FROM modes(format('SELECT id %% 2 AS k, %s FROM r GROUP BY 1', list('sum(v + %1$s)', 820)));
SELECT * FROM modes(format('SELECT %s FROM r', list('sum((v + %1$s)::real)', 831)));
SELECT * FROM modes(format('SELECT %s FROM r', list('sum((v + %1$s)::real)', 832)));
SELECT * FROM modes(format('SELECT DISTINCT %s FROM r', list('v = %1$s', 1600)));
SELECT trickle_test.stream('results', format('SELECT %s FROM r', list('sum((v + %1$s)::real)', 831)));
SELECT pgtrickle.create_stream_table('distinct_', format('SELECT DISTINCT %s FROM r', list('v = %1$s', 1600)), 'manual');
INSERT INTO r VALUES (22, 22);
SELECT trickle_test.same_as_query('results');
SELECT trickle_test.same_as_query('distinct_', 'FULL');

-- What is shown is as wide as the result, and nothing else is kept of it.
SELECT * FROM modes(format('SELECT %s FROM r', list('string_agg(id + %1$s || '''', '''')', 400)));
SELECT * FROM modes(format('SELECT DISTINCT %s FROM r', list('id + %1$s || ''''', 400)));
