/*
 * Something to compare with
 *
 * A materialized view of each of the same queries: the server computes it
 * anew at each REFRESH MATERIALIZED VIEW. From here on each step refreshes the
 * stream tables and the materialized views alike, and writes down how long
 * each took, its commit included.
 */
CREATE SCHEMA plain;
SELECT format('CREATE MATERIALIZED VIEW plain.%I AS %s', pgt_relid, original_query)
  FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id \gexec

CREATE TABLE measured (step int, nr int, name text, how text, ms float8);

CREATE PROCEDURE refresh_both_ways(step int) LANGUAGE plpgsql AS $$
DECLARE
    names CONSTANT text[] := ARRAY['state_days', 'routes', 'states'];
    start timestamptz;
BEGIN
    FOR nr IN 1 .. 3 LOOP
        start := clock_timestamp();
        PERFORM pgtrickle.refresh_stream_table(names[nr]);
        COMMIT;
        INSERT INTO measured VALUES (step, nr, names[nr], 'refresh',
            1000 * extract(epoch FROM clock_timestamp() - start));
        COMMIT;

        start := clock_timestamp();
        EXECUTE 'REFRESH MATERIALIZED VIEW plain.' || names[nr];
        COMMIT;
        INSERT INTO measured VALUES (step, nr, names[nr], 'recomputation',
            1000 * extract(epoch FROM clock_timestamp() - start));
        COMMIT;
    END LOOP;
END $$;

-- The times of a step in milliseconds; medians if it has many refreshes.
CREATE FUNCTION times(step int)
RETURNS TABLE ("stream table" text, refresh numeric, recomputation numeric,
               "times faster" numeric)
LANGUAGE sql AS $$
    SELECT name, round(r, 2), round(m, 2), round(m / r, 1)
      FROM (SELECT nr, name,
                   (percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)
                        FILTER (WHERE how = 'refresh'))::numeric AS r,
                   (percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)
                        FILTER (WHERE how = 'recomputation'))::numeric AS m
              FROM measured t WHERE t.step = $1 GROUP BY nr, name) medians
     ORDER BY nr
$$;
