# The refresh workers: shared fairly between databases, gone when there is
# nothing to do, and no loss when one of them is.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');
my @databases = ('one', 'two');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.max_refresh_workers = 1
	max_worker_processes = 12
	restart_after_crash = on
	autovacuum = off});
$node->start;

my $workers = q{FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker'};

sub set
{
	my ($setting) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET $setting");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	return;
}

# In each database: stream tables that are always due and take 20 ms each.
for my $database (@databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql(
		$database, q{
		CREATE EXTENSION pg_trickle;
		CREATE TABLE t (id int PRIMARY KEY, v int);
		INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
		CREATE FUNCTION slow(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
			AS 'BEGIN PERFORM pg_sleep(0.02); RETURN $1; END';
		SELECT pgtrickle.create_stream_table('s' || i,
			'SELECT slow(count(*)) AS n, sum(v) AS v FROM t', schedule => '0s')
		FROM generate_series(1, 4) i});
}

# How many refreshes each database has seen.
sub refreshes
{
	return map {
		$node->safe_psql($_, q{
			SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'SCHEDULER'})
	} @databases;
}

# How many run at the same time?  The view is not read in one moment: it can show one
# that ends and the one that takes its place.  Who is in two looks ran all the time
# between them.
sub running
{
	my @looks = map { [ split /\n/, $node->safe_psql('postgres', "SELECT pid $workers") ] } 1 .. 2;
	my %first = map { $_ => 1 } @{ $looks[0] };

	return scalar grep { $first{$_} } @{ $looks[1] };
}

# For so many seconds everything is always due, everywhere.
sub load
{
	my ($seconds) = @_;
	my @writers = map { $node->background_psql($_) } @databases;
	my $end = time + $seconds;
	my $most = 0;

	while (time < $end)
	{
		my $now;

		$_->query_safe('UPDATE t SET v = v + 1 WHERE id = 7') for @writers;
		$now = running();
		$most = $now if $now > $most;
	}
	$_->quit for @writers;
	return $most;
}

sub becomes_fresh
{
	my ($name) = @_;

	$node->poll_query_until($_, q{
		SELECT bool_and(v = (SELECT sum(v) FROM t))
		FROM (TABLE s1 UNION ALL TABLE s2 UNION ALL TABLE s3 UNION ALL TABLE s4) s})
	  or return fail("$name: $_")
	  for @databases;
	return pass($name);
}

# ---- fair ----

for my $max (1, 2)
{
	my (@before, @after, $most);

	set("pg_trickle.max_refresh_workers = $max");
	@before = refreshes();
	$most = load(5);
	@after = refreshes();
	cmp_ok($after[$_] - $before[$_], '>', 10, "$databases[$_] gets its turn with $max")
	  for 0, 1;
	cmp_ok($most, '<=', $max, "no more than $max at a time");
	becomes_fresh("all are fresh with $max");
}

# ---- idle workers leave ----

wait_for_query($node, "SELECT count(*) <= 2 $workers", 't', 'one per database stays for a while');
set('pg_trickle.max_refresh_workers = 1');
wait_for_query($node, "SELECT count(*) <= 1 $workers", 't', 'a lower setting sends others away');
set('pg_trickle.max_refresh_workers = 4');
$node->safe_psql('one', 'UPDATE t SET v = v + 1');
becomes_fresh('a higher one needs no restart');
wait_for_query($node, "SELECT count(*) <= 1 $workers AND datname = 'one'", 't',
	'those that are too many leave after some seconds');

# ---- a worker goes away ----

my $busy = qq{$workers AND datname = 'one' AND state = 'active' AND wait_event = 'PgSleep'};

sub interrupt_one
{
	my ($how) = @_;

	$node->safe_psql('one', q{
		CREATE OR REPLACE FUNCTION slow(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
			AS 'BEGIN PERFORM pg_sleep(90); RETURN $1; END'});
	$node->safe_psql('one', 'INSERT INTO t SELECT max(id) + 1, 5 FROM t');
	wait_for_query($node, "SELECT count(*) > 0 $busy", 't', 'a refresh runs');
	$node->safe_psql('one', q{
		CREATE OR REPLACE FUNCTION slow(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
			AS 'BEGIN RETURN $1; END'});
	$how->(split /\n/, $node->safe_psql('postgres', "SELECT pid $busy"));
	return;
}

interrupt_one(sub { $node->safe_psql('postgres', "SELECT pg_terminate_backend($_)") for @_ });
becomes_fresh('a terminated worker is replaced');
interrupt_one(sub { $node->safe_psql('postgres', "SELECT pg_cancel_backend($_)") for @_ });
becomes_fresh('a cancelled refresh is tried again');
interrupt_one(sub { kill 'KILL', $_[0] });
$node->poll_query_until('postgres', 'SELECT true');
becomes_fresh('kill -9 in the middle of a refresh');
interrupt_one(sub { $node->stop('immediate') });
$node->start;
becomes_fresh('immediate shutdown in the middle of a refresh');

# ---- a scheduler goes away ----

my $scheduler = scheduler_pid($node, 'one');

interrupt_one(sub { $node->safe_psql('postgres', 'SELECT pg_terminate_backend('
			  . scheduler_pid($node, 'one') . ')') });
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $busy");
becomes_fresh('another scheduler takes over');

# ---- all workers are busy ----

sub busy_workers
{
	return $node->safe_psql($_[0], q{SELECT string_agg(severity || ' ' || detail, '')
		FROM pgtrickle.health_check() WHERE check_name = 'workers' AND detail LIKE 'all refresh workers%'});
}

set('pg_trickle.max_refresh_workers = 1');
interrupt_one(sub {
	is(busy_workers('one'), '', 'a refresh that runs is nothing to worry about');
	sleep 61;
	like(busy_workers('one'), qr/^warning all refresh workers \(1\) .* 6\d seconds or more, with stream tables public\.\S+, and nothing/,
		'one that does not end, if there is no other worker, is');
	like(busy_workers('two'), qr/^warning .*, with those of others, and nothing/, 'elsewhere, too');
	set('pg_trickle.max_refresh_workers = 2');
	is(busy_workers('one'), '', 'another one may come');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($_)") for @_;
});
becomes_fresh('it goes on');
set('pg_trickle.max_refresh_workers = 4');

# ---- no room for a worker ----

set('max_worker_processes = 6');
$node->restart;
$node->safe_psql($_, 'UPDATE t SET v = v + 1') for @databases;
becomes_fresh('few worker processes are shared');

is($node->safe_psql($_, q{
	SELECT count(d) FROM pgtrickle.pgt_stream_tables s,
		pgtrickle.verify_stream_table(pgt_relid::text) d}), '0', "$_ is exact")
  for @databases;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|WARNING: /, 'nothing else went wrong');
done_testing();
