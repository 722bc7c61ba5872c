# A dump holds everything: a database that is restored from it goes on where it
# was, with the changes that its stream tables had not seen, and so does one
# that is restored from a dump of that.  Dependencies are as they were.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamTables;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('main');
my $other = PostgreSQL::Test::Cluster->new('other');

sub create_database
{
	my ($server, $database) = @_;

	$server->safe_psql('postgres', "CREATE DATABASE $database");
	return;
}

sub dump_database
{
	my ($server, $database, @options) = @_;

	$server->command_ok(
		[ 'pg_dump', '-f', "$folder/$database", @options, $database ],
		"$database is dumped: @options");
	return;
}

# A dump of one database into another one, wholly or in part.
sub restore_database
{
	my ($server, $from, $to, @options) = @_;

	$server->command_ok(
		[ 'pg_restore', '-e', '-d', $to, @options, "$folder/$from" ],
		"$to is restored: @options");
	return;
}

# Is everything there, does it belong to whom it did, and does it go with whom
# it did?  Segments come and go.
my $inventory = q{
	CREATE TEMP TABLE relation AS
		SELECT oid, regexp_replace(oid::regclass::text, 'log_(\d+)_\d+', 'log_\1') AS name,
			relowner::regrole AS owner, relkind, relacl
		FROM pg_class
		WHERE relkind IN ('r', 'v')
			AND relnamespace::regnamespace::text IN ('pgtrickle_query', 'pgtrickle_state', 'pgtrickle_changes', 'public', '"S p"');
	SELECT DISTINCT 'relation', name, owner::text, relkind::text FROM relation
	UNION
	SELECT 'privilege', name, grantee::regrole::text, privilege_type
	FROM relation, aclexplode(relacl) WHERE grantee <> owner
	UNION
	SELECT 'dependency', name, pg_describe_object(refclassid, refobjid, refobjsubid), deptype::text
	FROM pg_depend JOIN relation ON classid = 'pg_class'::regclass AND objid = oid AND objsubid = 0
	UNION
	SELECT 'trigger', name, tgname, tgenabled::text FROM pg_trigger JOIN relation ON tgrelid = relation.oid
	UNION
	SELECT 'index', name, pg_get_indexdef(indexrelid), '' FROM pg_index JOIN relation ON indrelid = relation.oid
	UNION
	SELECT 'constraint', name, conname, pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN relation ON conrelid = relation.oid
	ORDER BY 1, 2, 3, 4};

# What holds refreshes back.
my $controls = q{
	SELECT state, since, set_by FROM pgtrickle.pgt_control;
	SELECT * FROM pgtrickle.source_gates();
	SELECT * FROM pgtrickle.watermarks();
	SELECT * FROM pgtrickle.watermark_status();
	SELECT created_at FROM pgtrickle.pgt_watermark_groups;};

# What our schemas and catalog hold, and triggers of ours.
my $left = q{
	SELECT oid::regclass::text FROM pg_class
	WHERE relkind IN ('r', 'v') AND relnamespace::regnamespace::text ~ '^pgtrickle_'
	UNION ALL SELECT tgname FROM pg_trigger WHERE tgname ~ 'pgt'};

# ---- a database with all kinds of segments and frontiers ----

$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$other->init;
$other->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_trickle'\npg_trickle.enabled = off");
$other->start;

create_database($node, 'one');
$node->safe_psql('postgres',
	'ALTER DATABASE one SET pg_trickle.segment_blocks = 1');
make_world($node, 'one');
refresh_world($node, 'one');
for my $n (1 .. 3)
{
	change_world($node, 'one', $n);
	is(refresh_world($node, 'one'), refreshed_as('DIFFERENTIAL'), "round $n");
}
change_world($node, 'one', 4);
$node->safe_psql(
	'one', q{
	SELECT pgtrickle.pause_scheduler();
	SELECT pgtrickle.gate_source('"S p"."Source"');
	SELECT pgtrickle.advance_watermark('sale', '2024-06-01 12:00Z');
	SELECT pgtrickle.create_watermark_group('"G"', '{sale,item,"\\"S p\\".\\"Source\\""}', 0.5);
	SELECT pgtrickle.refresh_stream_table('counted');
	SELECT pgtrickle.create_stream_table('unfilled', 'SELECT n FROM sale WHERE n < 4',
		refresh_mode => 'DIFFERENTIAL', initialize => false);});
change_world($node, 'one', 5);
is( $node->safe_psql(
		'one', q{SELECT string_agg(DISTINCT state::text, '' ORDER BY state::text)
			FROM pgtrickle.pgt_log_segments}),
	'COcdf',
	'there are segments in all states');

# ---- from SQL to another cluster; written to before it is refreshed ----

dump_database($node, 'one');
create_database($other, 'two');
$other->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'two', '-f', "$folder/one" ],
	'two is restored from SQL');
