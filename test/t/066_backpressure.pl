# Writers wait for a log that is too large, as long as that may help and no
# longer than they are told; what they wrote is in the stream table.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	autovacuum = off
	pg_trickle.enabled = off
	pg_trickle.segment_blocks = 1
	pg_trickle.max_log_size = '100kB'
	pg_trickle.backpressure_timeout = '60s'});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (k int, v text);
	SELECT pgtrickle.create_stream_table('st', 'SELECT k, count(*) AS n FROM t GROUP BY k')});

my $insert = q{INSERT INTO t SELECT i % 3, repeat('x', 100) FROM generate_series(1, 1000) i};

# A session that writes in the background, and what has become of it.
sub begin_writing
{
	my ($sql, $timeout) = @_;
	my %writer = (out => '', err => '', start => time);

	$writer{run} = IPC::Run::start(
		[ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c',
			'SET pg_trickle.enforce_backpressure = on', '-c', $sql ],
		'>', \$writer{out}, '2>', \$writer{err});
	return \%writer;
}

sub end_writing
{
	my ($writer) = @_;

	$writer->{run}->finish;
	return time - $writer->{start};
}

my $waits = q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'client backend' AND wait_event = 'Extension'};

sub wait_for_writers
{
	my ($n, $name) = @_;

	ok($node->poll_query_until('postgres', $waits, $n), $name);
	return;
}

sub marks
{
	my $logs = $node->safe_psql('postgres',
		'SELECT log_relid FROM pgtrickle.pgt_log_segments');
	my $marks = 0;

	$marks += $node->safe_psql('postgres',
		"SELECT count(*) FROM $_ WHERE weight = 0")
	  foreach split /\n/, $logs;
	return $marks;
}

sub refresh
{
	$node->safe_psql('postgres', q{SELECT pgtrickle.refresh_stream_table('st')});
	return;
}

sub is_exact
{
	my ($rows, $name) = @_;

	refresh();
	is($node->safe_psql('postgres', 'SELECT sum(n) FROM st'), $rows, $name);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pgtrickle.verify_stream_table('st')}),
		0, "$name: verified");
	return;
}

# ---- readers that come ----

my $marks_before = marks();
$node->safe_psql('postgres', $insert) for 1, 2;
my @writers = map { begin_writing($insert) } 1, 2;

wait_for_writers(2, 'writers wait for a large log');
refresh() for 1 .. 4;
cmp_ok(end_writing($_), '<', 50, 'a refresh or two let them go') foreach @writers;
is($_->{err}, '', 'without an error') foreach @writers;
cmp_ok(marks(), '<=', $marks_before, 'and without a mark');
is_exact(4000, 'all is there');

# ---- a writer that is cancelled ----

refresh() for 1 .. 4;
$node->safe_psql('postgres', $insert) for 1, 2;
my $writer = begin_writing($insert);

wait_for_writers(1, 'a writer waits');
$node->safe_psql('postgres',
	q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND wait_event = 'Extension'});
cmp_ok(end_writing($writer), '<', 50, 'it can be cancelled');
like($writer->{err}, qr/canceling statement/, 'which is told');
is_exact(6000, 'what it wrote is not there');

# ---- readers that do not come ----

refresh() for 1 .. 4;
$node->safe_psql('postgres', $insert) for 1, 2;
my $from = -s $node->logfile;

$writer = begin_writing("SET pg_trickle.backpressure_timeout = '300ms'; $insert");
end_writing($writer);
$writer = begin_writing(
	"SET pg_trickle.backpressure_timeout = '2s'; $insert; $insert; $insert");
my $seconds = end_writing($writer);

is($writer->{err}, '', 'no error');
cmp_ok($seconds, '>', 2, 'they wait as long as they are told');
cmp_ok($seconds, '<', 40, 'and not again and again');
cmp_ok(marks(), '>', $marks_before, 'then they leave marks');
like(substr(slurp_file($node->logfile), $from),
	qr/log of "t" exceeds pg_trickle.max_log_size and is not read/,
	'and tell the log');
is_exact(12000, 'nothing is lost');

# ---- who keeps the log from becoming smaller does not wait ----

$node->safe_psql('postgres', $insert) for 1, 2;
$writer = begin_writing(
	q{SET pg_trickle.capture_buffer_rows = 100;
	SET pg_trickle.max_log_size = '10GB';
	BEGIN; INSERT INTO t SELECT 7, 'x' FROM generate_series(1, 150);
	SET pg_trickle.max_log_size = '100kB'; } . "$insert; COMMIT");
cmp_ok(end_writing($writer), '<', 50, 'who has written in this transaction');
$writer = begin_writing(
	q{BEGIN; SET pg_trickle.max_log_size = '10GB';
	SELECT pgtrickle.refresh_stream_table('st');
	SET pg_trickle.max_log_size = '1kB'; } . "$insert; COMMIT");
cmp_ok(end_writing($writer), '<', 50, 'who has refreshed in this transaction');
is_exact(16150, 'all is there');

$node->stop;
done_testing();
