# What logical replication writes into a subscriber's table is captured: the
# copy of the table at first, rows and TRUNCATE later.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->start;

my $tables = q{
	CREATE TABLE t (id int PRIMARY KEY, v text);
	CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
	CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200);};

$publisher->safe_psql('postgres', $tables);
$publisher->safe_psql(
	'postgres', q{
		INSERT INTO t SELECT i, 'copied ' || i FROM generate_series(1, 20) i;
		INSERT INTO p SELECT i, 'copied ' || i FROM generate_series(90, 110) i;
		CREATE PUBLICATION pub FOR TABLE t, p
			WITH (publish_via_partition_root = true);});

$subscriber->safe_psql('postgres', $tables);
$subscriber->safe_psql(
	'postgres', q{
		CREATE EXTENSION pg_trickle;
		SELECT pgtrickle.create_stream_table('st', 'SELECT id, v FROM t',
			'manual', 'DIFFERENTIAL');
		SELECT pgtrickle.create_stream_table('sp', 'SELECT id, v FROM p',
			'manual', 'DIFFERENTIAL');});

# How a stream table differs from its source after a refresh, and the kind of
# the refresh: "0 DIFFERENTIAL" is fine.
sub state_of
{
	my ($st, $source) = @_;

	return $subscriber->safe_psql(
		'postgres', qq{
			SELECT FROM pgtrickle.refresh_stream_table('$st');
			SELECT (SELECT count(*) FROM (
					(TABLE $st EXCEPT ALL TABLE $source) UNION ALL
					(TABLE $source EXCEPT ALL TABLE $st)) d)
				|| ' ' || (SELECT action FROM pgtrickle.pgt_refresh_history
					JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
					WHERE pgt_relid = '$st'::regclass
					ORDER BY refresh_id DESC LIMIT 1)});
}

sub both_are
{
	my ($action, $name) = @_;

	$publisher->wait_for_catchup('sub');
	like(state_of('st', 't'), qr/^\s*0 $action$/, "$name: table");
	like(state_of('sp', 'p'), qr/^\s*0 $action$/, "$name: partitioned table");
	return;
}

$subscriber->safe_psql('postgres',
	    "CREATE SUBSCRIPTION sub CONNECTION '"
	  . $publisher->connstr
	  . " dbname=postgres' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($publisher, 'sub');
both_are('DIFFERENTIAL', 'first copy');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM st'),
	'20', 'rows were copied');

$publisher->safe_psql(
	'postgres', q{
		INSERT INTO t VALUES (100, 'new');
		UPDATE t SET v = 'changed' WHERE id < 5;
		DELETE FROM t WHERE id = 7;
		INSERT INTO p VALUES (150, 'new');
		UPDATE p SET id = id + 60 WHERE id BETWEEN 95 AND 99;
		DELETE FROM p WHERE id = 92;});
both_are('DIFFERENTIAL', 'applied rows');

$publisher->safe_psql(
	'postgres', q{
		TRUNCATE t, p;
		INSERT INTO t VALUES (1, 'after');
		INSERT INTO p VALUES (1, 'after');});
both_are('FULL', 'applied TRUNCATE');

$publisher->safe_psql('postgres', q{
	INSERT INTO t VALUES (2, 'on'); INSERT INTO p VALUES (2, 'on');});
both_are('DIFFERENTIAL', 'applied rows afterwards');

done_testing();
