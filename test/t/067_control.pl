# What holds automatic refreshes back, with a scheduler that would do them: pause,
# drain, gates, watermark groups.  What they hide is never seen, not even for a
# moment, and comes when they are gone.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 12
	max_prepared_transactions = 5});
$node->start;

# Two sources that are refreshed at once.  Each version that a stream table ever
# had is written down by a trigger on it.
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE held (v int);
	CREATE TABLE other (v int);
	CREATE TABLE seen (name text, a bigint, b bigint);
	SELECT pgtrickle.create_stream_table('held_sum', 'SELECT coalesce(sum(v), 0) AS s FROM held', '0s');
	SELECT pgtrickle.create_stream_table('above', 'SELECT s + 1 AS s FROM held_sum', '0s');
	SELECT pgtrickle.create_stream_table('other_sum', 'SELECT coalesce(sum(v), 0) AS s FROM other', '0s');
	CREATE FUNCTION note_sum() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO public.seen VALUES (TG_TABLE_NAME, NEW.s); RETURN NULL; END $$;
	CREATE TRIGGER note AFTER INSERT OR UPDATE ON held_sum FOR EACH ROW EXECUTE FUNCTION note_sum();});

# Writes to the other source, and waits until its stream table shows that: by
# then everything that is due has been seen to.
my $other = 0;

sub pass_time
{
	my ($name) = @_;

	$other++;
	$node->safe_psql('postgres', 'INSERT INTO other VALUES (1)');
	wait_for_query($node, 'TABLE other_sum', "$other", "$name: others are refreshed");
	$node->safe_psql('postgres', 'SELECT pg_sleep(0.2)');
	return;
}

sub held_is
{
	my ($sum, $name) = @_;

	is($node->safe_psql('postgres', 'SELECT h.s, a.s FROM held_sum h, above a'),
		$sum . '|' . ($sum + 1), $name);
	return;
}

sub wait_for_held
{
	my ($sum, $name) = @_;

	wait_for_query($node, 'SELECT h.s, a.s FROM held_sum h, above a', $sum . '|' . ($sum + 1), $name);
	return;
}

sub write_held
{
	$node->safe_psql('postgres', 'INSERT INTO held VALUES (1)');
	return;
}

my $no_errors = q{SELECT count(*) FROM pgtrickle.pgt_stream_tables
	WHERE consecutive_errors > 0 OR last_error_message IS NOT NULL OR status <> 'ACTIVE'};

write_held();
wait_for_held(1, 'refreshed by itself');

# ---- pause ----

$node->safe_psql('postgres', 'SELECT pgtrickle.pause_scheduler()');
write_held();
$node->safe_psql('postgres', 'SELECT pg_sleep(0.5)');
held_is(1, 'paused: nothing is refreshed');
$node->restart;
$node->safe_psql('postgres', 'SELECT pg_sleep(0.5)');
held_is(1, 'nor after a restart');
$node->safe_psql('postgres', q{SELECT pgtrickle.refresh_stream_table('above')});
held_is(2, 'but on request');
write_held();
$node->safe_psql('postgres', 'BEGIN; SELECT pgtrickle.resume_scheduler(); ROLLBACK');
$node->safe_psql('postgres', 'SELECT pg_sleep(0.5)');
held_is(2, 'a resume that is rolled back');
$node->safe_psql('postgres', 'SELECT pgtrickle.resume_scheduler()');
wait_for_held(3, 'resumed: refreshed, without another change');

# ---- drain ----

is($node->safe_psql('postgres', 'SELECT pgtrickle.drain(10)'), 't', 'drained');
write_held();
$node->safe_psql('postgres', 'SELECT pg_sleep(0.5)');
held_is(3, 'nothing is refreshed');
$node->restart;
is($node->safe_psql('postgres', 'SELECT pgtrickle.is_drained()'), 't', 'drained after a restart');
$node->safe_psql('postgres', 'SELECT pg_sleep(0.5)');
held_is(3, 'nothing is refreshed then');
$node->safe_psql('postgres', 'SELECT pgtrickle.resume_scheduler()');
wait_for_held(4, 'resumed');

