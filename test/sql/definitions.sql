-- Others are not told the definition of a stream table, nor rows of what it reads:
-- nothing of ours tells them, and an administrator can have the server's catalogs
-- keep it, too.
\i trickle_test.sql
\set SHOW_CONTEXT never
CREATE ROLE regress_definitions_owner;
CREATE ROLE regress_definitions_reader;
CREATE SCHEMA mine AUTHORIZATION regress_definitions_owner;
SET ROLE regress_definitions_owner;
CREATE TABLE mine.item (id int PRIMARY KEY, kind int, price numeric);
INSERT INTO mine.item VALUES (1, 1, 10), (2, 4711, 20);
SELECT pgtrickle.create_stream_table('mine.prices', 'SELECT kind, sum(price) AS price FROM mine.item WHERE kind <> 4711 GROUP BY kind', 'manual');
GRANT USAGE ON SCHEMA mine TO regress_definitions_reader;
GRANT SELECT ON mine.prices TO regress_definitions_reader;

-- Whatever of ours can be called with nothing or with a name, and whatever can be
-- selected from: what of it tells the number?
RESET ROLE;
CREATE FUNCTION tells(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	told text;
	detail text;
	hint text;
	context text;
BEGIN
	EXECUTE format('SELECT string_agg(x::text, '' '') FROM %s x', query) INTO told;
	RETURN coalesce(told ~ '4711', false);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS told = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
	RETURN concat(told, detail, hint, context) ~ '4711';
END $$;
CREATE VIEW ours AS
	SELECT format('pgtrickle.%I(%s)', proname,
		CASE WHEN pronargs > pronargdefaults THEN '''mine.prices''' END) AS what
	FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace AND prorettype NOT IN
			('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
		AND pronargs - pronargdefaults <= 1 AND provolatile <> 'i'
		AND proname !~ '^(drop|restart|drain)'
	UNION ALL
	SELECT oid::regclass::text FROM pg_class
	WHERE relnamespace::regnamespace::text ~ '^pgtrickle' AND relkind IN ('r', 'v', 'S', 'm');
GRANT SELECT ON ours TO PUBLIC;
SELECT count(*) > 60 AS many FROM ours;

SET ROLE regress_definitions_reader;
BEGIN;
SET LOCAL client_min_messages = error;
SELECT what FROM ours WHERE tells(what);
ROLLBACK;
-- The test is one: the owner is told.
SET ROLE regress_definitions_owner;
BEGIN;
SET LOCAL client_min_messages = error;
SELECT what FROM ours WHERE tells(what) ORDER BY what COLLATE "C";
ROLLBACK;

-- Who refreshes what reads it refreshes it, too.  Its errors, and whatever else the
-- server may say about it, quote rows and queries.
SET ROLE regress_definitions_owner;
CREATE FUNCTION mine.check_price(price numeric) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	RAISE NOTICE 'the price is %', price;
	RETURN 100 / (price - 4711)::int;
END $$;
SELECT pgtrickle.create_stream_table('mine.checked', 'SELECT id, mine.check_price(price) AS c FROM mine.item', 'manual', 'FULL');
GRANT SELECT ON mine.checked TO regress_definitions_reader;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_definitions_reader;
SET ROLE regress_definitions_reader;
SELECT pgtrickle.create_stream_table('above', 'SELECT p.kind, c.c FROM mine.prices p, mine.checked c', 'manual', 'FULL', initialize => false);
SET client_min_messages = notice;
SELECT pgtrickle.refresh_stream_table('above');
RESET ROLE;
UPDATE mine.item SET price = 4711 WHERE id = 1;
SET ROLE regress_definitions_reader;
SELECT pgtrickle.refresh_stream_table('above');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.refresh_if_stale('above', '0');
SELECT count(*) FROM pgtrickle.verify_stream_table('above');
-- The owner is told.
SET ROLE regress_definitions_owner;
SELECT pgtrickle.refresh_stream_table('mine.checked');
UPDATE mine.item SET price = 10 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('mine.checked');
RESET ROLE;
RESET client_min_messages;
DROP TABLE above;

-- The text of any view is PostgreSQL's to show; an administrator can end that, and we
-- do without.
RESET ROLE;
REVOKE SELECT ON pg_catalog.pg_rewrite FROM PUBLIC;
REVOKE USAGE ON SCHEMA pgtrickle_query FROM PUBLIC;
GRANT USAGE ON SCHEMA pgtrickle_query TO regress_definitions_owner;
SET ROLE regress_definitions_reader;
SELECT definition FROM pg_views WHERE schemaname = 'pgtrickle_query';
SELECT pg_get_viewdef(oid) FROM pg_class WHERE relnamespace = 'pgtrickle_query'::regnamespace;
SELECT ev_action FROM pg_rewrite;
SELECT count(view_definition) FROM information_schema.views WHERE table_schema = 'pgtrickle_query';
SELECT * FROM pgtrickle_query.prices_1;
SELECT * FROM mine.prices;
\c
SET ROLE regress_definitions_owner;
INSERT INTO mine.item VALUES (3, 1, 5), (4, 2, 7);
SELECT pgtrickle.refresh_stream_table('mine.prices');
SELECT * FROM mine.prices ORDER BY kind;
ALTER TABLE mine.item RENAME kind TO sort;
SELECT pgtrickle.alter_stream_table('mine.prices', query => 'SELECT sort AS kind, sum(price) AS price FROM mine.item GROUP BY sort');
SELECT * FROM mine.prices ORDER BY kind;
SELECT pgtrickle.export_definition('mine.prices') ~ 'GROUP BY item.sort' AS exported;
SELECT value FROM pgtrickle.explain_st('mine.prices') WHERE property = 'query';
SELECT * FROM pgtrickle.verify_stream_table('mine.prices');
SELECT pgtrickle.drop_stream_table('mine.prices');

RESET ROLE;
GRANT SELECT ON pg_catalog.pg_rewrite TO PUBLIC;
GRANT USAGE ON SCHEMA pgtrickle_query TO PUBLIC;
DROP SCHEMA mine CASCADE;
DROP OWNED BY regress_definitions_owner, regress_definitions_reader;
DROP ROLE regress_definitions_owner, regress_definitions_reader;
