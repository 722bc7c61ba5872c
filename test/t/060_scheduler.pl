# Stream tables are fresh by themselves, when their schedule says so; and where
# nothing changes, nothing happens.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 12
	max_prepared_transactions = 5
	autovacuum = off});
$node->start;

my $totals = 'SELECT g, sum(v) AS v, count(*) AS n FROM t GROUP BY g';

# How many rows a stream table has too much or too few.
sub differences
{
	my ($stream, $query) = @_;

	return qq{
		SELECT count(*) FROM (
			((TABLE $stream) EXCEPT ALL ($query)) UNION ALL
			(($query) EXCEPT ALL (TABLE $stream))) d};
}

sub becomes_fresh
{
	my ($stream, $query, $name) = @_;

	wait_for_query($node, differences($stream, $query), '0', $name);
	return;
}

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# What the refreshes of a stream table were, the first ones first.
sub history
{
	my ($stream, $columns) = @_;

	return sql(qq{
		SELECT $columns FROM pgtrickle.pgt_refresh_history
		WHERE pgt_id = (SELECT pgt_id FROM pgtrickle.pgt_stream_tables
			WHERE pgt_relid = '$stream'::regclass)
		ORDER BY refresh_id});
}

sql(qq{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (id int PRIMARY KEY, g int, v int);
	INSERT INTO t SELECT i, i % 10, i FROM generate_series(1, 1000) i;
	SELECT pgtrickle.create_stream_table('soon', '$totals', schedule => '0s');
	SELECT pgtrickle.create_stream_table('by_hand', '$totals', schedule => 'manual')});

# ---- as soon as possible ----

sql('INSERT INTO t VALUES (1001, 1, 1)');
becomes_fresh('soon', $totals, 'an insert shows');
is(history('soon', 'action, initiated_by, refresh_reason'),
	"REINITIALIZE|CREATE|first fill\nDIFFERENTIAL|SCHEDULER|source changed",
	'one refresh, and it says why');
sql('UPDATE t SET v = v + 1 WHERE g = 2');
becomes_fresh('soon', $totals, 'an update shows');
sql('DELETE FROM t WHERE g = 3');
becomes_fresh('soon', $totals, 'a group that is gone is gone');
sql('TRUNCATE t; INSERT INTO t SELECT i, i % 10, i FROM generate_series(1, 1000) i');
becomes_fresh('soon', $totals, 'TRUNCATE');

my $late = $node->background_psql('postgres');

$late->query_safe('BEGIN; INSERT INTO t VALUES (2001, 1, 100)');
sql('INSERT INTO t VALUES (2002, 2, 100)');
becomes_fresh('soon', $totals, 'beside a transaction that goes on');
$late->query_safe('COMMIT');
becomes_fresh('soon', $totals, 'a late commit');
$late->query_safe('BEGIN; INSERT INTO t VALUES (2003, 1, 100); ROLLBACK');
$late->query_safe('BEGIN; SAVEPOINT a; INSERT INTO t VALUES (2003, 1, 100); ROLLBACK TO a; COMMIT');
$late->quit;
sql(q{BEGIN; INSERT INTO t VALUES (2004, 4, 100); PREPARE TRANSACTION 'later'});
sql('INSERT INTO t VALUES (2005, 5, 100)');
becomes_fresh('soon', $totals, 'beside a prepared transaction');
sql(q{COMMIT PREPARED 'later'});
becomes_fresh('soon', $totals, 'COMMIT PREPARED');

is(history('by_hand', 'initiated_by'), 'CREATE', 'manual is not refreshed');

# ---- chains and diamonds ----

sql("SELECT pgtrickle.create_stream_table('c1', '$totals')");
sql("SELECT pgtrickle.create_stream_table('c$_', 'SELECT g, v + 1 AS v, n FROM c"
	  . ($_ - 1) . "')")
  for 2 .. 10;
sql('UPDATE t SET v = v + 10 WHERE g < 5');
becomes_fresh('c10', 'SELECT g, sum(v) + 9 AS v, count(*) AS n FROM t GROUP BY g',
	'a chain of ten follows');
is( sql(q{
	SELECT count(*), count(DISTINCT pgt_id), bool_and(refresh_reason = 'source changed')
	FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables s USING (pgt_id)
	WHERE initiated_by = 'SCHEDULER' AND s.pgt_relid::text ~ '^c'}),
	'10|10|t', 'each is refreshed once, and by itself');

