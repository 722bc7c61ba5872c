# The demo runs, finds no difference between its stream tables and their
# queries, and prints what docs/demo.md shows, except for the times.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = "$FindBin::RealBin/../..";
my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('demo');

# What differs from run to run and from machine to machine.
sub without_times
{
	my ($page) = @_;

	$page =~ s/^.*?(?=^## )//ms;
	$page =~ s/^ stream table \| +refresh .*\n[-+]+\n(?: \w+ +\|.*\n)+/(times)\n/mg;
	return $page;
}

$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_trickle'\npg_trickle.enabled = off");
$node->start;

{
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'postgres';
	local $ENV{OUT} = $folder;
	command_ok([ 'bash', "$tree/demo/run.sh" ], 'the demo finds no difference');
}
is( without_times(slurp_file("$folder/demo.md")),
	without_times(slurp_file("$tree/docs/demo.md")),
	'it prints what docs/demo.md shows');

$node->stop;
done_testing();
