/*
 * A new day
 *
 * The flights of the 1st of March are inserted. A refresh reads these rows
 * from the change log, joins them, and adds them to the counts; a
 * recomputation reads all flights again.
 */
INSERT INTO flights
SELECT * FROM recorded WHERE departed_at::date = '2001-03-01';

CALL refresh_both_ways(4);

\echo The states with most delayed flights on that day:
\echo
SELECT * FROM state_days WHERE day = '2001-03-01'
 ORDER BY late DESC, state LIMIT 5;

\echo Milliseconds (the first refresh of a session also plans its statements):
\echo
SELECT * FROM times(4);
