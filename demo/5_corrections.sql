/*
 * Corrections and cancellations
 *
 * Suppose fog in Chicago: what O'Hare reported for the 1st of March was 45
 * minutes too short, and its flights after 8 in the evening never left. Midway
 * reports 600 minutes and takes it back. These are updates, deletes and a
 * rollback. The next refresh brings in what was committed, and only that.
 */
\echo Illinois on that day, as known so far:
\echo
SELECT * FROM state_days WHERE state = 'IL' AND day = '2001-03-01';

UPDATE flights SET delay_minutes = delay_minutes + 45
 WHERE origin = 'ORD' AND departed_at::date = '2001-03-01';

BEGIN;
DELETE FROM flights
 WHERE origin = 'ORD' AND departed_at >= '2001-03-01 20:00'
                      AND departed_at <  '2001-03-02';
SAVEPOINT midway;
UPDATE flights SET delay_minutes = 600
 WHERE origin = 'MDW' AND departed_at::date = '2001-03-01';
ROLLBACK TO midway;
COMMIT;

CALL refresh_both_ways(5);

\echo After the refresh:
\echo
SELECT * FROM state_days WHERE state = 'IL' AND day = '2001-03-01';

\echo Milliseconds:
\echo
SELECT * FROM times(5);
