/*
 * Has the launcher look at this database when it commits, or says that there
 * is none; src/schedule.  Needed now only.
 */
CREATE FUNCTION pgtrickle.on_create_extension() RETURNS void
LANGUAGE C AS 'MODULE_PATHNAME', 'pgt_on_create_extension';
SELECT pgtrickle.on_create_extension();
DROP FUNCTION pgtrickle.on_create_extension();
