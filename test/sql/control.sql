-- Pausing, draining, gates, watermarks and fuses: what they do to refreshes on
-- request, who may use them, and what they refuse.
\i trickle_test.sql
\set SHOW_CONTEXT never
CREATE ROLE regress_control_owner;
CREATE ROLE regress_control_other;
GRANT CREATE ON SCHEMA public TO regress_control_owner;
SET ROLE regress_control_owner;
CREATE TABLE orders (id int, amount int);
CREATE TABLE payments (id int, paid int);
CREATE TABLE unread (id int);
CREATE VIEW big_orders AS SELECT * FROM orders WHERE amount > 10;
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
SELECT pgtrickle.create_stream_table('by_id', 'SELECT id, sum(amount) AS amount FROM orders GROUP BY id', 'manual');
SELECT pgtrickle.create_stream_table('paid_by_id', 'SELECT id, sum(paid) AS paid FROM payments GROUP BY id', 'manual');
SELECT pgtrickle.create_stream_table('balance', 'SELECT id, amount, paid FROM by_id JOIN paid_by_id USING (id)', 'manual');
SELECT pgtrickle.create_stream_table('big', 'SELECT id FROM big_orders', 'manual');
SELECT pgtrickle.create_stream_table('all_parted', 'SELECT id FROM parted', 'manual');
RESET ROLE;
SET client_min_messages = notice;

-- Pausing is for the owner of the database; it is a row, and idempotent.
SET ROLE regress_control_owner;
SELECT pgtrickle.pause_scheduler();
SELECT pgtrickle.resume_scheduler();
SELECT pgtrickle.drain();
SELECT pgtrickle.is_drained();
RESET ROLE;
SELECT pgtrickle.pause_scheduler();
SELECT pgtrickle.pause_scheduler();
SELECT state, set_by = current_user AS by_me, since <= now() AS past FROM pgtrickle.pgt_control;
SELECT pgtrickle.refresh_stream_table('by_id');
SELECT pgtrickle.resume_scheduler();
SELECT pgtrickle.resume_scheduler();
SELECT count(*) FROM pgtrickle.pgt_control;
SELECT current_database() AS database \gset
SELECT datdba::regrole AS former_owner FROM pg_database WHERE datname = current_database() \gset
ALTER DATABASE :"database" OWNER TO regress_control_owner;
SET ROLE regress_control_owner;
SELECT pgtrickle.pause_scheduler();
SELECT pgtrickle.resume_scheduler();
RESET ROLE;
ALTER DATABASE :"database" OWNER TO :"former_owner";
BEGIN READ ONLY;
SELECT pgtrickle.pause_scheduler();
ROLLBACK;

-- Drained: no refresh of any kind, until it is resumed.
SELECT pgtrickle.drain(-1);
SELECT pgtrickle.drain(NULL);
SELECT pgtrickle.is_drained();
SELECT pgtrickle.drain(2147483647);
SELECT pgtrickle.is_drained();
SELECT pgtrickle.drain(0);
SELECT pgtrickle.refresh_stream_table('by_id');
SELECT pgtrickle.refresh_if_stale('by_id', '0 seconds');
SELECT pgtrickle.refresh_if_stale('by_id', '-1 second');
SELECT pgtrickle.write_and_refresh('INSERT INTO orders VALUES (9, 9)', 'by_id');
SELECT * FROM pgtrickle.verify_stream_table('by_id');
SELECT pgtrickle.repair_stream_table('by_id');
SELECT pgtrickle.create_stream_table('another', 'SELECT id FROM orders');
SELECT pgtrickle.create_stream_table('another', 'SELECT id FROM orders', initialize => false);
SELECT pgtrickle.drop_stream_table('another');
INSERT INTO orders VALUES (1, 20);
BEGIN;
SELECT pgtrickle.resume_scheduler();
SELECT pgtrickle.refresh_stream_table('by_id');
COMMIT;
TABLE by_id;

-- What is taken back was never there.
BEGIN;
SELECT pgtrickle.refresh_stream_table('by_id');
SAVEPOINT s;
SELECT pgtrickle.drain();
SELECT pgtrickle.is_drained();
ROLLBACK TO s;
SELECT pgtrickle.is_drained();
SELECT pgtrickle.refresh_stream_table('by_id');
ROLLBACK;
SELECT pgtrickle.is_drained();

