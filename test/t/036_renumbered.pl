# Dropped columns are not dumped: in the restored database the columns behind
# them have other numbers, which the logs must not mistake for the old ones.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

my $verify = q{
	SELECT count(*) FROM (SELECT * FROM pgtrickle.verify_stream_table('pairs')
		UNION ALL SELECT * FROM pgtrickle.verify_stream_table('sums')) d};
my $action = q{
	SELECT string_agg(action, ' ' ORDER BY name) FROM (
		SELECT DISTINCT ON (pgt_id) pgt_relid::regclass::text AS name, action
		FROM pgtrickle.pgt_refresh_history
			JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
		WHERE action <> 'NO_DATA' ORDER BY pgt_id, refresh_id DESC) h};

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (gone int, a int, going int, b int, c int);
	ALTER TABLE t DROP COLUMN gone;
	INSERT INTO t SELECT g, g, g * 10, g * 100 FROM generate_series(1, 9) g;
	SELECT pgtrickle.create_stream_table('pairs', 'SELECT a, b FROM t',
		refresh_mode => 'DIFFERENTIAL');
	SELECT pgtrickle.create_stream_table('sums',
		'SELECT a, sum(c) AS s FROM t GROUP BY a', refresh_mode => 'DIFFERENTIAL');
	ALTER TABLE t DROP COLUMN going;
	-- Not seen when it is dumped.
	UPDATE t SET b = 11, c = 111 WHERE a = 1;
	DELETE FROM t WHERE a = 2});

my $dump = PostgreSQL::Test::Utils::tempdir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '-d', 'copy', $dump ], 'restored');

# Written before anybody noticed.
$node->safe_psql('copy', q{
	INSERT INTO t VALUES (7, 70, 700);
	DELETE FROM t WHERE a = 3});
is($node->safe_psql('copy', $verify), '0', 'exact at once');

for my $round (1 .. 2)
{
	$node->safe_psql('copy', q{
		UPDATE t SET b = b + 1, c = c - 1 WHERE a IN (4, 5);
		INSERT INTO t VALUES (8, 80, 800)});
	is($node->safe_psql('copy', $verify), '0', "exact in round $round");
}
is($node->safe_psql('copy', $action), 'DIFFERENTIAL DIFFERENTIAL',
	'and by deltas again');

$node->stop;
done_testing();