# One that is under way holds, and lets go when it is rolled back: nobody tells.
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN; SELECT pgtrickle.drain(10)');
write_held();
$node->safe_psql('postgres', 'SELECT pg_sleep(0.5)');
held_is(4, 'drained by a transaction that is not committed');
$session->query_safe('ROLLBACK');
wait_for_held(5, 'and then rolled back');
$session->quit;
is($node->safe_psql('postgres', $no_errors), '0', 'that counts as no error');

# It waits for a worker that is at it.
$node->safe_psql(
	'postgres', q{
	CREATE TABLE slow_source (v int);
	SELECT pgtrickle.create_stream_table('slow_stream', 'SELECT v FROM slow_source', '0s');
	CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;
	CREATE TRIGGER sleep AFTER INSERT ON slow_stream FOR EACH ROW EXECUTE FUNCTION sleep();
	INSERT INTO slow_source VALUES (1);});
wait_for_query(
	$node, q{SELECT count(*) > 0 FROM pg_stat_activity
		WHERE backend_type = 'pg_trickle refresh worker' AND wait_event = 'PgSleep'},
	't', 'a worker is busy');
is($node->safe_psql('postgres', 'SELECT pgtrickle.drain(0)'), 'f', 'drain does not wait');
is($node->safe_psql('postgres', 'SELECT pgtrickle.is_drained()'), 'f', 'a worker is still at it');
is($node->safe_psql('postgres', 'SELECT pgtrickle.drain(60); SELECT count(*) FROM slow_stream'),
	"t\n1", 'drain waits until it is done');
$node->safe_psql('postgres', q{SELECT pgtrickle.drop_stream_table('slow_stream'); SELECT pgtrickle.resume_scheduler()});

# ---- gates ----

$node->safe_psql('postgres', q{SELECT pgtrickle.gate_source('held')});
write_held();
pass_time('gate');
held_is(5, 'gated: held');
$node->safe_psql('postgres', q{SELECT pgtrickle.ungate_source('held')});
wait_for_held(6, 'ungated: refreshed, without another change');

# A worker that was on its way when the gate was closed: its snapshot shows the
# gate, if it shows what was loaded behind it.
$session = $node->background_psql('postgres');
$session->query_safe('BEGIN; LOCK held_sum IN SHARE MODE');
write_held();
wait_for_query(
	$node, q{SELECT count(*) FROM pg_stat_activity
		WHERE backend_type = 'pg_trickle refresh worker' AND wait_event_type = 'Lock'},
	'1', 'a worker waits for a lock');
$node->safe_psql('postgres', q{SELECT pgtrickle.gate_source('held')});
$node->safe_psql('postgres', 'INSERT INTO held VALUES (1000)');
$session->query_safe('COMMIT');
pass_time('gate on the way');
held_is(6, 'gated while a worker was on its way');
$node->safe_psql('postgres', 'INSERT INTO held VALUES (-1000)');
$node->safe_psql('postgres', q{SELECT pgtrickle.ungate_source('held')});
$session->quit;
wait_for_held(7, 'all of it is there');

# Of a load in two transactions, nobody sees the first alone, however they fall.
$node->safe_psql(
	'postgres', q{
	DO $$
	BEGIN
		FOR i IN 1..150 LOOP
			PERFORM pgtrickle.gate_source('held');
			COMMIT;
			INSERT INTO held VALUES (1000);
			COMMIT;
			INSERT INTO held VALUES (-999);
			COMMIT;
			PERFORM pgtrickle.ungate_source('held');
			COMMIT;
			PERFORM pg_sleep(i % 5 * 0.002);
		END LOOP;
	END
	$$});
wait_for_held(157, 'all of 150 loads are there');
is($node->safe_psql('postgres', 'SELECT max(a) < 1000, count(*) > 5 FROM seen'),
	't|t', 'none was seen by halves, and some on their own');

# ---- watermark groups ----