sql(q{
	SELECT pgtrickle.create_stream_table('d1', 'SELECT g, sum(v) AS v FROM t GROUP BY g');
	SELECT pgtrickle.create_stream_table('d2', 'SELECT g, count(*) AS n FROM t GROUP BY g');
	SELECT pgtrickle.create_stream_table('d3', 'SELECT g, v, n FROM d1 JOIN d2 USING (g)',
		diamond_consistency => 'atomic')});
sql('INSERT INTO t SELECT i, i % 20, 1 FROM generate_series(3001, 3100) i');
becomes_fresh('d3', 'SELECT g, sum(v) AS v, count(*) AS n FROM t GROUP BY g',
	'an atomic diamond follows');
is( sql(q{
	SELECT count(DISTINCT s.xmin::text) FROM pgtrickle.pgt_stream_tables s
	WHERE s.pgt_relid::text ~ '^d'}), '1', 'in one transaction');

# ---- at times ----

sql(qq{
	SELECT pgtrickle.create_stream_table('each_second', '$totals', schedule => '1s');
	SELECT pgtrickle.create_stream_table('each_hour', '$totals', schedule => '1h');
	SELECT pgtrickle.create_stream_table('even', '$totals', schedule => '*/2 * * * * *')});
sql('UPDATE t SET v = v + 1 WHERE id = ' . $_), sleep(0.1) for 1 .. 25;
becomes_fresh('each_second', $totals, 'an interval');
becomes_fresh('even', $totals, 'a cron expression with seconds');
is( sql(q{
	SELECT bool_and(gap >= interval '0.9 s') FROM (
		SELECT data_timestamp - lag(data_timestamp) OVER (ORDER BY refresh_id) AS gap
		FROM pgtrickle.pgt_refresh_history
		WHERE pgt_id = (SELECT pgt_id FROM pgtrickle.pgt_stream_tables
			WHERE pgt_relid = 'each_second'::regclass)) g}),
	't', 'an interval is kept, but for the time that a process takes to start');
is( sql(q{
	SELECT count(*) > 0, bool_and(extract(second FROM start_time)::numeric % 2 < 1)
	FROM pgtrickle.pgt_refresh_history
	WHERE initiated_by = 'SCHEDULER' AND refresh_reason = 'schedule */2 * * * * *'}),
	't|t', 'a cron expression is refreshed at even seconds only');
is(history('each_hour', 'initiated_by'), 'CREATE', 'an hour has not passed');

# ---- several at the same time ----

sql(q{
	CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
		AS 'BEGIN PERFORM pg_sleep(1); RETURN $1; END';
	CREATE TABLE u (id int);
	SELECT pgtrickle.create_stream_table('slow_' || i, 'SELECT slow(id) AS id FROM u', schedule => '0s')
	FROM generate_series(1, 3) i});
sql('INSERT INTO u VALUES (1)');
wait_for_query(
	$node, q{
	SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle refresh worker' AND state = 'active'
		AND query ~ '^refresh of stream table public.slow_[123]$'}, '3',
	'independent ones are refreshed at the same time');
becomes_fresh("slow_$_", 'TABLE u', "slow_$_ is fresh") for 1 .. 3;

# ---- those that are not filled, and those whose changes nothing tells ----

sql(qq{SELECT pgtrickle.create_stream_table('filled', '$totals', schedule => '0s', initialize => false)});
becomes_fresh('filled', $totals, 'one that was not filled is filled');
sql(q{SELECT pgtrickle.create_stream_table('clock', 'SELECT now() AS t', schedule => '1s')});
wait_for_query($node,
	q{SELECT count(*) >= 3 FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'SCHEDULER'
		AND pgt_id = (SELECT max(pgt_id) FROM pgtrickle.pgt_stream_tables)},
	't', 'now() is computed again at its times');
sql(q{SELECT pgtrickle.drop_stream_table('clock')});

# ---- changed definitions, settings ----

sql(q{SELECT pgtrickle.alter_stream_table('by_hand', schedule => '0s')});
becomes_fresh('by_hand', $totals, 'a changed schedule');
my $other = 'SELECT id AS g, count(*) AS v, count(*) AS n FROM u GROUP BY id';

