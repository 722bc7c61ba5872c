# pg_upgrade keeps the meaning of xids: the new cluster goes on where the old one
# was, with the changes that its stream tables had not seen.
use strict;
use warnings;

use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamTables;

my $old = PostgreSQL::Test::Cluster->new('old');
my $new = PostgreSQL::Test::Cluster->new('new');
my $era = q{SELECT system_identifier || '.' || xmin FROM pgtrickle.pgt_era};
my $frontiers = q{SELECT string_agg(frontier::text, ' ' ORDER BY pgt_id) FROM pgtrickle.pgt_stream_tables};

$old->init;
$old->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = off
	max_prepared_transactions = 5
	pg_trickle.segment_blocks = 1});
$old->start;

# Xids are far from those of a new cluster.
$old->safe_psql('postgres',
	'DO $$ BEGIN FOR i IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
$old->safe_psql('postgres', 'CREATE DATABASE world');
make_world($old, 'world');
refresh_world($old, 'world');
for my $n (1 .. 3)
{
	change_world($old, 'world', $n);
	is(refresh_world($old, 'world'), refreshed_as('DIFFERENTIAL'), "round $n");
}

# What is seen lies on both sides of what is not.
$old->safe_psql('world',
	'BEGIN; ' . change_of_world(4) . q{; PREPARE TRANSACTION 'late'});
$old->safe_psql('world', 'INSERT INTO sale SELECT i, 2, current_date FROM generate_series(1, 10) i');
$old->safe_psql('world', q{SELECT pgtrickle.refresh_stream_table('counted'), pgtrickle.refresh_stream_table('spread')});
$old->safe_psql('world', q{COMMIT PREPARED 'late'});
change_world($old, 'world', 5);
$old->safe_psql('world', 'VACUUM (FREEZE) pgtrickle.pgt_era');

# What holds refreshes back is kept, too.
my $controls = q{
	SELECT state, since, set_by FROM pgtrickle.pgt_control;
	SELECT * FROM pgtrickle.source_gates();
	SELECT * FROM pgtrickle.watermarks();
	SELECT * FROM pgtrickle.watermark_status();};
$old->safe_psql(
	'world', q{
	SELECT pgtrickle.pause_scheduler();
	SELECT pgtrickle.gate_source('item');
	SELECT pgtrickle.advance_watermark('sale', '2024-06-01 12:00Z');
	SELECT pgtrickle.create_watermark_group('group', '{sale,item}', 60);});
my $controls_before = $old->safe_psql('world', $controls);
like($controls_before, qr/^paused\|.*^public\.item\|.*^public\.sale\|.*^group\|/ms, 'paused, gated, grouped');

my $era_before = $old->safe_psql('world', $era);
my $frontiers_before = $old->safe_psql('world', $frontiers);
$old->stop;

# Its library is found with and without preloading.
$new->init;
my $bindir = $old->config_data('--bindir');
my $socketdir = PostgreSQL::Test::Utils::tempdir_short();
chdir $PostgreSQL::Test::Utils::tmp_check or die $!;
command_ok(
	[ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir,
		'-b', $bindir, '-B', $bindir, '-s', $socketdir,
		'-p', $old->port, '-P', $new->port ],
	'pg_upgrade');

$new->start;
is($new->safe_psql('world', $era), $era_before, 'the era is the same');
is($new->safe_psql('world', $frontiers), $frontiers_before, 'so are the frontiers');
is($new->safe_psql('world', $controls), $controls_before, 'and pause, gates, watermarks and groups');
change_world($new, 'world', 6);
is(refresh_world($new, 'world'), refreshed_as('DIFFERENTIAL'),
	'changes from before and after are seen, as deltas');
change_world($new, 'world', 7);
is(refresh_world($new, 'world'), refreshed_as('DIFFERENTIAL'), 'it goes on');

# Dependencies are as they were.
my ($status, $stdout, $stderr) =
  $new->psql('world', 'DROP TABLE "S p"."Source"');
like($stderr, qr/table "S p"\."Stream" depends on/, 'a source is not dropped below a stream table');
$new->safe_psql('world', 'DROP TABLE "S p"."Source" CASCADE');
is( $new->safe_psql('world', q{SELECT to_regclass('"S p"."Stream"'), to_regclass('pgtrickle_query."Stream_9"'),
		to_regclass('pgtrickle_state.n_9_1'), to_regclass('pgtrickle_changes.log_6_1')}),
	'|||',
	'with CASCADE it takes all along');

done_testing();
