# More databases than there can be schedulers: they take turns, so that each
# is refreshed; where there is a place for each, nobody leaves.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');

# Two schedulers, the launcher, that of logical replication, and a worker.
$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 5
	fsync = off});
$node->start;

my @databases = map { "d$_" } 1 .. 4;

foreach my $database (@databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql(
		$database, q{
		CREATE EXTENSION pg_trickle;
		CREATE TABLE t (i int);
		SELECT pgtrickle.create_stream_table('st', 'SELECT count(*) AS n FROM t', schedule => '0s')});
}

sub pids
{
	return $node->safe_psql('postgres', q{SELECT string_agg(pid::text, ' ' ORDER BY datname)
		FROM pg_stat_activity WHERE backend_type = 'pg_trickle scheduler'});
}

sub all_become_fresh
{
	my ($n) = @_;

	$node->safe_psql($_, 'INSERT INTO t VALUES (1)') for @databases;
	ok($node->poll_query_until($_, 'SELECT n FROM st', $n), "$_ is refreshed: $n") for @databases;
	return;
}

# ---- turns ----

all_become_fresh($_) for 1 .. 2;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle scheduler'}) <= 2, 1, 'with two schedulers at a time');
is($node->safe_psql('d1', q{SELECT severity FROM pgtrickle.health_check()
	WHERE check_name = 'workers' AND detail LIKE '%take turns%'}), 'warning', 'which is no secret');
is(() = slurp_file($node->logfile) =~ /too few background workers/g, 1, 'and said once');
unlike(slurp_file($node->logfile), qr/scheduler.*ended/, 'no scheduler counted as failed');

# ---- a place for each ----

$node->safe_psql('postgres', "DROP DATABASE $_") for splice @databases, 2;
wait_for_schedulers($node, 'd1 d2', 'a place for each');
my $pids = pids();
sleep 15;
is(pids(), $pids, 'nobody leaves');
is($node->safe_psql('d1', q{SELECT count(*) FROM pgtrickle.health_check()
	WHERE check_name = 'workers' AND detail LIKE '%take turns%'}), 0, 'the finding is gone');

# ---- a single process for the refreshes of both ----

foreach my $n (3 .. 8)
{
	all_become_fresh($n);
	sleep 6 if $n % 2;    # until no worker is left
}

done_testing();
