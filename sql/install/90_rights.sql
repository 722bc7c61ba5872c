/*
 * The owner of a database can dump it: pg_dump reads the catalog as whoever
 * runs it.
 */
GRANT SELECT ON ALL TABLES IN SCHEMA pgtrickle TO pg_database_owner;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA pgtrickle TO pg_database_owner;