change_world($other, 'two', 6);
is( refresh_world($other, 'two'),
	refreshed_as('DIFFERENTIAL', unfilled => 'REINITIALIZE'),
	'changes from before the dump and after the restore are seen, as deltas');
is( $other->safe_psql('two', $inventory),
	$node->safe_psql('one', $inventory),
	'everything is as it was');
is( $other->safe_psql('two', $controls),
	$node->safe_psql('one', $controls),
	'so are pause, gates, watermarks and groups');
like(
	$node->safe_psql('one', $controls),
	qr/^paused\|.*"S p"\."Source".*^public\.sale\|2024-06-01.*^"G"\|/ms,
	'which there are');
change_world($other, 'two', 7);
is( refresh_world($other, 'two'),
	refreshed_as('DIFFERENTIAL', unfilled => 'DIFFERENTIAL'),
	'it goes on');

# ---- a dump of that one, with unseen changes of two eras ----

change_world($other, 'two', 8);
dump_database($other, 'two', '-Fd', '-j2');
create_database($node, 'three');
restore_database($node, 'two', 'three', '-j2');
is( refresh_world($node, 'three'),
	refreshed_as('DIFFERENTIAL', unfilled => 'DIFFERENTIAL'),
	'the restored database was dumped and restored');
is(refresh_world($node, 'three'),
	refreshed_as('NO_DATA', unfilled => 'NO_DATA'), 'nothing is seen twice');
change_world($node, 'three', 9);
is( refresh_world($node, 'three'),
	refreshed_as('DIFFERENTIAL', unfilled => 'DIFFERENTIAL'),
	'it goes on');

# A dump before the first refresh after a restore: two eras are unseen.
dump_database($node, 'one', '-Fc');
create_database($node, 'four');
restore_database($node, 'one', 'four');
change_world($node, 'four', 10);
dump_database($node, 'four', '-Fc');
create_database($other, 'five');
restore_database($other, 'four', 'five', '-j2');
change_world($other, 'five', 11);
is( refresh_world($other, 'five'),
	refreshed_as('DIFFERENTIAL', unfilled => 'REINITIALIZE'),
	'three eras of unseen changes');

# ---- in the same cluster, the xids of the dump are no longer ----

# The segments of the old era go the way of all segments.
for my $n (12 .. 14)
{
	change_world($node, 'three', $n);
	refresh_world($node, 'three');
}
is( $node->safe_psql(
		'three', q{
		SELECT count(*) FROM pgtrickle.pgt_log_segments
		WHERE era <> (SELECT system_identifier || '.' || xmin FROM pgtrickle.pgt_era)
			AND state <> 'f'}),
	'0',
	'segments of other eras are emptied');
$node->safe_psql('three', 'VACUUM FREEZE');
change_world($node, 'three', 15);
is( refresh_world($node, 'three'),
	refreshed_as('DIFFERENTIAL', unfilled => 'DIFFERENTIAL'),
	'VACUUM FREEZE does not change the era');
$node->safe_psql('three',
	'VACUUM FULL pgtrickle.pgt_era; VACUUM FULL pgtrickle.pgt_stream_tables');
change_world($node, 'three', 16);
is( refresh_world($node, 'three'),
	refreshed_as('DIFFERENTIAL', unfilled => 'DIFFERENTIAL'),
	'nor does VACUUM FULL');

# A copy of a database shares its era; both go on.
change_world($node, 'three', 17);
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE three');
change_world($node, $_, 18) for ('three', 'copy');
is( refresh_world($node, $_),
	refreshed_as('DIFFERENTIAL', unfilled => 'DIFFERENTIAL'),
	"CREATE DATABASE copy TEMPLATE three: $_")
  for ('three', 'copy');

# ---- while it is being restored ----

# Every refresh fails because the database is not complete, but for those that
# do nothing else than recompute.
sub refuses_refresh
{
	my ($database, $when) = @_;
	my $refused = $node->safe_psql(
		$database, q{
		DO $$
		DECLARE
			stream regclass;
			refused text := '';
		BEGIN
			FOR stream IN SELECT pgt_relid FROM pgtrickle.pgt_stream_tables
				WHERE refresh_mode <> 'FULL' ORDER BY pgt_id LOOP
				BEGIN
					PERFORM pgtrickle.refresh_stream_table(stream::text);
					refused := refused || format('%s was refreshed ', stream);
				EXCEPTION WHEN object_not_in_prerequisite_state THEN
				END;
			END LOOP;
			PERFORM set_config('world.refused', refused, false);
		END
		$$;
		SELECT current_setting('world.refused')});

	is($refused, '', "no refresh while it is restored: $when");
	return;
}

create_database($node, 'six');
restore_database($node, 'one', 'six', '--section=pre-data');
restore_database($node, 'one', 'six', '--section=data');
refuses_refresh('six', 'data');

