# A standby has the stream tables as they are on the primary, and cannot refresh
# them.  When it is promoted it goes on, with the changes that were not seen.
# So does a base backup.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamTables;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $primary = PostgreSQL::Test::Cluster->new('primary');
my $standby = PostgreSQL::Test::Cluster->new('standby');
my $copy = PostgreSQL::Test::Cluster->new('copy');
my $contents = q{
	SELECT string_agg(md5(query_to_xml(format('SELECT * FROM %s q ORDER BY q::text',
		pgt_relid), true, true, '')::text), ' ' ORDER BY pgt_id)
	FROM pgtrickle.pgt_stream_tables};

# Changes that are in nobody's way.
sub insertions
{
	my ($n) = @_;

	return qq{
		INSERT INTO item VALUES (1000 + $n, 'late $n', 'red');
		INSERT INTO sale SELECT 1000 + i, $n, date '2023-12-20' + i FROM generate_series(1, 20) i;
		INSERT INTO "S p"."Source" VALUES ($n, 'late $n');};
}

$primary->init(allows_streaming => 1);
$primary->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = off
	max_prepared_transactions = 5
	pg_trickle.segment_blocks = 1
	pg_trickle.capture_buffer_rows = 3});
$primary->start;
$primary->safe_psql('postgres', 'CREATE DATABASE world');
make_world($primary, 'world');
refresh_world($primary, 'world');
$primary->backup('early');
$standby->init_from_backup($primary, 'early', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'hot_standby_feedback = on');
$standby->start;

for my $n (1 .. 3)
{
	change_world($primary, 'world', $n);
	is(refresh_world($primary, 'world'), refreshed_as('DIFFERENTIAL'), "round $n");
}
$primary->safe_psql('world', 'BEGIN; ' . insertions(4) . q{; PREPARE TRANSACTION 'late'});
change_world($primary, 'world', 5);
$primary->safe_psql('world', q{SELECT pgtrickle.refresh_stream_table('counted')});
change_world($primary, 'world', 6);
my $writer = $primary->background_psql('world');
$writer->query_safe('BEGIN; ' . insertions(7));
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

# ---- in recovery ----

is($standby->safe_psql('world', $contents),
	$primary->safe_psql('world', $contents), 'the standby has what the primary has');
foreach my $call (
	q{refresh_stream_table('counted')},
	q{create_stream_table('x', 'SELECT 1 AS x')},
	q{verify_stream_table('counted')},
	q{repair_stream_table('counted')},
	q{drop_stream_table('counted')})
{
	my ($status, $stdout, $stderr) =
	  $standby->psql('world', "\\set VERBOSITY sqlstate\nSELECT pgtrickle.$call");
	like($stderr, qr/ERROR:  (25006|55000)/, "in recovery: $call");
}
is($standby->safe_psql('world', q{SELECT count(*) > 10 FROM pgtrickle.pgt_status()}),
	't', 'what there is can be looked at');

# A dump of the standby.
$standby->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", 'world' ],
	'the standby is dumped');
$primary->safe_psql('postgres', 'CREATE DATABASE restored');
$primary->command_ok([ 'pg_restore', '-e', '-d', 'restored', "$folder/dump" ],
	'and restored');
is(refresh_world($primary, 'restored'), refreshed_as('DIFFERENTIAL'),
	'the dump is complete');

# ---- promoted; the primary goes on for itself ----

$primary->backup('late');
$copy->init_from_backup($primary, 'late');
$standby->promote;
$copy->start;
$writer->query_safe('COMMIT');
$writer->quit;

# A transaction that ran on the primary is not known elsewhere.
foreach my $server ($standby, $copy, $primary)
{
	my $name = $server->name;

	is(refresh_world($server, 'world'), refreshed_as('DIFFERENTIAL'),
		"$name: unseen changes are seen, as deltas");
	change_world($server, 'world', 8);
	$server->safe_psql('world', q{COMMIT PREPARED 'late'});
	is(refresh_world($server, 'world'), refreshed_as('DIFFERENTIAL'),
		"$name: it goes on");
	is(refresh_world($server, 'world'), refreshed_as('NO_DATA'),
		"$name: nothing is seen twice");
}
$_->stop foreach $standby, $copy, $primary;

done_testing();
