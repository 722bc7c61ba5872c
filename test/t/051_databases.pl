# Commands that need a database for themselves are not in the way of our
# processes, nor are those in theirs; and nobody stops the processes of others.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use Processes;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 20
	max_prepared_transactions = 5
	log_min_messages = info
	fsync = off});
$node->start;
mkdir "$folder/space" or die $!;
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '$folder/space'");
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql(
	'shop', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (i int);
	SELECT pgtrickle.create_stream_table('st', 'SELECT sum(i) AS s FROM t');});
wait_for_schedulers($node, 'shop', 'a database with a scheduler');

sub fails_with
{
	my ($sql, $error, $name) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', $sql);

	like($stderr, $error, $name);
	return $stderr;
}

# ---- each of them, several times: the scheduler may just be coming ----

for my $i (1 .. 5)
{
	$node->safe_psql('postgres', $_) foreach
	  'ALTER DATABASE shop RENAME TO market',
	  'ALTER DATABASE market SET TABLESPACE space',
	  'CREATE DATABASE copy TEMPLATE market',
	  'DROP DATABASE copy',
	  'CREATE DATABASE copy TEMPLATE market STRATEGY file_copy',
	  'ALTER DATABASE market SET TABLESPACE pg_default',
	  'ALTER DATABASE market RENAME TO shop',
	  'DROP DATABASE copy WITH (FORCE)';
}
pass('renamed, moved, copied and dropped while schedulers come and go');
wait_for_schedulers($node, 'shop', 'afterwards all is as before');

my $start = time;
for my $i (1 .. 5)
{
	$node->safe_psql('postgres', "CREATE DATABASE copy TEMPLATE shop");
	wait_for_schedulers($node, 'copy shop', "$i: a copy has a scheduler, too");
	$node->safe_psql('postgres', $i == 1 ? 'DROP DATABASE IF EXISTS copy'
		: 'DROP DATABASE copy');
	wait_for_schedulers($node, 'shop', "$i: until it is dropped");
}

$node->safe_psql('postgres', 'ALTER DATABASE shop RENAME TO market');
wait_for_schedulers($node, 'market', 'it comes back after RENAME');
$node->safe_psql('postgres', 'ALTER DATABASE market SET TABLESPACE space');
wait_for_schedulers($node, 'market', 'after SET TABLESPACE');
$node->safe_psql('market', 'CREATE DATABASE copy TEMPLATE market; ');
wait_for_schedulers($node, 'copy market', 'after a copy made from within');
$node->safe_psql('postgres', 'ALTER DATABASE market RENAME TO shop; DROP TABLE IF EXISTS nothing');
$node->command_ok([ 'dropdb', '--force', 'copy' ], 'dropdb --force');
wait_for_schedulers($node, 'shop', 'and all that is left');

# ---- in a transaction ----

my $session = $node->background_psql('postgres', on_error_stop => 0);

$session->query_safe('BEGIN; ALTER DATABASE shop RENAME TO market');
is(schedulers($node), 'none', 'renamed and not committed: kept away');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION pg_trickle');
wait_for_schedulers($node, 'other', 'others are not');
$session->query_safe('ROLLBACK');
wait_for_schedulers($node, 'other shop', 'rolled back');
$session->query_safe(q{
	BEGIN; SAVEPOINT a; ALTER DATABASE shop RENAME TO market; ROLLBACK TO a;
	ALTER DATABASE other RENAME TO another; COMMIT});
wait_for_schedulers($node, 'another shop', 'partly rolled back');
$session->query_safe('BEGIN; ALTER DATABASE shop RENAME TO market');
$session->quit;
wait_for_schedulers($node, 'another shop', 'a session that ends holds nothing');
$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe('BEGIN; ALTER DATABASE shop RENAME TO market; ALTER DATABASE another RENAME TO other');
chomp(my $pid = $session->query_safe('SELECT pg_backend_pid()'));
is(schedulers($node), 'none', 'two at a time');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for_schedulers($node, 'another shop', 'nor does one that is terminated');
eval { $session->quit };
fails_with('BEGIN; DROP DATABASE shop; COMMIT', qr/cannot run inside a transaction block/,
	'DROP DATABASE in a transaction');
$node->safe_psql('postgres', 'DROP DATABASE another');

# ---- commands that fail ----

