# What a refresh leaves to a worker: emptying the segments of logs that every
# stream table has passed.  It does so itself where nobody would come: without a
# scheduler, if too many wait, or one is large.
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
	pg_trickle.segment_blocks = 1});
$node->start;

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# How many segments are in a state; refreshes leave up to 8 drained.
sub segments
{
	my ($state) = @_;

	return sql("SELECT count(*) FROM pgtrickle.pgt_log_segments WHERE state = '$state'");
}

# Each fills a segment: two refreshes later it is closed, then drained.
sub fill_and_refresh
{
	my ($times) = @_;

	for (1 .. $times)
	{
		sql('INSERT INTO t SELECT i FROM generate_series(1, 300) i');
		sql("SELECT pgtrickle.refresh_stream_table('s')");
	}
	return;
}

my $emptied = 'SELECT sum(times_emptied) FROM pgtrickle.pgt_log_segments';
my $drained = q{SELECT count(*) FROM pgtrickle.pgt_log_segments WHERE state = 'd'};

sql(q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (id int);
	SELECT pgtrickle.create_stream_table('s', 'SELECT * FROM t', 'manual')});
wait_for_schedulers($node, 'postgres', 'a scheduler is there');

# A scheduler that does nothing: what happens now, refreshes do.
my $scheduler = scheduler_pid($node, 'postgres');

kill 'STOP', $scheduler;
fill_and_refresh(6);
cmp_ok(segments('d'), '>=', 2, 'a refresh leaves small segments');
is(sql($emptied), '0', 'all of them');

# Who empties one has it locked until he has committed; refreshes go on.
my $emptier = $node->background_psql('postgres');
my $one = sql(q{SELECT log_relid FROM pgtrickle.pgt_log_segments WHERE state = 'd' LIMIT 1});
$emptier->query_safe("BEGIN; LOCK TABLE $one IN ACCESS EXCLUSIVE MODE");
is( $node->psql(
		'postgres', q{
			SET lock_timeout = '1s';
			INSERT INTO t VALUES (0);
			SELECT pgtrickle.refresh_stream_table('s')},
		on_error_stop => 1),
	0,
	'a refresh does not wait for who empties a segment');
$emptier->query_safe('ROLLBACK');
$emptier->quit;

# 9 of them: the scheduler does not come.
fill_and_refresh(8);
cmp_ok(sql($emptied), '>=', 8, 'but not more than 8');
cmp_ok(segments('d'), '<=', 9, 'which would be too many');

# 33 MB: nobody keeps those waiting.
sql('INSERT INTO t SELECT i FROM generate_series(1, 700000) i');
is( sql(q{SELECT count(*) FROM pgtrickle.pgt_log_segments
			WHERE pg_relation_size(log_relid) > 33e6}), '1', 'a large segment');
fill_and_refresh(5);
is( sql(q{SELECT count(*) FROM pgtrickle.pgt_log_segments
			WHERE pg_relation_size(log_relid) > 33e6}), '0', 'is emptied at once');
cmp_ok(segments('d'), '>=', 1, 'others are left meanwhile');

# A minute later workers look after all logs: that is not what is meant.
sub emptied_soon
{
	my ($name) = @_;
	my $start = time;

	wait_for_query($node, $drained, '0', $name);
	cmp_ok(time - $start, '<', 40, 'without waiting for a minute');
	return;
}

kill 'CONT', $scheduler;
emptied_soon('a worker empties what is left');

# It is asked for by the refreshes, each time.
my $before = sql($emptied);

fill_and_refresh(4);
emptied_soon('and comes again');
cmp_ok(sql($emptied), '>', $before, 'for more of them');

# There may be thousands of free segments, after a bad day; who refreshes has
# nothing to do with them.
cmp_ok(segments('f'), '>', 8, 'many are free');
is(sql(q{
	BEGIN;
	SELECT FROM pgtrickle.refresh_stream_table('s');
	SELECT count(*) FROM pg_locks JOIN pgtrickle.pgt_log_segments ON log_relid = relation
		WHERE pid = pg_backend_pid() AND state = 'f';
	COMMIT}), '0', 'which a refresh does not lock');

# Nobody to leave it to.
$node->append_conf('postgresql.conf', 'pg_trickle.enabled = off');
$node->restart;
$before = sql($emptied);
fill_and_refresh(4);
cmp_ok(sql($emptied), '>', $before, 'without a scheduler, a refresh does it');

is(sql(q{SELECT count(*) FROM pgtrickle.verify_stream_table('s')}), '0', 'nothing is lost');
$node->stop;
done_testing();