-- A refresh that is prepared is running.
BEGIN;
SELECT pgtrickle.refresh_stream_table('by_id');
PREPARE TRANSACTION 'regress_control';
SELECT pgtrickle.drain(0);
SELECT pgtrickle.drain(1);
SELECT pgtrickle.is_drained();
ROLLBACK PREPARED 'regress_control';
SELECT pgtrickle.is_drained();
SELECT pgtrickle.resume_scheduler();
-- A drain that is prepared holds at once, too.
BEGIN;
SELECT pgtrickle.drain(0);
PREPARE TRANSACTION 'regress_control';
SELECT pgtrickle.refresh_stream_table('by_id');
SELECT pgtrickle.is_drained();
COMMIT PREPARED 'regress_control';
SELECT pgtrickle.refresh_stream_table('by_id');
SELECT pgtrickle.is_drained();
-- Cancelled while it waits, drain() leaves nothing behind.
SELECT pgtrickle.resume_scheduler();
BEGIN;
SELECT pgtrickle.refresh_stream_table('by_id');
PREPARE TRANSACTION 'regress_control';
SET statement_timeout = '100ms';
SELECT pgtrickle.drain();
RESET statement_timeout;
SELECT count(*) FROM pgtrickle.pgt_control;
SHOW lock_timeout;
ROLLBACK PREPARED 'regress_control';

-- lock_timeout is as it was.
SET lock_timeout = '7s';
SELECT pgtrickle.drain(1);
SHOW lock_timeout;
RESET lock_timeout;
SELECT pgtrickle.resume_scheduler();

-- Gates: by name or relation; a refresh on request takes what there is.
SET ROLE regress_control_owner;
SELECT pgtrickle.gate_source('orders');
SELECT pgtrickle.gate_source('public.orders'::regclass);
SELECT source_table, gated_by, gated_at <= now() AS past, held FROM pgtrickle.source_gates();
INSERT INTO orders VALUES (2, 30);
SELECT pgtrickle.refresh_stream_table('by_id');
REFRESH MATERIALIZED VIEW by_id;
SELECT pgtrickle.refresh_stream_table('balance');
SELECT pgtrickle.refresh_stream_table('paid_by_id');
SELECT pgtrickle.gate_source('big_orders');
SELECT pgtrickle.gate_source('by_id');
SELECT source_table, held FROM pgtrickle.source_gates();
SELECT pgtrickle.ungate_source('by_id');
SELECT pgtrickle.ungate_source('big_orders'::regclass);
SELECT pgtrickle.ungate_source('orders');
SELECT pgtrickle.ungate_source('orders');
SELECT * FROM pgtrickle.source_gates();

-- Whoever is not the owner of the source may not, nor see what he may not read.
SELECT pgtrickle.gate_source('orders');
SET ROLE regress_control_other;
SELECT pgtrickle.gate_source('orders');
SELECT pgtrickle.gate_source('orders'::regclass);
SELECT pgtrickle.ungate_source('orders');
SELECT * FROM pgtrickle.source_gates();
RESET ROLE;
GRANT SELECT ON orders TO regress_control_other;
SET ROLE regress_control_other;
SELECT source_table, held FROM pgtrickle.source_gates();
SET ROLE regress_control_owner;
SELECT pgtrickle.gate_source('missing');
SELECT pgtrickle.gate_source('nowhere.missing');
SELECT pgtrickle.gate_source('a.b.c.d');
SELECT pgtrickle.gate_source('');
SELECT pgtrickle.gate_source(4294967295::regclass);
SELECT pgtrickle.gate_source('unread');
SELECT pgtrickle.gate_source('parted_1');
SELECT pgtrickle.gate_source('parted');
SELECT pgtrickle.gate_source(NULL::text);
SELECT pgtrickle.gate_source(NULL::regclass);
SELECT pgtrickle.ungate_source(NULL::text);
CREATE SEQUENCE sequence;
SELECT pgtrickle.gate_source('sequence');
SELECT pgtrickle.gate_source('pg_class');
BEGIN READ ONLY;
SELECT pgtrickle.ungate_source('orders');
ROLLBACK;

