# A launcher, and in each database with the extension a scheduler: they come and
# go with the extension, come back after a crash, and stop with the server.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 12
	log_min_messages = info
	restart_after_crash = on
	max_prepared_transactions = 5
	autovacuum = off});
$node->start;

# What the log says from a place on.
sub logged
{
	my ($from) = @_;

	return substr(slurp_file($node->logfile), $from);
}

sub log_size
{
	return -s $node->logfile;
}

# ---- they come and go with the extension ----

wait_for_query(
	$node, q{SELECT string_agg(backend_type || coalesce(datname, ''), ' ')
		FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'},
	'pg_trickle launcher', 'without the extension there is the launcher only');

$node->safe_psql('postgres', 'CREATE DATABASE one; CREATE DATABASE two');
$node->safe_psql('one', 'CREATE EXTENSION pg_trickle');
wait_for_schedulers($node, 'one', 'CREATE EXTENSION brings a scheduler');
$node->safe_psql('two', 'BEGIN; CREATE EXTENSION pg_trickle; ROLLBACK');
$node->safe_psql('two', 'BEGIN; SAVEPOINT a; CREATE EXTENSION pg_trickle; ROLLBACK TO a; COMMIT');
is(schedulers($node), 'one', 'not if it is rolled back');
$node->safe_psql('two', q{DO 'BEGIN CREATE EXTENSION pg_trickle; END'});
wait_for_schedulers($node, 'one two', 'created in a function');

$node->safe_psql('one', 'BEGIN; DROP EXTENSION pg_trickle; ROLLBACK');
$node->safe_psql('two', 'DROP EXTENSION pg_trickle');
wait_for_schedulers($node, 'one', 'DROP EXTENSION sends it away');
$node->safe_psql('two', 'CREATE EXTENSION pg_trickle');
wait_for_schedulers($node, 'one two', 'CREATE EXTENSION again');

# A scheduler may be about to leave because of a DROP when CREATE commits.
for my $i (1 .. 20)
{
	$node->safe_psql('two', 'DROP EXTENSION pg_trickle; CREATE EXTENSION pg_trickle');
	$node->safe_psql('two', 'BEGIN; DROP EXTENSION pg_trickle; CREATE EXTENSION pg_trickle; COMMIT');
}
wait_for_schedulers($node, 'one two', 'dropped and created in quick succession');

my ($status, $stdout, $stderr) =
  $node->psql('two', 'DROP SCHEMA pgtrickle CASCADE');
like($stderr, qr/extension pg_trickle requires it/, 'its schema belongs to it');
$node->safe_psql('postgres', 'CREATE ROLE owner SUPERUSER; CREATE DATABASE three');
$node->safe_psql('three', 'SET SESSION AUTHORIZATION owner; CREATE EXTENSION pg_trickle');
wait_for_schedulers($node, 'one three two', 'somebody else owns the extension');
$node->safe_psql('three', 'DROP OWNED BY owner CASCADE');
wait_for_schedulers($node, 'one two', 'DROP OWNED sends it away');
$node->safe_psql('postgres', 'DROP DATABASE three');

$node->safe_psql('two', q{BEGIN; DROP EXTENSION pg_trickle; PREPARE TRANSACTION 'drop'});
is(schedulers($node), 'one two', 'a prepared DROP EXTENSION');
$node->safe_psql('two', q{COMMIT PREPARED 'drop'});
wait_for_schedulers($node, 'one', 'is committed');
$node->safe_psql('two', q{BEGIN; CREATE EXTENSION pg_trickle; PREPARE TRANSACTION 'create'});
is(schedulers($node), 'one', 'a prepared CREATE EXTENSION');
$node->safe_psql('two', q{COMMIT PREPARED 'create'});
wait_for_schedulers($node, 'one two', 'is committed');

is($node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'
			AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)}),
	0, 'they have no transaction open');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE backend_type LIKE 'pg_trickle%'}), 0, 'and hold no lock');

