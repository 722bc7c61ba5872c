# The library loads with the server, and without it; the extension installs
# either way.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;

for my $libraries ('pg_trickle', '')
{
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = '$libraries'\npg_trickle.enabled = off");
	$node->start;
	is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'),
		$libraries, "server runs with shared_preload_libraries = '$libraries'");
	is( $node->safe_psql(
			'postgres', q{
				CREATE EXTENSION pg_trickle;
				SELECT count(*) FROM pg_extension WHERE extname = 'pg_trickle';
				DROP EXTENSION pg_trickle;}),
		'1', 'the extension installs');
	$node->stop;
}

done_testing();