-- Watermarks: never backwards, equal is nothing, gone with their transaction.
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SELECT pgtrickle.advance_watermark('orders', '2024-06-01 12:00+00');
BEGIN;
SELECT pgtrickle.advance_watermark('orders'::regclass, '2024-06-02 12:00+00');
ROLLBACK;
SELECT advanced_at AS before FROM pgtrickle.watermarks() \gset
SELECT pgtrickle.advance_watermark('orders', '2024-06-01 12:00+00');
SELECT source_table, watermark, advanced_at = :'before' AS as_before, advanced_by FROM pgtrickle.watermarks();
SELECT pgtrickle.advance_watermark('orders', '2024-06-01 11:59:59.999999+00');
SELECT pgtrickle.advance_watermark('orders', 'infinity');
SELECT pgtrickle.advance_watermark('orders', '-infinity');
SELECT pgtrickle.advance_watermark('orders', NULL);
SELECT pgtrickle.advance_watermark(NULL::text, now());
SELECT pgtrickle.advance_watermark('missing', now());
SELECT pgtrickle.advance_watermark('by_id', now());
SELECT pgtrickle.advance_watermark('unread', '2024-01-01');
SET ROLE regress_control_other;
SELECT pgtrickle.advance_watermark('orders', now());
SELECT source_table FROM pgtrickle.watermarks();
SET ROLE regress_control_owner;

-- Groups.
SELECT pgtrickle.create_watermark_group('sales', '{orders,payments}', 60);
SELECT * FROM pgtrickle.watermark_status() \gx
SELECT pgtrickle.advance_watermark('payments', '2024-06-01 11:00+00');
SELECT is_aligned, lag_secs, missing, held FROM pgtrickle.watermark_status();
SELECT pgtrickle.advance_watermark('payments', '2024-06-01 11:59+00');
SELECT is_aligned, lag_secs, missing, held FROM pgtrickle.watermark_status();
SELECT pgtrickle.advance_watermark('payments', '2024-06-01 12:01:00.000001+00');
SELECT is_aligned, lag_secs, missing, held FROM pgtrickle.watermark_status();
-- A refresh on request does not wait for it.
SELECT pgtrickle.refresh_stream_table('balance');
SET ROLE regress_control_other;
SELECT group_name FROM pgtrickle.watermark_status();
SELECT pgtrickle.drop_watermark_group('sales');
SELECT pgtrickle.create_watermark_group('mine', '{orders,payments}');
SET ROLE regress_control_owner;
SELECT pgtrickle.create_watermark_group('sales', '{orders,unread}');
SELECT pgtrickle.create_watermark_group('one', '{orders}');
SELECT pgtrickle.create_watermark_group('none', '{}');
SELECT pgtrickle.create_watermark_group('twice', '{orders,public.orders}');
SELECT pgtrickle.create_watermark_group('nulls', '{orders,NULL}');
SELECT pgtrickle.create_watermark_group('missing', '{orders,missing}');
SELECT pgtrickle.create_watermark_group('stream', '{orders,by_id}');
SELECT pgtrickle.create_watermark_group('', '{orders,payments}');
SELECT pgtrickle.create_watermark_group('negative', '{orders,payments}', -1);
SELECT pgtrickle.create_watermark_group('nan', '{orders,payments}', 'NaN');
SELECT pgtrickle.create_watermark_group('infinite', '{orders,payments}', 'infinity');
SELECT pgtrickle.create_watermark_group(NULL, '{orders,payments}');
SELECT pgtrickle.create_watermark_group('null', NULL);
SELECT pgtrickle.create_watermark_group('null', '{orders,payments}', NULL);
SELECT pgtrickle.drop_watermark_group('missing');
SELECT pgtrickle.drop_watermark_group(NULL);
SELECT pgtrickle.drop_watermark_group('sales');
SELECT * FROM pgtrickle.watermark_status();
-- The whole range of timestamps.
CREATE TABLE first (id int);
CREATE TABLE last (id int);
SELECT pgtrickle.advance_watermark('first', '4713-01-01 BC'), pgtrickle.advance_watermark('last', '294276-12-31');
SELECT pgtrickle.create_watermark_group('ages', '{first,last}', 1);
SELECT is_aligned, lag_secs > 9.4e12 AS far FROM pgtrickle.watermark_status();

