# A crash empties unlogged sources behind the back of their logs; what was
# committed in logged ones is captured, what was not is not.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 4");
$node->start;

$node->safe_psql(
	'postgres', q{
		CREATE EXTENSION pg_trickle;
		CREATE TABLE t (a int);
		CREATE UNLOGGED TABLE u (a int);
		CREATE TABLE p (a int) PARTITION BY LIST (a);
		CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
		CREATE UNLOGGED TABLE p2 PARTITION OF p FOR VALUES IN (2);
		INSERT INTO u VALUES (1), (2);
		SELECT pgtrickle.create_stream_table('s' || name, 'SELECT a FROM ' || name,
			'manual', 'DIFFERENTIAL') FROM unnest('{t,u,p}'::text[]) name;
		SELECT pgtrickle.create_stream_table('su2', 'SELECT a + 1 AS b FROM u',
			'manual', 'DIFFERENTIAL');});

sub refresh
{
	my ($st) = @_;

	return $node->safe_psql(
		'postgres', qq{
			SELECT FROM pgtrickle.refresh_stream_table('$st');
			SELECT action FROM pgtrickle.pgt_refresh_history
			JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
			WHERE pgt_relid = '$st'::regclass ORDER BY refresh_id DESC LIMIT 1}
	) =~ s/^\s+//r;
}

sub content
{
	my ($relation) = @_;

	return $node->safe_psql('postgres',
		"SELECT string_agg(s::text, ' ' ORDER BY s) FROM $relation s");
}

# The first refresh after the creation sets the sentinels.
refresh($_) for ('st', 'su', 'su2', 'sp');
$node->safe_psql('postgres',
	'INSERT INTO u VALUES (3); INSERT INTO p VALUES (1), (2)');
is(refresh('su'), 'DIFFERENTIAL', 'an unlogged source is captured');
is(refresh('sp'), 'DIFFERENTIAL', 'so is an unlogged partition');
is(content('su'), '(1) (2) (3)', 'with its content');

$node->restart;
$node->safe_psql('postgres', 'INSERT INTO u VALUES (4)');
is(refresh('su'), 'DIFFERENTIAL', 'a clean restart loses nothing');

# Committed, prepared, running.
$node->safe_psql(
	'postgres', q{
		INSERT INTO t VALUES (1);
		BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'two';
		INSERT INTO u VALUES (5);});
my $session = $node->background_psql('postgres');
$session->query_safe(q{
	SET pg_trickle.capture_buffer_rows = 3;
	BEGIN;
	INSERT INTO t SELECT 3 FROM generate_series(1, 10);});
$node->stop('immediate');
$session->{run}->finish;
$node->start;

is(refresh('st'), 'DIFFERENTIAL', 'a logged source needs no recomputation');
is(content('st'), '(1)', 'what had committed is there');
$node->safe_psql('postgres', "COMMIT PREPARED 'two'");
is(refresh('st'), 'DIFFERENTIAL', 'a prepared transaction is captured');
is(content('st'), '(1) (2)', 'when it commits');

$node->safe_psql('postgres', 'INSERT INTO u VALUES (10)');
is(refresh('su'), 'FULL', 'an unlogged source was emptied');
is(content('su'), '(10)', 'and has its new rows');
is(refresh('su2'), 'FULL', 'each reader learns that');
is(content('su2'), '(11)', 'and does not count the old ones');
is(refresh('sp'), 'FULL', 'an unlogged partition was emptied');
is(content('sp'), '(1)', 'and nothing else');

$node->safe_psql('postgres',
	'INSERT INTO u VALUES (11); INSERT INTO p VALUES (2)');
is(refresh('su'), 'DIFFERENTIAL', 'then deltas again');
is(content('su'), '(10) (11)', 'with all rows');
is(refresh('sp'), 'DIFFERENTIAL', 'for partitions too');
is(content('sp'), '(1) (2)', 'with all rows');

$node->safe_psql('postgres', 'DROP TABLE su, su2');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_class WHERE relname LIKE 'sentinel%'"),
	'1', 'a sentinel goes with its last reader');

done_testing();
