-- Many stream tables by one call.
\i trickle_test.sql
SET client_min_messages = notice;
CREATE TABLE t (k int, v int);
INSERT INTO t VALUES (1, 10), (2, 20);
CREATE SCHEMA s;

-- In the order in which they read each other, whatever the order given.
SELECT pgtrickle.bulk_create($$[
	{"name": "top", "query": "SELECT count(*) AS n FROM (SELECT 1 FROM \"s\".middle JOIN bottom USING (k)) q"},
	{"name": "s.middle", "query": "WITH b AS (SELECT k FROM bottom) SELECT b.k FROM b JOIN t USING (k)",
	 "schedule": "1h", "refresh_mode": "DIFFERENTIAL"},
	{"name": "bottom", "query": "SELECT k, v FROM t", "initialize": true, "fuse_ceiling": 1000, "tier": null}
]$$);
SELECT pgt_relid, schedule, refresh_mode, tier, fuse_ceiling FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
SELECT * FROM top;
-- A name of a CTE that looks like another of the call does no harm.
SELECT pgtrickle.bulk_create($$[
	{"name": "x", "query": "WITH y AS (SELECT k FROM t) SELECT k FROM y"},
	{"name": "y", "query": "SELECT k FROM x"}
]$$);
SELECT pgtrickle.bulk_create($$[
	{"name": "after", "query": "WITH z AS (SELECT k FROM z) SELECT k FROM z"},
	{"name": "first", "query": "WITH RECURSIVE a AS (SELECT k FROM t), after AS (SELECT k FROM a) SELECT k FROM after",
	 "refresh_mode": "FULL"},
	{"name": "z", "query": "SELECT k FROM first"}
]$$);
SELECT pgtrickle.bulk_create('[]');

-- All or none; the error says where.
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t"}, {"name": "b", "query": "SELECT missing FROM t"}]');
SELECT to_regclass('a') IS NULL AS none;
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t"}, {"name": "a", "query": "SELECT v FROM t"}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM b"}, {"name": "b", "query": "SELECT k FROM a"}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM a"}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELEC k FROM t"}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t", "mode": "AUTO"}]');
SELECT pgtrickle.bulk_create('[{"name": "a"}]');
SELECT pgtrickle.bulk_create('[{"query": "SELECT k FROM t"}]');
SELECT pgtrickle.bulk_create('[{"name": null, "query": "SELECT k FROM t"}]');
SELECT pgtrickle.bulk_create('[{"name": "", "query": "SELECT k FROM t"}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t", "initialize": "perhaps"}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t", "fuse_ceiling": 1.5}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t", "fuse_ceiling": -1}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t", "schedule": ["1h"]}]');
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t", "schedule": "often"}]');
SELECT pgtrickle.bulk_create('[1]');
SELECT pgtrickle.bulk_create('["a"]');
SELECT pgtrickle.bulk_create('[[]]');
SELECT pgtrickle.bulk_create('{"name": "a"}');
SELECT pgtrickle.bulk_create('1');
SELECT pgtrickle.bulk_create('null');
SELECT pgtrickle.bulk_create(NULL);
SELECT to_regclass('a') IS NULL AS none;

-- The same change to several, each once.
SELECT pgtrickle.bulk_alter_stream_tables('{top,s.middle,public.top}', '{"schedule": "5m", "tier": "cold"}');
SELECT pgt_relid, schedule, tier FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
SELECT pgtrickle.bulk_alter_stream_tables('{x,y}', '{"status": "SUSPENDED"}');
SELECT pgt_relid, status FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
SELECT pgtrickle.bulk_alter_stream_tables('{}', '{"tier": "hot"}');
SELECT pgtrickle.bulk_alter_stream_tables('{x,y}', '{}');
SELECT pgtrickle.bulk_alter_stream_tables('{x,y}', '{"tier": "lukewarm"}');
SELECT pgtrickle.bulk_alter_stream_tables('{x,y}', '{"name": "z"}');
SELECT pgtrickle.bulk_alter_stream_tables('{x,y}', '{"colour": "red"}');
SELECT pgtrickle.bulk_alter_stream_tables('{x,y}', '[]');
SELECT pgtrickle.bulk_alter_stream_tables('{x,y}', '"hot"');
SELECT pgtrickle.bulk_alter_stream_tables('{x,t}', '{"tier": "hot"}');
SELECT pgtrickle.bulk_alter_stream_tables('{x,missing}', '{"tier": "hot"}');
SELECT pgtrickle.bulk_alter_stream_tables('{x,NULL}', '{"tier": "hot"}');
SELECT pgtrickle.bulk_alter_stream_tables(NULL, '{}');
SELECT pgtrickle.bulk_alter_stream_tables('{x}', NULL);

-- Dropping, in any order; what others read stays, or nothing goes.
SELECT pgtrickle.bulk_drop_stream_tables('{bottom,top}');
SELECT pgtrickle.bulk_drop_stream_tables('{bottom,t}');
SELECT pgtrickle.bulk_drop_stream_tables('{bottom,missing}');
SELECT pgtrickle.bulk_drop_stream_tables('{NULL}');
SELECT pgtrickle.bulk_drop_stream_tables(NULL);
SELECT pgtrickle.bulk_drop_stream_tables('{}');
SELECT pgtrickle.bulk_drop_stream_tables('{bottom,top,s.middle,bottom}');
SELECT pgt_relid FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;

-- With the rights of the caller.
CREATE ROLE regress_bulk_user;
GRANT CREATE ON SCHEMA public TO regress_bulk_user;
SET ROLE regress_bulk_user;
SELECT pgtrickle.bulk_create('[{"name": "a", "query": "SELECT k FROM t"}]');
SELECT pgtrickle.bulk_alter_stream_tables('{y}', '{"tier": "hot"}');
SELECT pgtrickle.bulk_drop_stream_tables('{y}');
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM regress_bulk_user;
DROP ROLE regress_bulk_user;