$node->safe_psql(
	'postgres', q{
	CREATE TABLE a (batch int);
	CREATE TABLE b (batch int);
	SELECT pgtrickle.create_watermark_group('ab', '{a,b}');
	SELECT pgtrickle.create_stream_table('last_a', 'SELECT max(batch) AS batch FROM a', '0s');
	SELECT pgtrickle.create_stream_table('last', $$SELECT 1 AS k, max(l.batch) AS a, max(b.batch) AS b
		FROM last_a l CROSS JOIN b$$, '0s');
	CREATE FUNCTION note_both() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO public.seen VALUES (TG_TABLE_NAME, NEW.a, NEW.b); RETURN NULL; END $$;
	CREATE TRIGGER note AFTER INSERT OR UPDATE ON last FOR EACH ROW EXECUTE FUNCTION note_both();
	CREATE PROCEDURE load(name text, n int) LANGUAGE plpgsql AS
	$$
	BEGIN
		EXECUTE format('INSERT INTO %I VALUES ($1)', name) USING n;
		PERFORM pgtrickle.advance_watermark(name, timestamptz 'epoch' + n * interval '1 hour');
		COMMIT;
	END
	$$;
	CALL load('a', 1);});
wait_for_query($node, 'TABLE last_a', '1', 'what reads one of the sources does not wait');
pass_time('group');
is($node->safe_psql('postgres', 'SELECT a, b FROM last'), '|', 'what reads both waits');
$node->safe_psql('postgres', q{CALL load('b', 1)});
wait_for_query($node, 'SELECT a, b FROM last', '1|1', 'until they are aligned');

# Batches of both, by one after the other.
foreach my $last (50, 100, 150)
{
	my $first = $last == 50 ? 2 : $last - 49;

	$node->safe_psql(
		'postgres', qq{
		DO \$\$
		BEGIN
			FOR i IN $first..$last LOOP
				CALL load('a', i);
				CALL load('b', i);
				PERFORM pg_sleep(i % 5 * 0.002);
			END LOOP;
		END
		\$\$});
	wait_for_query($node, 'SELECT a, b FROM last', "$last|$last", "batches up to $last are there");
}
is( $node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b), count(*) > 2
		FROM seen WHERE name = 'last' AND b IS NOT NULL}),
	'0|t', 'no batch of one was seen without that of the other');

# Not by luck: the one in between is refreshed by nobody else.
$node->safe_psql(
	'postgres', q{
	SELECT pgtrickle.alter_stream_table('last_a', schedule => 'manual');
	CALL load('a', 151);
	CALL load('b', 151);});
wait_for_query($node, 'SELECT a, b FROM last', '151|151', 'what lies in between is brought along');
$node->safe_psql('postgres', q{SELECT pgtrickle.alter_stream_table('last_a', schedule => '0s')});

$node->safe_psql('postgres', q{CALL load('a', 152)});
pass_time('group');
is($node->safe_psql('postgres', 'SELECT a, b FROM last'), '151|151', 'it waits again');
$node->safe_psql('postgres', q{SELECT pgtrickle.drop_watermark_group('ab')});
wait_for_query($node, 'SELECT a, b FROM last', '152|151', 'without the group it waits for nobody');

# ---- fuse ----

$node->safe_psql(
	'postgres', q{
	SELECT pgtrickle.alter_stream_table('held_sum', fuse_ceiling => 10);
	INSERT INTO held SELECT 1 FROM generate_series(1, 11);});
wait_for_query($node, q{SELECT is_blown, pending_rows FROM pgtrickle.fuse_status()}, 't|11', 'the fuse blows');
write_held();
pass_time('fuse');
held_is(157, 'and holds');
$node->safe_psql('postgres', q{SELECT pgtrickle.reset_fuse('held_sum')});
wait_for_held(169, 'until it is reset; what reads it follows');
write_held();
wait_for_held(170, 'and then it goes on by itself');
is($node->safe_psql('postgres', 'SELECT is_blown FROM pgtrickle.fuse_status()'), 'f', 'the fuse is back');

$node->stop;
done_testing();