sql("SELECT pgtrickle.alter_stream_table('by_hand', query => '$other')");
sql('INSERT INTO u VALUES (2)');
becomes_fresh('by_hand', $other, 'a changed query: another source');
sql(q{SELECT pgtrickle.alter_stream_table('by_hand', status => 'SUSPENDED')});
sql('INSERT INTO u VALUES (3)');
becomes_fresh('slow_1', 'TABLE u', 'others are refreshed');
is(sql(differences('by_hand', $other)), '1', 'a suspended one is not');
sql(q{SELECT pgtrickle.resume_stream_table('by_hand')});
becomes_fresh('by_hand', $other, 'until it is resumed');

# ---- held back ----

for my $pair (
	[ 'pause_scheduler()', 'resume_scheduler()' ],
	[ 'drain(60)', 'resume_scheduler()' ],
	[ q{gate_source('t')}, q{ungate_source('t')} ])
{
	sql("SELECT pgtrickle.$pair->[0]");
	sql('UPDATE t SET v = v + 1 WHERE id = 1; INSERT INTO u VALUES (4)');
	sleep(0.3);
	isnt(sql(differences('soon', $totals)), '0', "held back by $pair->[0]");
	sql("SELECT pgtrickle.$pair->[1]");
	becomes_fresh('soon', $totals, "goes on with $pair->[1]");
}

# ---- switched off ----

sql('ALTER SYSTEM SET pg_trickle.enabled = off');
sql('SELECT pg_reload_conf()');
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle scheduler'},
	'0', 'switched off');
sql('INSERT INTO t VALUES (5001, 1, 1)');
sleep(0.2);
is(sql(differences('soon', $totals)), '2', 'nothing is refreshed');
sql('ALTER SYSTEM RESET pg_trickle.enabled');
sql('SELECT pg_reload_conf()');
becomes_fresh('soon', $totals, 'nothing is lost');
$node->restart;
sql('INSERT INTO t VALUES (5002, 1, 1)');
becomes_fresh('soon', $totals, 'after a restart');

# ---- rest ----

becomes_fresh("slow_$_", 'TABLE u', "slow_$_ is fresh") for 1 .. 3;
becomes_fresh('c10', 'SELECT g, sum(v) + 9 AS v, count(*) AS n FROM t GROUP BY g', 'the chain');
becomes_fresh('each_second', $totals, 'an interval');
wait_for_query($node,
	q{SELECT count(*) <= 1 FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker'},
	't', 'one worker stays');
sleep(2);

# How many times the scheduler has given up the processor of its own accord.
sub times_asleep
{
	my $file = '/proc/' . scheduler_pid($node, 'postgres') . '/status';

	return '' if !-r $file;
	return (slurp_file($file) =~ /^voluntary_ctxt_switches:\s*(\d+)/m)[0];
}

my $rows = sql('SELECT count(*) FROM pgtrickle.pgt_refresh_history');
my $sleeps = times_asleep();

sleep(3);
is(sql('SELECT count(*) FROM pgtrickle.pgt_refresh_history'),
	$rows, 'at rest there is no history');
is(times_asleep(), $sleeps, 'and the scheduler sleeps');
is( sql(q{
	SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE backend_type IN ('pg_trickle scheduler', 'pg_trickle refresh worker')}),
	'0', 'without a lock');

# ---- the zone of crons, with a reload ----

# It is one of these hours five hours east of here, and will be for another one.
my $hours = sql(q{
	SELECT string_agg(extract(hour FROM now() AT TIME ZONE 'UTC' + h * interval '1 hour')::text, ',' ORDER BY h)
	FROM generate_series(5, 6) h});

sql(qq{
	CREATE TABLE z (v int);
	SELECT pgtrickle.create_stream_table('zoned', 'TABLE z', schedule => '* * $hours * * *');
	INSERT INTO z VALUES (1)});
sleep(2.5);
is(sql('SELECT count(*) FROM zoned'), '0', 'it is another hour');
sql(q{ALTER SYSTEM SET pg_trickle.timezone = 'Etc/GMT-5'});
$node->reload;
becomes_fresh('zoned', 'TABLE z', 'a zone that is set is used at once');

# ---- all of it ----

is( sql(q{
	SELECT count(d) FROM pgtrickle.pgt_stream_tables s,
		pgtrickle.verify_stream_table(pgt_relid::text) d}), '0', 'all are exact');
$node->stop;
unlike(slurp_file($node->logfile), qr/ERROR|WARNING|PANIC/, 'nothing went wrong');
done_testing();
