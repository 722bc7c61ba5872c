/*
 * A month, day by day
 *
 * The rest of March: thirty times one transaction inserts the flights of a day,
 * another corrects some delays of the day before, and a refresh follows.
 */
SELECT format('INSERT INTO flights
                SELECT * FROM recorded WHERE departed_at::date = %L', day),
       format('UPDATE flights SET delay_minutes = delay_minutes + 2
                WHERE departed_at::date = %L AND id %% 10 = 0', day - 1),
       'CALL refresh_both_ways(7)'
  FROM (SELECT '2001-03-01'::date + i AS day FROM generate_series(1, 30) i) march
\gexec

\echo The three months:
\echo
SELECT * FROM states ORDER BY late_percent DESC, state LIMIT 5;
SELECT * FROM routes ORDER BY flights DESC, origin, destination LIMIT 5;

\echo Milliseconds, medians of the thirty refreshes:
\echo
SELECT * FROM times(7);

\echo What the refreshes did, the one recomputation being the first fill:
\echo
SELECT name, differential, recomputed, rows_inserted, rows_deleted
  FROM pgtrickle.st_refresh_stats() ORDER BY name;
