# A log that nobody reads is looked after all the same: although no refresh is
# due and no worker there, it does not grow beyond max_log_size; once a minute
# at most, and only where something was written.
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
	autovacuum = off
	pg_trickle.segment_blocks = 1
	pg_trickle.max_log_size = '100kB'});
$node->start;

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

my $workers = q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle refresh worker'};

sql(q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (id int, v int);
	SELECT pgtrickle.create_stream_table('by_hand', 'SELECT * FROM t', 'manual');
	SELECT pgtrickle.create_stream_table('frozen', 'SELECT * FROM t', '0s');
	SELECT pgtrickle.alter_stream_table('frozen', tier => 'frozen');
	SELECT pgtrickle.create_stream_table('stopped', 'SELECT * FROM t', '0s');
	SELECT pgtrickle.alter_stream_table('stopped', status => 'SUSPENDED')});

# A worker that was there before would look after the logs when it leaves.
$node->restart;
wait_for_schedulers($node, 'postgres', 'a scheduler is there');

# Each commit may fill a segment, and the next refresh of somebody would close
# it; here nobody refreshes.
sub write_much
{
	sql("INSERT INTO t SELECT i, $_ FROM generate_series(1, 3000) i") for 1 .. 4;
	return;
}

sub log_size
{
	return q{SELECT sum(pg_relation_size(log_relid)) FROM pgtrickle.pgt_log_segments};
}

write_much();
cmp_ok(sql(log_size()), '>', 400 * 1024, 'the log has grown');
is(sql(q{SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE (frontier -> 'wal:postgres' -> 'lost')::bool}),
	0, 'and nobody has lost a claim');
is(sql($workers), '0', 'there is no worker');

wait_for_query($node, q{SELECT count(*) FROM pgtrickle.pgt_stream_tables
	WHERE (frontier -> 'wal:postgres' -> 'lost')::bool}, '3',
	'readers that are not refreshed lose their claims');
wait_for_query($node, 'SELECT (' . log_size() . ') < 100 * 1024', 't',
	'and the log is emptied');
is(sql(q{SELECT string_agg(initiated_by, ' ') FROM pgtrickle.pgt_refresh_history
	WHERE initiated_by = 'SCHEDULER'}), '', 'without any refresh');

# What was lost comes back with the next refresh.
sql(q{SELECT pgtrickle.resume_stream_table('stopped')});
wait_for_query($node, q{SELECT count(*) FROM stopped}, '12000', 'nothing is missing afterwards');

$node->stop;
done_testing();
