/*
 * One flight at a time
 *
 * In practice delays are reported one by one. Fifty times the delay of one
 * flight changes, and everything is refreshed.
 */
SELECT format('UPDATE flights SET delay_minutes = delay_minutes + 5 WHERE id = %s', 250 * i),
       'CALL refresh_both_ways(6)'
  FROM generate_series(1, 50) i
\gexec

\echo Milliseconds, medians of the fifty refreshes:
\echo
SELECT * FROM times(6);