-- What is dropped takes its gate and its watermark along.
SELECT pgtrickle.create_watermark_group('three', '{first,orders,unread}');
DROP TABLE last;
SELECT group_name, source_tables FROM pgtrickle.watermark_status();
DROP TABLE first;
SELECT group_name, source_tables FROM pgtrickle.watermark_status();
SELECT source_table FROM pgtrickle.watermarks();
BEGIN;
SET LOCAL client_min_messages = warning;
DROP TABLE orders CASCADE;
SELECT group_name, source_tables FROM pgtrickle.watermark_status();
SELECT source_table FROM pgtrickle.watermarks();
SELECT source_table FROM pgtrickle.source_gates();
SELECT pgtrickle.drop_stream_table('all_parted');
DROP TABLE parted;
SELECT source_table FROM pgtrickle.source_gates();
ROLLBACK;
SELECT source_table FROM pgtrickle.source_gates();
DROP TABLE parted, unread CASCADE;
RESET ROLE;
-- The owner of the database may drop any group.
SET ROLE regress_control_owner;
SELECT pgtrickle.create_watermark_group('left', '{orders,payments}');
RESET ROLE;
SELECT pgtrickle.drop_watermark_group('left');

-- Fuses.
SELECT * FROM pgtrickle.fuse_status();
SET ROLE regress_control_owner;
SELECT pgtrickle.alter_stream_table('paid_by_id', fuse_ceiling => 5);
INSERT INTO payments SELECT i, i FROM generate_series(1, 3) i;
SELECT * FROM pgtrickle.fuse_status();
INSERT INTO payments SELECT i, i FROM generate_series(1, 9) i;
SELECT pgtrickle.refresh_stream_table('paid_by_id');
-- It has not blown, as that was on request.
SELECT * FROM pgtrickle.fuse_status();
SELECT pgtrickle.reset_fuse('paid_by_id');
SELECT action, delta_row_count, refresh_reason FROM pgtrickle.get_refresh_history('paid_by_id', 1);
SELECT pgtrickle.reset_fuse('paid_by_id', 'skip');
SELECT pgtrickle.reset_fuse('paid_by_id', NULL);
SELECT pgtrickle.reset_fuse(NULL);
SELECT pgtrickle.reset_fuse('payments');
SELECT pgtrickle.reset_fuse('missing');
SET ROLE regress_control_other;
SELECT pgtrickle.reset_fuse('paid_by_id');
SELECT * FROM pgtrickle.fuse_status();
RESET ROLE;
GRANT SELECT ON paid_by_id TO regress_control_other;
SET ROLE regress_control_other;
SELECT * FROM pgtrickle.fuse_status();
RESET ROLE;
-- As if it had blown.
INSERT INTO payments SELECT i, i FROM generate_series(1, 9) i;
UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = '2024-06-01 12:00+00' WHERE pgt_relid = 'paid_by_id'::regclass;
SELECT * FROM pgtrickle.fuse_status();
SELECT pgtrickle.refresh_stream_table('paid_by_id');
SELECT pgtrickle.reset_fuse('paid_by_id', 'APPLY');
SELECT action, delta_row_count, refresh_reason FROM pgtrickle.get_refresh_history('paid_by_id', 1);
SELECT * FROM pgtrickle.fuse_status();
INSERT INTO payments SELECT i, i FROM generate_series(1, 9) i;
UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = '2024-06-01 12:00+00' WHERE pgt_relid = 'paid_by_id'::regclass;
SELECT pgtrickle.reset_fuse('paid_by_id', 'reinitialize');
SELECT action, refresh_reason FROM pgtrickle.get_refresh_history('paid_by_id', 1);
SELECT * FROM pgtrickle.fuse_status();
SELECT trickle_test.same_as_query('paid_by_id', 'NO_DATA');

SET client_min_messages = warning;
DROP OWNED BY regress_control_owner CASCADE;
SELECT count(*) FROM pgtrickle.pgt_source_gates;
SELECT count(*) FROM pgtrickle.pgt_watermarks;
DROP OWNED BY regress_control_other;
DROP ROLE regress_control_owner, regress_control_other;
