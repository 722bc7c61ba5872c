# The source of a stream table is a table of a subscription: what is replicated
# is followed at once, also if it was prepared; and who replicates other tables
# wakes nobody.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
my $node = PostgreSQL::Test::Cluster->new('subscriber');

$publisher->init(allows_streaming => 'logical');
$publisher->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$publisher->start;
$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 16
	max_prepared_transactions = 5
	autovacuum = off});
$node->start;

my $tables = q{
	CREATE TABLE read (id int PRIMARY KEY, v int);
	CREATE TABLE unread (id int PRIMARY KEY, v int);};

sub publish
{
	my ($query) = @_;

	$publisher->safe_psql('postgres', $query);
	return;
}

sub sum_is
{
	my ($sum, $name) = @_;

	wait_for_query($node, 'TABLE total', "$sum", $name);
	return;
}

publish($tables . 'CREATE PUBLICATION pub FOR TABLE read, unread');
$node->safe_psql('postgres', $tables . q{
	CREATE EXTENSION pg_trickle;
	SELECT pgtrickle.create_stream_table('total', 'SELECT sum(v) AS v FROM read', '0s')});
$node->safe_psql('postgres', q{CREATE SUBSCRIPTION sub CONNECTION '}
	  . $publisher->connstr
	  . q{ dbname=postgres' PUBLICATION pub WITH (two_phase = true)});
$node->wait_for_subscription_sync($publisher, 'sub');
wait_for_query($node, q{SELECT subtwophasestate FROM pg_subscription}, 'e',
	'prepared transactions are replicated as such');

publish('INSERT INTO read VALUES (1, 1)');
sum_is(1, 'a commit');
publish(q{BEGIN; INSERT INTO read VALUES (2, 10); PREPARE TRANSACTION 'p'});
$publisher->wait_for_catchup('sub');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '1',
	'a transaction is prepared');
$node->safe_psql('postgres', 'SELECT pg_sleep(0.2)');
sum_is(1, 'which shows nothing');
publish(q{COMMIT PREPARED 'p'});
sum_is(11, 'until it is committed');
publish(q{BEGIN; INSERT INTO read VALUES (3, 100); PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'});

# How many times the scheduler has given up the processor of its own accord.
sub times_asleep
{
	my $file = '/proc/' . scheduler_pid($node, 'postgres') . '/status';

	return '' if !-r $file;
	return (slurp_file($file) =~ /^voluntary_ctxt_switches:\s*(\d+)/m)[0];
}

$node->safe_psql('postgres', 'SELECT pg_sleep(1)');
my $sleeps = times_asleep();

publish("INSERT INTO unread VALUES ($_, 1)") for 1 .. 20;
$publisher->wait_for_catchup('sub');
is($node->safe_psql('postgres', 'SELECT count(*) FROM unread'), '20', 'others are replicated');
is(times_asleep(), $sleeps, 'and wake nobody');
publish('INSERT INTO read VALUES (4, 1000)');
sum_is(1011, 'again a commit');

$node->stop;
$publisher->stop;
done_testing();
