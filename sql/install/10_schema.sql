/*
 * Schemas.  pgtrickle is the interface and the catalog; the other three hold
 * ordinary objects made at run time (they are no members of the extension, so
 * that pg_dump includes them).  Every object in them belongs to the owner of
 * its stream table or source, and USAGE lets nobody read it.  (Who can name a
 * view can have the server print its rewritten query, debug_print_rewritten,
 * before it is refused; an administrator may take USAGE on pgtrickle_query from
 * all but owners.)
 */
CREATE SCHEMA pgtrickle;
CREATE SCHEMA pgtrickle_query;
CREATE SCHEMA pgtrickle_changes;
CREATE SCHEMA pgtrickle_state;

COMMENT ON SCHEMA pgtrickle IS 'stream tables: functions and catalog';
COMMENT ON SCHEMA pgtrickle_query IS 'stream tables: their queries, as views';
COMMENT ON SCHEMA pgtrickle_changes IS 'stream tables: logs of the changes of their sources';
COMMENT ON SCHEMA pgtrickle_state IS 'stream tables: state that their results do not show';

GRANT USAGE ON SCHEMA pgtrickle, pgtrickle_query, pgtrickle_changes, pgtrickle_state TO PUBLIC;
