# On a standby, and while pg_upgrade is at work, there is no process of ours;
# all of them are there after a promotion.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

my $primary = PostgreSQL::Test::Cluster->new('primary');
my $standby = PostgreSQL::Test::Cluster->new('standby');
my $processes = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%'};

$primary->init(allows_streaming => 1);
$primary->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 12});
$primary->start;
$primary->safe_psql('postgres', 'CREATE DATABASE one; CREATE DATABASE two');
$primary->safe_psql('one', 'CREATE EXTENSION pg_trickle');
wait_for_schedulers($primary, 'one', 'the primary has a scheduler');

$primary->backup('backup');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->safe_psql('two', 'CREATE EXTENSION pg_trickle');
wait_for_schedulers($primary, 'one two', 'and another one');
$primary->safe_psql('postgres', 'CREATE DATABASE three TEMPLATE two; DROP DATABASE one');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$standby->reload;
is($standby->safe_psql('postgres', $processes), 0, 'there is none on the standby');
$standby->restart;
is($standby->safe_psql('postgres', $processes), 0, 'nor after a restart');
is($standby->safe_psql('two', 'SELECT pg_is_in_recovery()'), 't', 'which is one still');

$standby->promote;
wait_for_schedulers($standby, 'three two', 'all are there after the promotion');
is($standby->safe_psql('postgres', $processes), 3, 'with a launcher');
wait_for_schedulers($primary, 'three two', 'the primary goes on for itself');
$primary->stop;

# As pg_upgrade starts it.
$standby->stop;
command_ok(
	[   'pg_ctl', '-D', $standby->data_dir, '-l', $standby->logfile,
		'-o', '-b', '-w', 'start' ],
	'started for an upgrade');
is($standby->safe_psql('postgres', $processes), 0, 'then there is none');
command_ok([ 'pg_ctl', '-D', $standby->data_dir, '-m', 'fast', '-w', 'stop' ],
	'stopped');

done_testing();
