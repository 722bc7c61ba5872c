# A prepared transaction that has refreshed a stream table holds its locks:
# others wait for it, and then see what it did, or that it did nothing.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	max_prepared_transactions = 10
	pg_trickle.segment_blocks = 1
	pg_trickle.capture_buffer_rows = 3});
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (k int, v int);
	SELECT pgtrickle.create_stream_table('low', 'SELECT k, sum(v) AS v FROM t GROUP BY k',
		refresh_mode => 'DIFFERENTIAL');
	SELECT pgtrickle.create_stream_table('st', 'SELECT v, count(*) AS n FROM low GROUP BY v',
		refresh_mode => 'DIFFERENTIAL');
	SELECT pgtrickle.create_stream_table('other', 'SELECT k, v FROM t',
		refresh_mode => 'DIFFERENTIAL');
	INSERT INTO t VALUES (1, 1);});

sub content
{
	my ($stream) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg(s::text, ' ' ORDER BY s) FROM $stream s");
}

sub refresh
{
	my ($stream) = @_;

	$node->safe_psql('postgres', "SELECT pgtrickle.refresh_stream_table('$stream')");
	return content($stream);
}

# The last refreshes of a stream table, the latest last.
sub actions
{
	my ($stream, $n) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg(action, ' ' ORDER BY refresh_id) FROM pgtrickle.get_refresh_history('$stream', $n)");
}

# Runs a refresh that has to wait until a statement is executed.
sub refresh_waits_for
{
	my ($stream, $statement, $name) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	chomp(my $pid = $session->query_safe('SELECT pg_backend_pid()'));

	$session->query_until(qr/begun/,
		"\\echo begun\nSELECT pgtrickle.refresh_stream_table('$stream');\n\\echo done\n");
	ok( $node->poll_query_until(
			'postgres',
			"SELECT 0 = ANY (pg_blocking_pids($pid))"),
		"$name: a refresh waits for the prepared transaction");
	$node->safe_psql('postgres', $statement);
	$session->query_until(qr/done/, '');
	$session->quit;
	return content($stream);
}

# ---- write, refresh, write, prepare ----

my $transaction = q{
	BEGIN;
	INSERT INTO t VALUES (2, 2);
	SELECT pgtrickle.refresh_stream_table('st');
	INSERT INTO t SELECT 3, 1 FROM generate_series(1, 5);
	PREPARE TRANSACTION 'refreshed'};

$node->safe_psql('postgres', $transaction);
is(refresh('other'), '(1,1)', 'another stream table does not wait');
my ($status, $stdout, $stderr) = $node->psql('postgres',
	"SET lock_timeout = '50ms'; SELECT pgtrickle.refresh_stream_table('low')");
like($stderr, qr/canceling statement due to lock timeout/, 'the same one does');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (4, 4)');
is( refresh_waits_for('st', q{ROLLBACK PREPARED 'refreshed'}, 'rolled back'),
	'(1,1) (4,1)',
	'what it did has not happened');

$node->safe_psql('postgres', $transaction);
$node->safe_psql('postgres', 'INSERT INTO t VALUES (4, 4)');
is( refresh_waits_for('st', q{COMMIT PREPARED 'refreshed'}, 'committed'),
	'(1,1) (2,1) (5,1) (8,1)',
	'what it wrote after its refresh is seen, and what it wrote before not again');
is(refresh('low'), '(1,1) (2,2) (3,5) (4,8)', 'so below');
is(refresh('other'), '(1,1) (2,2) (3,1) (3,1) (3,1) (3,1) (3,1) (4,4) (4,4)',
	'so for others');
is(actions('st', 2), 'DIFFERENTIAL DIFFERENTIAL', 'as deltas');

# ---- savepoints, and a refresh that was undone ----

$node->safe_psql(
	'postgres', q{
	BEGIN;
	INSERT INTO t VALUES (5, 5), (5, 5);
	SAVEPOINT a;
	INSERT INTO t SELECT 6, 6 FROM generate_series(1, 4);
	SELECT pgtrickle.refresh_stream_table('low');
	ROLLBACK TO a;
	DELETE FROM t WHERE k = 4;
	PREPARE TRANSACTION 'savepoint'});
is(refresh('low'), '(1,1) (2,2) (3,5) (4,8)', 'undone before it was prepared: nobody waits');
$node->safe_psql('postgres', q{COMMIT PREPARED 'savepoint'});
is(refresh('low'), '(1,1) (2,2) (3,5) (5,10)', 'what is left of it is seen');
is(actions('low', 1), 'DIFFERENTIAL', 'as a delta');

# ---- prepared long ago, segments come and go ----

$node->safe_psql('postgres', q{BEGIN; INSERT INTO t SELECT 7, 7 FROM generate_series(1, 4); PREPARE TRANSACTION 'one'});
$node->safe_psql('postgres', q{BEGIN; INSERT INTO t SELECT 8, 8 FROM generate_series(1, 4); PREPARE TRANSACTION 'two'});
for my $round (1 .. 4)
{
	$node->safe_psql('postgres', "INSERT INTO t SELECT 9, 9 FROM generate_series(1, 400)");
	refresh('low');
	refresh('other');
	$node->safe_psql('postgres', q{COMMIT PREPARED 'two'}) if $round == 2;
}
is(refresh('low'), '(1,1) (2,2) (3,5) (5,10) (8,32) (9,14400)', 'the younger one is committed first');
$node->restart;
$node->safe_psql('postgres', q{COMMIT PREPARED 'one'});
is(refresh('low'), '(1,1) (2,2) (3,5) (5,10) (7,28) (8,32) (9,14400)', 'the older one after a restart');
is(actions('low', 1), 'DIFFERENTIAL', 'as a delta');

# ---- a stream table that is created, and dropped, by a prepared transaction ----

$node->safe_psql(
	'postgres', q{
	BEGIN;
	SELECT pgtrickle.create_stream_table('late', 'SELECT k FROM t WHERE k < 3',
		refresh_mode => 'DIFFERENTIAL');
	INSERT INTO t VALUES (0, 0);
	PREPARE TRANSACTION 'created'});
$node->safe_psql('postgres', 'INSERT INTO t VALUES (-1, 0)');
$node->safe_psql('postgres', q{COMMIT PREPARED 'created'});
is(content('late'), '(1) (2)', 'created and filled');
is(refresh('late'), '(-1) (0) (1) (2)', 'nothing is lost between the fill and the commit');
$node->safe_psql(
	'postgres', q{
	BEGIN;
	DROP TABLE late;
	PREPARE TRANSACTION 'dropped'});
$node->safe_psql('postgres', q{COMMIT PREPARED 'dropped'});
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM pgtrickle.pgt_stream_tables
		WHERE pgt_relid::oid NOT IN (SELECT oid FROM pg_class)}),
	'0', 'dropped');
is(refresh('other') =~ tr/(//, 1619, 'others are not touched');

done_testing();
