/*
 * Three stream tables
 *
 * A stream table is a table defined by a query. The first joins flights with
 * airports and counts by state and day. The second joins airports twice. The
 * third reads the first: stream tables can be stacked.
 *
 * "manual" means that we say when to refresh, so that we can measure it.
 */
SELECT pgtrickle.create_stream_table('state_days', $$
    SELECT a.state, f.departed_at::date AS day,
           count(*) AS flights,
           count(*) FILTER (WHERE f.delay_minutes > 15) AS late,
           sum(f.delay_minutes) AS minutes,
           max(f.delay_minutes) AS worst
      FROM flights f JOIN airports a ON a.iata = f.origin
     GROUP BY a.state, f.departed_at::date
    $$, schedule => 'manual');

SELECT pgtrickle.create_stream_table('routes', $$
    SELECT f.origin, f.destination, o.city AS from_city, d.city AS to_city,
           count(*) AS flights, round(avg(f.delay_minutes), 1) AS avg_delay
      FROM flights f
      JOIN airports o ON o.iata = f.origin
      JOIN airports d ON d.iata = f.destination
     GROUP BY f.origin, f.destination, o.city, d.city
    $$, schedule => 'manual');

SELECT pgtrickle.create_stream_table('states', $$
    SELECT state, sum(flights) AS flights, sum(late) AS late,
           round(100 * sum(late) / sum(flights), 1) AS late_percent,
           max(worst) AS worst
      FROM state_days
     GROUP BY state
    HAVING sum(flights) >= 100          -- leave out states with few flights
    $$, schedule => 'manual');

\echo Most often late, of the states with at least 100 flights:
\echo
SELECT * FROM states ORDER BY late_percent DESC, state LIMIT 5;

\echo The busiest routes:
\echo
SELECT * FROM routes ORDER BY flights DESC, origin, destination LIMIT 5;
