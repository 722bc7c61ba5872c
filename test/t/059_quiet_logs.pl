# Changes that tell the scheduler nothing new do not wake it: writers would pay
# for that.  Those that do are not lost by it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

plan skip_all => 'no /proc' unless -r '/proc/self/status';

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 12
	autovacuum = off});
$node->start;

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# 500 transactions, with time between them for whoever is woken.
sub write_much
{
	my ($table) = @_;

	sql(qq{DO \$\$ BEGIN FOR i IN 1..500 LOOP
		INSERT INTO $table VALUES (i); COMMIT; PERFORM pg_sleep(0.003);
		END LOOP; END \$\$});
	return;
}

# How often the scheduler goes to sleep meanwhile.
sub sleeps_while
{
	my ($work) = @_;
	my $pid = scheduler_pid($node, 'postgres');
	my @sleeps;

	for my $part (sub { }, $work)
	{
		$part->();
		push @sleeps, slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m;
	}
	return $sleeps[1] - $sleeps[0];
}

sql(q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE by_hand (i int);
	CREATE TABLE later (i int);
	CREATE TABLE soon (i int);
	SELECT pgtrickle.create_stream_table('s_by_hand', 'SELECT * FROM by_hand', 'manual');
	SELECT pgtrickle.create_stream_table('s_later', 'SELECT * FROM later', '1h');
	SELECT pgtrickle.create_stream_table('s_soon', 'SELECT * FROM soon', '0s')});
wait_for_schedulers($node, 'postgres', 'a scheduler is there');

for my $table ('by_hand', 'later')
{
	my $sleeps = sleeps_while(sub { write_much($table) });

	cmp_ok($sleeps, '<', 50, "changes of $table do not wake the scheduler");
	note("$sleeps times");
}

write_much('soon');
wait_for_query($node, 'SELECT count(*) FROM s_soon', '500', 'what is due is refreshed');
is(sql('SELECT (SELECT count(*) FROM s_by_hand) + (SELECT count(*) FROM s_later)'), '0', 'the others are not');

# What nobody was told is known all the same.
sql(q{SELECT pgtrickle.alter_stream_table('s_by_hand', schedule => '0s');
	SELECT pgtrickle.alter_stream_table('s_later', schedule => '0s')});
wait_for_query($node, 'SELECT (SELECT count(*) FROM s_by_hand) + (SELECT count(*) FROM s_later)',
	'1000', 'until their schedules change');

# After a refresh, the next change counts again.
for my $i (1 .. 20)
{
	my $n = 500 + $i;

	sql("INSERT INTO later VALUES ($i)");
	$node->poll_query_until('postgres', 'SELECT count(*) FROM s_later', $n)
	  or last;
}
is(sql('SELECT count(*) FROM s_later'), '520', 'each change after a refresh is seen');

$node->stop;
done_testing();
