/*
 * Flights and airports
 *
 * 20,000 real flights inside the United States, January to March 2001. All of
 * them wait in a table "recorded", from which we replay them. Until the end of
 * February they have already happened.
 */
CREATE TABLE airports (
    iata      text PRIMARY KEY,
    name      text,
    city      text,
    state     text,
    country   text,
    latitude  float8,
    longitude float8
);

CREATE TABLE recorded (
    id             int PRIMARY KEY,
    departed_at    timestamp,
    delay_minutes  int,         -- negative: early
    distance_miles int,
    origin         text REFERENCES airports,
    destination    text REFERENCES airports
);

\copy airports FROM data/airports.csv (FORMAT csv, HEADER)
\copy recorded FROM data/flights.csv (FORMAT csv, HEADER)

-- An ordinary table: nothing about it is special, now or later.
CREATE TABLE flights (LIKE recorded INCLUDING ALL);
INSERT INTO flights SELECT * FROM recorded WHERE departed_at < '2001-03-01';
ANALYZE;

SELECT count(*) AS flights, min(departed_at::date) AS first_day,
       max(departed_at::date) AS last_day, count(DISTINCT origin) AS airports
  FROM flights;