# The guards come first, then the logs' constraints, then the triggers.
my ($contents) = run_command(
	[ 'pg_restore', '-l', '--section=post-data', "$folder/one" ]);
my $part = 0;
foreach my $kind (qr/ TRIGGER .* pgt_guard/, qr/ CHECK CONSTRAINT /, qr/ INDEX /)
{
	append_to_file("$folder/part$part", join "\n", (grep { $_ =~ $kind } split /\n/, $contents), '');
	restore_database($node, 'one', 'six', '-L', "$folder/part$part");
	refuses_refresh('six', "post-data $part");
	$part++;
}
append_to_file("$folder/rest",
	join "\n", (grep { $_ !~ / TRIGGER .* pgt_guard| CHECK CONSTRAINT | INDEX / } split /\n/, $contents), '');
restore_database($node, 'one', 'six', '-L', "$folder/rest");
is( refresh_world($node, 'six'),
	refreshed_as('DIFFERENTIAL', unfilled => 'REINITIALIZE'),
	'complete');

# ---- by the owner of the database, who is no superuser ----

$node->safe_psql('postgres', 'CREATE ROLE regress_031_owner LOGIN; CREATE DATABASE owned OWNER regress_031_owner');
$node->safe_psql(
	'owned', q{
	CREATE EXTENSION pg_trickle;
	GRANT ALL ON SCHEMA public TO regress_031_owner;
	SET SESSION AUTHORIZATION regress_031_owner;
	CREATE TABLE t (k int, v int);
	SELECT pgtrickle.create_stream_table('st', 'SELECT k, sum(v) AS v FROM t GROUP BY k',
		refresh_mode => 'DIFFERENTIAL');
	INSERT INTO t VALUES (1, 1);
	SELECT pgtrickle.refresh_stream_table('st');
	INSERT INTO t VALUES (1, 2);});
dump_database($node, 'owned', '-Fc', '-U', 'regress_031_owner');
create_database($node, 'given');
restore_database($node, 'owned', 'given');
is( $node->safe_psql(
		'given', q{
		SET SESSION AUTHORIZATION regress_031_owner;
		INSERT INTO t VALUES (1, 3);
		SELECT pgtrickle.refresh_stream_table('st');
		SELECT st, action FROM st, pgtrickle.get_refresh_history('st', 1)}),
	"\n(1,6)|DIFFERENTIAL",
	'a dump by the owner of the database is complete');

# ---- data without the schema: stream tables take no rows then ----

create_database($node, 'seven');
restore_database($node, 'one', 'seven', '--schema-only');
$node->command_checks_all(
	[ 'pg_restore', '-d', 'seven', '--data-only', "$folder/one" ],
	1,
	[qr/^$/],
	[qr/cannot change stream table "counted"/],
	'--data-only: the rows of stream tables are refused');
is( refresh_world($node, 'seven'),
	refreshed_as('FULL', unfilled => 'REINITIALIZE'),
	'and computed by the next refresh');
change_world($node, 'seven', 19);
is( refresh_world($node, 'seven'),
	refreshed_as('DIFFERENTIAL', unfilled => 'DIFFERENTIAL'),
	'it goes on');

# ---- dropped before the first refresh ----

create_database($node, 'eight');
restore_database($node, 'one', 'eight');
my ($status, $stdout, $stderr) =
  $node->psql('eight', 'DROP TABLE "S p"."Source"');
like($stderr, qr/other objects depend on it.*"S p"\."Stream"/s,
	'restored: a source is not dropped below a stream table');
$node->safe_psql('eight', 'DROP TABLE "S p"."Source" CASCADE');
is( $node->safe_psql('eight', q{SELECT to_regclass('"S p"."Stream"')}),
	'', 'with CASCADE, the stream table goes with it');
is( $node->safe_psql('eight',
		"SELECT * FROM ($left) l (name) WHERE name ~ '(Stream_9|n_9_1|log_6_1)'"),
	'', 'and what it had');
$node->safe_psql(
	'eight', q{
	DROP TABLE top, merged, counted, named, bag, spread, numbers, joined, later, unfilled;
	DROP TABLE everything;
	DROP TABLE item, sale;});
is($node->safe_psql('eight', $left), '', 'nothing is left behind');
is( $node->safe_psql(
		'eight', q{
		SELECT (SELECT count(*) FROM pgtrickle.pgt_stream_tables),
			(SELECT count(*) FROM pgtrickle.pgt_change_tracking),
			(SELECT count(*) FROM pgtrickle.pgt_log_segments),
			(SELECT count(*) FROM pgtrickle.pgt_nodes),
			(SELECT count(*) FROM pgtrickle.pgt_dependencies)}),
	'0|0|0|0|0',
	'nor in the catalog');

done_testing();