$session = $node->background_psql('shop');
foreach my $command ('DROP DATABASE shop', 'CREATE DATABASE market TEMPLATE shop')
{
	like(fails_with($command, qr/being accessed by other users/, "$command: somebody is there"),
		qr/There is 1 other session using the database/, 'we are not counted');
	wait_for_schedulers($node, 'shop', 'and come back');
}
$session->quit;
fails_with('DROP DATABASE shop2', qr/database "shop2" does not exist/, 'no such database');
$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS shop2');

# ---- users without rights ----

$node->safe_psql('postgres', q{
	CREATE ROLE anybody LOGIN; CREATE ROLE creator CREATEDB LOGIN; CREATE ROLE owner LOGIN;
	GRANT CREATE ON TABLESPACE space TO PUBLIC});
$pid = scheduler_pid($node, 'shop');
foreach my $role ('anybody', 'creator')
{
	foreach my $command (
		'DROP DATABASE shop',
		'DROP DATABASE shop WITH (FORCE)',
		'ALTER DATABASE shop RENAME TO market',
		'ALTER DATABASE shop SET TABLESPACE pg_default',
		'CREATE DATABASE market TEMPLATE shop')
	{
		my ($status, $stdout, $stderr) =
		  $node->psql('postgres', $command, extra_params => [ '-U', $role ]);

		like($stderr, qr/must be owner of database shop|permission denied/,
			"$role: $command");
	}
}
is(scheduler_pid($node, 'shop'), $pid, 'the scheduler was not disturbed');
$node->safe_psql('postgres', 'ALTER DATABASE shop OWNER TO owner');
my ($status, $stdout, $stderr) = $node->psql('postgres', 'CREATE DATABASE market TEMPLATE shop',
	extra_params => [ '-U', 'owner' ]);
like($stderr, qr/permission denied to create database/, 'the owner may not create databases');
is(scheduler_pid($node, 'shop'), $pid, 'nor disturb the scheduler by trying');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE shop OWNER owner');
wait_for_schedulers($node, 'copy shop', 'a copy that somebody owns');
$node->safe_psql('postgres', 'ALTER DATABASE copy SET TABLESPACE space',
	extra_params => [ '-U', 'owner' ]);
$node->command_ok([ 'dropdb', '--force', '-U', 'owner', 'copy' ],
	'the owner drops it, by force, without being a superuser');
wait_for_schedulers($node, 'shop', 'it is gone');

# ---- databases without a scheduler ----

$node->safe_psql('postgres', 'ALTER DATABASE shop ALLOW_CONNECTIONS false');
wait_for_schedulers($node, 'none', 'none where connections are not allowed');
$node->safe_psql('postgres', 'ALTER DATABASE shop ALLOW_CONNECTIONS true');
wait_for_schedulers($node, 'shop', 'allowed again');
$node->safe_psql('postgres', 'ALTER DATABASE shop IS_TEMPLATE true');
wait_for_schedulers($node, 'none', 'none in a template');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE shop');
wait_for_schedulers($node, 'copy', 'but in its copies');
$node->safe_psql('postgres', 'ALTER DATABASE shop IS_TEMPLATE false; DROP ROLE anybody');
wait_for_schedulers($node, 'copy shop', 'no template any more');
$node->safe_psql('postgres', 'ALTER DATABASE shop CONNECTION LIMIT 0');
$node->restart;
wait_for_schedulers($node, 'copy shop', 'no limit for us');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# ---- while refreshes are running ----

my $busy = q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
	AND backend_type = 'pg_trickle refresh worker'};

$node->safe_psql('postgres', 'CREATE DATABASE busy TEMPLATE shop');
$node->safe_psql('busy', q{
	INSERT INTO t VALUES (1);
	SELECT pgtrickle.create_stream_table('slow', 'SELECT i, pg_sleep(1000)::text FROM t',
		refresh_mode => 'FULL', initialize => false);});
foreach my $command (
	'ALTER DATABASE busy RENAME TO away',
	'ALTER DATABASE away RENAME TO busy',
	'ALTER DATABASE busy SET TABLESPACE pg_default',
	'CREATE DATABASE copy TEMPLATE busy')
{
	wait_for_query($node, $busy, 1, 'a worker is busy');
	$node->safe_psql('postgres', $command);
	pass($command);
}
wait_for_query($node, $busy, 2, 'a copy refreshes what was not fresh in the original');
$node->safe_psql('postgres', 'DROP DATABASE copy');
is($node->safe_psql('postgres', $busy), 1, 'DROP DATABASE: those of the other are not disturbed');
$node->safe_psql('postgres', 'ALTER DATABASE busy ALLOW_CONNECTIONS false');
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'busy'}, 0,
	'connections are not allowed any more');
