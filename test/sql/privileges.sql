-- Who may do what, and with whose rights it is done.
\i trickle_test.sql
\set SHOW_CONTEXT never
CREATE ROLE regress_privileges_owner;
CREATE ROLE regress_privileges_reader;
CREATE ROLE regress_privileges_other;
GRANT CREATE ON SCHEMA public TO regress_privileges_owner;
CREATE TABLE sales (id int PRIMARY KEY, region text, amount int);
INSERT INTO sales VALUES (1, 'north', 10), (2, 'south', 20);

-- Creating needs SELECT and TRIGGER on the sources, and CREATE on the schema.
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('totals', 'SELECT region, sum(amount) AS total FROM sales GROUP BY region');
RESET ROLE;
GRANT TRIGGER ON sales TO regress_privileges_owner;
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('totals', 'SELECT region, sum(amount) AS total FROM sales GROUP BY region');
RESET ROLE;
REVOKE TRIGGER ON sales FROM regress_privileges_owner;
GRANT SELECT ON sales TO regress_privileges_owner;
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('totals', 'SELECT region, sum(amount) AS total FROM sales GROUP BY region');
RESET ROLE;
GRANT SELECT, TRIGGER ON sales TO regress_privileges_owner, regress_privileges_other;
SET ROLE regress_privileges_other;
SELECT pgtrickle.create_stream_table('totals', 'SELECT region FROM sales');
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('totals', 'SELECT region, max(amount) AS total FROM sales WHERE amount > 0 GROUP BY region');
-- Without a log no TRIGGER is needed.
RESET ROLE;
CREATE TABLE read_only AS SELECT 1 AS a;
GRANT SELECT ON read_only TO regress_privileges_owner;
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('copied', 'SELECT a FROM read_only', refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('copied_2', 'SELECT a FROM read_only');
RESET ROLE;

-- Who owns what: logs and states are nobody's to change.
SELECT c.oid::regclass, relowner::regrole, grantee::regrole AS reader, privilege_type
FROM pg_class c LEFT JOIN LATERAL aclexplode(relacl) ON grantee <> relowner
WHERE relnamespace IN ('pgtrickle_query'::regnamespace, 'pgtrickle_changes'::regnamespace,
	'pgtrickle_state'::regnamespace) AND relkind IN ('r', 'v') ORDER BY 1;

-- Only the owner controls it, and sees everything about it.
CREATE FUNCTION may(role text, sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE sql;
	RESET ROLE;
	RETURN 'yes';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
GRANT SELECT ON totals TO regress_privileges_reader;
SELECT role, function, may('regress_privileges_' || role, format('SELECT * FROM pgtrickle.%s', call))
FROM unnest(ARRAY['owner', 'reader', 'other']) WITH ORDINALITY AS r (role, n),
	unnest(ARRAY['alter_stream_table', 'drop_stream_table', 'resume_stream_table', 'refresh_stream_table',
		'refresh_if_stale', 'export_definition', 'repair_stream_table', 'get_staleness',
		'get_refresh_history', 'list_sources', 'explain_st', 'explain_delta',
		'explain_refresh_mode', 'verify_stream_table'])
		WITH ORDINALITY AS f (function, m),
	LATERAL (SELECT function || '(''totals'')') AS c (call)
WHERE NOT (role = 'owner' AND function = 'drop_stream_table')
ORDER BY n, m;
SELECT may('regress_privileges_reader', $$SELECT pgtrickle.write_and_refresh('SELECT 1', 'totals')$$);
SELECT may('regress_privileges_reader', $$SELECT pgtrickle.create_or_replace_stream_table('totals', 'SELECT 1 AS a')$$);
SELECT may('regress_privileges_reader', 'DROP TABLE totals');
SELECT may('regress_privileges_reader', 'INSERT INTO totals VALUES (1)');
SELECT may('regress_privileges_owner', $$INSERT INTO totals VALUES ('a', 1)$$);

-- A superuser may do everything, and members of the owner too.
SELECT pgtrickle.refresh_stream_table('totals');
GRANT regress_privileges_owner TO regress_privileges_other;
SELECT may('regress_privileges_other', $$SELECT pgtrickle.refresh_stream_table('totals')$$);
SELECT may('regress_privileges_other', $$SELECT pgtrickle.alter_stream_table('totals', query =>
	'SELECT region, max(amount) + 0 AS total FROM sales GROUP BY region')$$);
REVOKE regress_privileges_owner FROM regress_privileges_other;

-- What the lists show: all to the owner, to readers that it is there.
SET ROLE regress_privileges_owner;
SELECT name, status FROM pgtrickle.pgt_status();
SELECT stream_table, source_table FROM pgtrickle.change_buffer_sizes();
SELECT table_name, purpose FROM pgtrickle.trigger_inventory();
SET ROLE regress_privileges_reader;
SELECT name, status FROM pgtrickle.pgt_status();
SELECT name, refreshes > 0 AS refreshed FROM pgtrickle.st_refresh_stats();
SELECT DISTINCT refresh_reason, error_message FROM pgtrickle.get_refresh_history('totals');
SELECT stream_table, source_table FROM pgtrickle.change_buffer_sizes();
SELECT table_name, purpose FROM pgtrickle.trigger_inventory();
SET ROLE regress_privileges_other;
SELECT name, status FROM pgtrickle.pgt_status();
SELECT name, refreshes FROM pgtrickle.st_refresh_stats();
RESET ROLE;
-- The text of an error may tell what others must not know.
UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = 1, last_error_message = 'secret'
WHERE pgt_relid = 'totals'::regclass;
SET ROLE regress_privileges_owner;
SELECT consecutive_errors, last_error_message FROM pgtrickle.pgt_status() WHERE name = 'public.totals';
SET ROLE regress_privileges_reader;
SELECT consecutive_errors, last_error_message FROM pgtrickle.pgt_status();
RESET ROLE;

-- Nobody reads the catalog, the logs and the states of others, or writes them;
-- the views of the status are for everybody, and show each what it may see.
SELECT c.oid::regclass, may('regress_privileges_other', format('SELECT * FROM %s', c.oid::regclass)),
	may('regress_privileges_reader', format('DELETE FROM %s', c.oid::regclass))
FROM pg_class c
WHERE relnamespace IN ('pgtrickle'::regnamespace, 'pgtrickle_query'::regnamespace,
	'pgtrickle_changes'::regnamespace, 'pgtrickle_state'::regnamespace) AND relkind IN ('r', 'v', 'S')
ORDER BY c.oid::regclass::text;
SELECT log_relid AS log FROM pgtrickle.pgt_log_segments LIMIT 1 \gset
SELECT may('regress_privileges_owner', format('SELECT * FROM %s', :'log'));
SELECT n, may('regress_privileges_other', format('CREATE TABLE %I.mine ()', n))
FROM unnest(ARRAY['pgtrickle', 'pgtrickle_query', 'pgtrickle_changes', 'pgtrickle_state']) n;

-- Neither do the owners of source and stream table change them: what is read
-- there is not looked at twice, and a log is the business of many.
CREATE UNLOGGED TABLE volatile_sales (id int PRIMARY KEY, region text);
ALTER TABLE volatile_sales OWNER TO regress_privileges_owner;
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('of_volatile', 'SELECT region, max(id) FROM volatile_sales GROUP BY region');
RESET ROLE;
SET client_min_messages = error; -- GRANT warns that it grants nothing
SELECT regexp_replace(c.relname, '[0-9_]+$', '') AS part, said, count(*)
FROM pg_class c, unnest('{SELECT FROM %s,INSERT INTO %s SELECT,DELETE FROM %s,TRUNCATE %s,ALTER TABLE %s ADD x int,
		GRANT ALL ON %s TO CURRENT_USER,CREATE INDEX ON %s ((1)),
		CREATE RULE r AS ON DELETE TO %s DO NOTHING,DROP TABLE %s CASCADE}'::text[]) WITH ORDINALITY AS d (command, n),
	may('regress_privileges_owner', format(command, c.oid::regclass)) may,
	regexp_replace(may, '[0-9_]+$', '') said
WHERE relnamespace IN ('pgtrickle_changes'::regnamespace, 'pgtrickle_state'::regnamespace) AND relkind = 'r'
	AND has_table_privilege('regress_privileges_owner', c.oid, 'SELECT')
GROUP BY part, d.n, said ORDER BY part, d.n;
SET client_min_messages = warning;
-- To read them ends with ownership, by whatever command.
CREATE ROLE regress_privileges_heir;
GRANT CREATE ON SCHEMA public TO regress_privileges_heir;
CREATE TABLE bequeathed (id int PRIMARY KEY, region text);
ALTER TABLE bequeathed OWNER TO regress_privileges_heir;
SET ROLE regress_privileges_heir;
SELECT pgtrickle.create_stream_table('of_bequeathed', 'SELECT region, max(id) FROM bequeathed GROUP BY region');
RESET ROLE;
REASSIGN OWNED BY regress_privileges_heir TO regress_privileges_owner;
SELECT regexp_replace(c.relname, '[0-9_]+$', '') AS part, grantee::regrole AS reader, count(*)
FROM pg_class c, aclexplode(relacl)
WHERE relnamespace IN ('pgtrickle_changes'::regnamespace, 'pgtrickle_state'::regnamespace)
	AND grantee <> relowner GROUP BY 1, 2 ORDER BY 1, 2;
DROP OWNED BY regress_privileges_heir;
DROP ROLE regress_privileges_heir;
INSERT INTO bequeathed VALUES (1, 'north');
SELECT trickle_test.same_as_query('of_bequeathed');
DROP TABLE bequeathed CASCADE;
DROP TABLE volatile_sales CASCADE;

-- A refresh runs with the owner's rights, whoever asks: the superuser's are not lent.
CREATE TABLE secrets (secret text);
INSERT INTO secrets VALUES ('xyzzy');
CREATE SCHEMA stolen;
GRANT ALL ON SCHEMA stolen TO regress_privileges_owner;
SET ROLE regress_privileges_owner;
CREATE TABLE stolen.loot (loot text);
CREATE FUNCTION stolen.steal(a int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO stolen.loot SELECT current_user || ': ' || secret FROM public.secrets;
	RETURN a;
END $$;
SELECT pgtrickle.create_stream_table('thief', 'SELECT id, stolen.steal(amount) AS a FROM sales',
	refresh_mode => 'FULL', initialize => false);
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('thief');
SELECT count(*) FROM pgtrickle.verify_stream_table('thief');
-- It is security-restricted: nothing that outlives the refresh can be planted.
SET ROLE regress_privileges_owner;
CREATE OR REPLACE FUNCTION stolen.steal(a int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', 'postgres', false);
	RETURN a;
END $$;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('thief');
SET ROLE regress_privileges_owner;
CREATE OR REPLACE FUNCTION stolen.steal(a int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE planted ();
	RETURN a;
END $$;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('thief');
SET ROLE regress_privileges_owner;
CREATE OR REPLACE FUNCTION stolen.steal(a int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO stolen.loot VALUES (current_user || ' ' || current_setting('search_path'));
	RETURN a;
END $$;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('thief');
SELECT DISTINCT loot FROM stolen.loot;
SELECT current_user, current_setting('search_path');
-- Triggers on the stream table run as its owner, too.
SET ROLE regress_privileges_owner;
CREATE FUNCTION stolen.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO stolen.loot VALUES ('trigger as ' || current_user);
	RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON totals FOR EACH ROW EXECUTE FUNCTION stolen.tell();
TRUNCATE stolen.loot;
RESET ROLE;
INSERT INTO sales VALUES (3, 'west', 5);
SELECT pgtrickle.refresh_stream_table('totals');
SELECT * FROM stolen.loot;

-- A privilege that is lost is missed at the next refresh, of whoever owns it.
REVOKE SELECT ON sales FROM regress_privileges_owner;
SELECT pgtrickle.refresh_stream_table('totals');
INSERT INTO sales VALUES (4, 'west', 6);
SELECT pgtrickle.refresh_stream_table('totals');
SELECT * FROM totals ORDER BY region;
GRANT SELECT (id, region) ON sales TO regress_privileges_owner;
SELECT pgtrickle.refresh_stream_table('totals');
GRANT SELECT (amount) ON sales TO regress_privileges_owner;
SELECT pgtrickle.refresh_stream_table('totals');
SELECT * FROM totals ORDER BY region;

-- Views are read with the rights of their owners, as ever.
CREATE VIEW windows AS SELECT secret FROM secrets;
GRANT SELECT ON windows TO regress_privileges_owner;
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('through', 'SELECT secret FROM windows');
RESET ROLE;
GRANT TRIGGER ON secrets TO regress_privileges_owner;
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('through', 'SELECT secret FROM windows');
SELECT * FROM through;
SELECT may('regress_privileges_owner', 'SELECT * FROM secrets');
RESET ROLE;

-- Objects in public that look like built-ins are never called.
CREATE TABLE called (what text);
GRANT INSERT ON called TO PUBLIC;
CREATE FUNCTION public.fake() RETURNS boolean LANGUAGE sql VOLATILE AS
	$$INSERT INTO public.called VALUES ('an operator'); SELECT false$$;
CREATE FUNCTION public.fake(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT public.fake()';
CREATE FUNCTION public.fake(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT public.fake()';
CREATE FUNCTION public.fake(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT public.fake()::int::bigint';
CREATE FUNCTION public.fake(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT public.fake()';
CREATE OPERATOR public.= (FUNCTION = public.fake, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR public.= (FUNCTION = public.fake, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR public.= (FUNCTION = public.fake, LEFTARG = oid, RIGHTARG = oid);
CREATE OPERATOR public.* (FUNCTION = public.fake, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR public.+ (FUNCTION = public.fake, LEFTARG = bigint, RIGHTARG = bigint);
CREATE FUNCTION public.sum(int) RETURNS bigint LANGUAGE sql AS 'SELECT public.fake()::int::bigint';
CREATE FUNCTION public.pg_event_trigger_dropped_objects() RETURNS text LANGUAGE sql AS 'SELECT public.fake()::text';
CREATE FUNCTION public.key_hash(VARIADIC text[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE DOMAIN public.int8 AS text;
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, customer text, amount int);
INSERT INTO shop.orders VALUES (1, 'Ann', 10), (2, 'Bob', 20);
SET search_path = public, pg_catalog;
SELECT pgtrickle.create_stream_table('spent', 'SELECT o.customer, pg_catalog.sum(o.amount) AS total
	FROM shop.orders o JOIN shop.orders p ON o.id OPERATOR(pg_catalog.=) p.id GROUP BY o.customer');
INSERT INTO shop.orders VALUES (3, 'Ann', 5);
UPDATE shop.orders SET amount = 1 WHERE id OPERATOR(pg_catalog.=) 2;
SELECT pgtrickle.refresh_stream_table('spent');
SELECT * FROM spent ORDER BY customer;
SELECT count(*) FROM pgtrickle.verify_stream_table('spent', true);
SELECT count(*) FROM pgtrickle.pgt_status() WHERE name OPERATOR(pg_catalog.=) 'public.spent';
SELECT count(*) FROM pgtrickle.explain_st('spent', true) WHERE property OPERATOR(pg_catalog.=) 'query';
SELECT pgtrickle.alter_stream_table('spent', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('spent', refresh_mode => 'AUTO');
SELECT pgtrickle.repair_stream_table('spent');
SELECT count(*) FROM pgtrickle.validate_query('SELECT id FROM shop.orders');
ALTER TABLE spent RENAME TO money;
SELECT pgtrickle.drop_stream_table('money');
SELECT * FROM called;
RESET search_path;

-- Who owns the database no longer has no longer what its owner may.
CREATE TABLE of_database (a int);
GRANT SELECT, TRIGGER ON of_database TO pg_database_owner;
SELECT format('ALTER DATABASE %I OWNER TO', current_database()) AS alter_database \gset
:alter_database regress_privileges_owner;
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('from_database', 'SELECT a FROM of_database');
SELECT pgtrickle.refresh_stream_table('from_database');
RESET ROLE;
:alter_database CURRENT_USER;
INSERT INTO of_database VALUES (1);
SELECT pgtrickle.refresh_stream_table('from_database');
DROP TABLE of_database CASCADE;

-- Row-level security of the sources holds for the owner.
CREATE TABLE notes (id int PRIMARY KEY, author text, note text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (author = current_user);
GRANT ALL ON notes TO regress_privileges_owner;
INSERT INTO notes VALUES (1, 'regress_privileges_owner', 'mine'), (2, 'postgres', 'not mine');
SET ROLE regress_privileges_owner;
SELECT pgtrickle.create_stream_table('my_notes', 'SELECT id, note FROM notes');
RESET ROLE;
INSERT INTO notes VALUES (3, 'regress_privileges_owner', 'mine too'), (4, 'postgres', 'hidden');
SELECT pgtrickle.refresh_stream_table('my_notes');
SELECT * FROM my_notes ORDER BY id;
SELECT count(*) FROM pgtrickle.verify_stream_table('my_notes');

-- An error of a delta quotes rows: it is recorded for the owner, apart from the
-- reason, and is no error of the refresh.
CREATE TABLE lefts (k int, x text, id int PRIMARY KEY);
CREATE TABLE rights (k int PRIMARY KEY, y text);
INSERT INTO lefts VALUES (1, '5', 1);
INSERT INTO rights VALUES (1, '7'), (2, '8');
SELECT pgtrickle.create_stream_table('joined',
	'SELECT l.id, (l.x || r.y)::int AS v FROM lefts l JOIN rights r USING (k)', 'manual', 'DIFFERENTIAL');
UPDATE lefts SET k = 2;
UPDATE rights SET y = 'topsecret' WHERE k = 1;
SELECT pgtrickle.refresh_stream_table('joined');
SELECT action, status, refresh_reason, error_message FROM pgtrickle.get_refresh_history('joined', 1);
SELECT * FROM pgtrickle.diagnose_errors('joined');
GRANT SELECT ON joined TO regress_privileges_reader;
GRANT pg_monitor TO regress_privileges_other;
CREATE FUNCTION told(OUT role name, OUT by text) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT current_user, f.name FROM (VALUES
		('get_refresh_history', (SELECT string_agg(h::text, '') FROM pgtrickle.get_refresh_history('joined') h)),
		('refresh_timeline', (SELECT string_agg(h::text, '') FROM pgtrickle.refresh_timeline() h)),
		('pgt_status', (SELECT string_agg(h::text, '') FROM pgtrickle.pgt_status() h)),
		('stream_tables_info', (SELECT string_agg(h::text, '') FROM pgtrickle.stream_tables_info() h)),
		('health_check', (SELECT string_agg(h::text, '') FROM pgtrickle.health_check() h)),
		('status_page', pgtrickle.status_page())) f (name, answer)
	WHERE answer ~ 'topsecret|22P02|id, '
$$;
SELECT * FROM told();
SET ROLE regress_privileges_reader;
SELECT * FROM told();
SET ROLE regress_privileges_other;
SELECT * FROM told();
RESET ROLE;
REVOKE pg_monitor FROM regress_privileges_other;

DROP TABLE lefts, rights CASCADE;
DROP SCHEMA shop, stolen CASCADE;
DROP TABLE sales, secrets, notes, read_only CASCADE;
DROP OWNED BY regress_privileges_owner, regress_privileges_reader, regress_privileges_other;
DROP ROLE regress_privileges_owner, regress_privileges_reader, regress_privileges_other;