# Times that processes of ours went to sleep, by process.
sub sleeps
{
	my @pids = split /\n/, $node->safe_psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%' ORDER BY pid});

	return join ' ', map { slurp_file("/proc/$_/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m } @pids;
}

SKIP:
{
	skip 'no /proc', 1 unless -r '/proc/self/status';
	my ($before, $after);

	# What happened before may take them a second or two.
	for my $try (1 .. 4)
	{
		$before = sleeps();
		$node->safe_psql('postgres', 'SELECT pg_sleep(2)');
		$after = sleeps();
		last if $after eq $before;
	}
	is($after, $before, 'nothing happens, nobody wakes up');
}

# ---- switched off and on ----

$node->safe_psql('postgres', q{ALTER SYSTEM SET pg_trickle.enabled = off});
$node->safe_psql('postgres', q{SELECT pg_reload_conf()});
wait_for_schedulers($node, 'none', 'switched off');
$node->safe_psql('postgres', 'CREATE DATABASE three');
$node->safe_psql('three', 'CREATE EXTENSION pg_trickle');
is(schedulers($node), 'none', 'and off for new databases');
$node->safe_psql('postgres', q{ALTER SYSTEM RESET pg_trickle.enabled});
$node->safe_psql('postgres', q{SELECT pg_reload_conf()});
wait_for_schedulers($node, 'one three two', 'switched on');

# ---- ended by somebody, and by a crash ----

my $pid = scheduler_pid($node, 'one');
my $from = log_size();
my $start = time;
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for_query($node, qq{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle scheduler' AND datname = 'one' AND pid <> $pid
		AND state IS NOT NULL}, 1, 'a scheduler that was terminated comes back');
cmp_ok(time - $start, '>', 0.9, 'but not at once');
like(logged($from), qr/scheduler of database "one" ended, it is started again in 1 s/,
	'the log says so');

$pid = scheduler_pid($node, 'one');
$from = log_size();
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$node->wait_for_log(qr/scheduler of database "one" ended, it is started again in 2 s/, $from);
pass('and later each time');

$pid = launcher_pid($node);
my $pids = $node->safe_psql('postgres', q{SELECT array_agg(pid ORDER BY pid) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle scheduler' AND datname <> 'one'});
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for_query($node, qq{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle launcher' AND pid <> $pid}, 1, 'so does the launcher');
is($node->safe_psql('postgres', q{SELECT array_agg(pid ORDER BY pid) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle scheduler' AND datname <> 'one'}), $pids,
	'the schedulers stay');
wait_for_schedulers($node, 'one three two', 'and the one that was missing is there again');

foreach my $type ('launcher', 'scheduler')
{
	$pid = $type eq 'launcher' ? launcher_pid($node) : scheduler_pid($node, 'two');
	kill 'KILL', $pid;
	wait_for_query($node, qq{SELECT count(*) FROM pg_stat_activity
		WHERE backend_type LIKE 'pg_trickle%' AND pid = $pid}, 0, "the $type is killed");
	wait_for_schedulers($node, 'one three two', 'all come back');
}

# A worker in the middle of a refresh.
my $busy = q{SELECT max(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
	AND backend_type = 'pg_trickle refresh worker'};
my $another = q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
	AND backend_type = 'pg_trickle refresh worker' AND pid <> };

$node->safe_psql('postgres', 'CREATE DATABASE slow TEMPLATE two');
$node->safe_psql('slow', q{
	CREATE TABLE t (i int);
	INSERT INTO t VALUES (1);
	SELECT pgtrickle.create_stream_table('slow', 'SELECT i, pg_sleep(1000)::text FROM t',
		refresh_mode => 'FULL', initialize => false);});
wait_for_query($node, "$another 0", 1, 'a worker is busy');
$pid = $node->safe_psql('postgres', $busy);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for_query($node, "$another $pid", 1, 'terminated, another one comes');
$pid = $node->safe_psql('postgres', $busy);
kill 'KILL', $pid;
wait_for_query($node, "$another $pid", 1, 'killed, another one comes');
wait_for_schedulers($node, 'one slow three two', 'and all schedulers');
$start = time;
$node->restart;
cmp_ok(time - $start, '<', 15, 'a fast shutdown does not wait for refreshes');
wait_for_query($node, "$another $pid", 1, 'which are done again');
$node->safe_psql('postgres', 'DROP DATABASE slow');

# ---- more databases than background workers ----

$node->safe_psql('postgres', 'CREATE DATABASE many IS_TEMPLATE true');
$node->safe_psql('many', 'CREATE EXTENSION pg_trickle');
is(schedulers($node), 'one three two', 'none in a template');
$from = log_size();
$node->safe_psql('postgres', "CREATE DATABASE m$_ TEMPLATE many") foreach 1 .. 9;
$node->wait_for_log(qr/HINT:  Increase max_worker_processes, currently 12\./, $from);
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle scheduler' AND state IS NOT NULL}, 9,
	'as many as there is room for, and one left for a refresh worker');
$node->safe_psql('postgres', 'DROP DATABASE one');
$node->safe_psql('postgres', 'DROP DATABASE three');
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle scheduler' AND state IS NOT NULL}, 9,
	'others take their places');
$node->safe_psql('postgres', 'DROP DATABASE two');
wait_for_schedulers($node, join(' ', map { "m$_" } 1 .. 9), 'until all have one');
is(() = logged($from) =~ /too few background workers/g, 1, 'said once');

# ---- the end ----

# Sessions of this test that have not quite ended would be the ones to complain.
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()}, 0,
	'nobody else is connected');
$start = time;
$from = log_size();
$node->stop('fast');
cmp_ok(time - $start, '<', 10, 'a fast shutdown is fast');
unlike(logged($from), qr/FATAL|WARNING|ERROR/, 'and quiet');
$node->start;
wait_for_schedulers($node, join(' ', map { "m$_" } 1 .. 9), 'all are there after a start');
unlike(slurp_file($node->logfile), qr/does not exist|being accessed/,
	'nobody connects to what is gone');
$node->stop('immediate');

# ---- without preloading ----

my $plain = PostgreSQL::Test::Cluster->new('plain');

$plain->init;
$plain->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$plain->start;
foreach my $round (1 .. 2)
{
	($status, $stdout, $stderr) = $plain->psql('postgres', 'CREATE EXTENSION pg_trickle');
	like($stderr, qr/NOTICE:  stream tables are not refreshed automatically\n.*^HINT:  Add pg_trickle to shared_preload_libraries/ms,
		'CREATE EXTENSION says what is missing');
	($status, $stdout, $stderr) = $plain->psql('postgres', q{
		CREATE EXTENSION IF NOT EXISTS pg_trickle;
		SELECT pgtrickle.version();
		DROP EXTENSION pg_trickle;});
	unlike($stderr, qr/automatically/, 'once');
}
($status, $stdout, $stderr) = $plain->psql('postgres', q{
	CREATE EXTENSION pg_trickle; DROP EXTENSION pg_trickle;
	BEGIN; CREATE EXTENSION pg_trickle; ROLLBACK;
	SELECT 1;});
is(() = $stderr =~ /automatically/g, 1, 'and not if it is rolled back');
$plain->stop;

done_testing();