$node->safe_psql('postgres', 'ALTER DATABASE busy ALLOW_CONNECTIONS true');
wait_for_query($node, $busy, 1, 'allowed again');
is($node->safe_psql('busy', q{SELECT consecutive_errors FROM pgtrickle.pgt_status() WHERE name = 'public.slow'}),
	0, 'a refresh that was cut off is no failure');
$node->safe_psql('postgres', 'DROP DATABASE busy');
is($node->safe_psql('postgres', $busy), 0, 'DROP DATABASE while a worker is busy');

# ---- dump and restore, with CREATE DATABASE and DROP DATABASE ----

$node->command_ok([ 'pg_dump', '-Fc', '-C', '-f', "$folder/dump", 'shop' ], 'dumped');
$node->command_ok([ 'dropdb', 'shop' ], 'dropdb');
wait_for_schedulers($node, 'none', 'gone');
$node->command_ok([ 'pg_restore', '-e', '-C', '-d', 'postgres', "$folder/dump" ], 'restored');
wait_for_schedulers($node, 'shop', 'its scheduler comes with it');
$node->command_ok([ 'pg_restore', '-e', '-C', '-c', '-d', 'postgres', "$folder/dump" ],
	'and again, in its place');
wait_for_schedulers($node, 'shop', 'and again');
is($node->safe_psql('shop', q{
	INSERT INTO t VALUES (1);
	SELECT pgtrickle.refresh_stream_table('st');
	SELECT s FROM st}), "\n1", 'it works');

# ---- while a restore has loaded the catalog, but not the logs ----

# Workers that find nothing to do leave, and look after all logs when they do.
$node->safe_psql('postgres', 'CREATE DATABASE origin');
$node->safe_psql(
	'origin', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (i int);
	INSERT INTO t VALUES (0);
	CREATE TABLE u (i int);
	SELECT pgtrickle.create_stream_table('sums', 'SELECT i, count(*) AS n FROM t GROUP BY i',
		schedule => 'manual', refresh_mode => 'DIFFERENTIAL');
	SELECT pgtrickle.create_stream_table('s' || i, 'SELECT i, count(*) AS n FROM u GROUP BY i',
		schedule => '0s') FROM generate_series(1, 6) i;
	INSERT INTO t SELECT generate_series(1, 10)});
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/origin", 'origin' ], 'dumped');
my ($contents) = run_command([ 'pg_restore', '-l', "$folder/origin" ]);
my @data = grep { / (TABLE DATA|SEQUENCE SET) / } split /\n/, $contents;
append_to_file("$folder/catalog", join "\n", (grep { / pgtrickle / } @data), '');
append_to_file("$folder/rows", join "\n", (grep { !/ pgtrickle / } @data), '');
my $segments = q{SELECT string_agg(concat(era, state), ',' ORDER BY track_id, segno) FROM pgtrickle.pgt_log_segments};
$node->safe_psql('postgres', 'CREATE DATABASE slowly');
$node->command_ok([ 'pg_restore', '-e', '-d', 'slowly', @$_, "$folder/origin" ], "restored: @$_")
  for [ '--section=pre-data' ], [ '-L', "$folder/catalog" ];
sleep 2;
is($node->safe_psql('slowly', $segments), $node->safe_psql('origin', $segments),
	'segments stay what they are');
$node->command_ok([ 'pg_restore', '-e', '-d', 'slowly', @$_, "$folder/origin" ], "restored: @$_")
  for [ '-L', "$folder/rows" ], [ '--section=post-data' ];
is( $node->safe_psql('slowly', q{
	SELECT pgtrickle.refresh_stream_table('sums');
	SELECT action, delta_row_count FROM pgtrickle.get_refresh_history('sums', 1);
	SELECT count(*) FROM sums}), "\nDIFFERENTIAL|10\n11", 'and nothing is recomputed');
$node->safe_psql('postgres', "DROP DATABASE $_") for 'slowly', 'origin';

# ---- nothing left behind, nothing said ----

$node->stop;
my $log = slurp_file($node->logfile);

unlike($log, qr/scheduler.*ended/, 'no scheduler counted as failed');
unlike($log, qr/FATAL:  (?!terminating (connection|background worker .*) due to administrator command)/,
	'none was sent to a database that is gone');

done_testing();
