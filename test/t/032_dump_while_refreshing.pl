# pg_dump takes its snapshot before its locks, and may read hours later.  What it
# finds then fits together, whatever is refreshed, and emptied, in the meantime.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamTables;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('main');

# The results of the queries on base tables, under the snapshot of the caller.
my $results = q{
	SELECT string_agg(md5(query_to_xml(format('SELECT * FROM (%s) q ORDER BY q::text',
		original_query), true, true, '')::text), ' ' ORDER BY pgt_id)
	FROM pgtrickle.pgt_stream_tables WHERE pgt_relid::text NOT IN ('merged', 'top');};

sub restore
{
	my ($dump, $database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->command_ok([ 'pg_restore', '-e', '-d', $database, "$folder/$dump" ],
		"$database is restored");
	return;
}

$node->init;
$node->append_conf('postgresql.conf',
	"autovacuum = off\npg_trickle.segment_blocks = 1\npg_trickle.capture_buffer_rows = 3");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE world');
make_world($node, 'world');
refresh_world($node, 'world');
for my $n (1 .. 3)
{
	change_world($node, 'world', $n);
	refresh_world($node, 'world');
}
change_world($node, 'world', 4);
$node->safe_psql('world', q{SELECT pgtrickle.refresh_stream_table('counted')});
change_world($node, 'world', 5);

# ---- one snapshot, kept while a lot happens ----

my $dumper = $node->background_psql('world');
$dumper->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
chomp(my $snapshot = $dumper->query_safe('SELECT pg_export_snapshot()'));
my $needed = $dumper->query_safe(
	q{SELECT string_agg(log_relid::text, ',' ORDER BY 1)
	FROM pgtrickle.pgt_log_segments WHERE state NOT IN ('d', 'f')});
my $times = "SELECT string_agg(times_emptied::text, ' ' ORDER BY log_relid::text)
	FROM pgtrickle.pgt_log_segments WHERE log_relid = ANY ('{$needed}'::regclass[])";
my $before = $node->safe_psql('world', $times);

for my $n (6 .. 10)
{
	change_world($node, 'world', $n);
	refresh_world($node, 'world');
}
is($node->safe_psql('world', $times),
	$before, 'what the snapshot may need is not emptied');
is( $node->safe_psql(
		'world', "SELECT bool_and(state = 'd') FROM pgtrickle.pgt_log_segments
		WHERE log_relid = ANY ('{$needed}'::regclass[])"),
	't',
	'although nobody else needs it');

$node->command_ok(
	[ 'pg_dump', '-Fc', "--snapshot=$snapshot", '-f', "$folder/old", 'world' ],
	'dumped under the old snapshot');
chomp(my $expected = $dumper->query_safe($results));
$dumper->query_safe('COMMIT');
$dumper->quit;

restore('old', 'old');
isnt($node->safe_psql('world', $results), $expected, 'much has changed since');
is(refresh_world($node, 'old'), refreshed_as('DIFFERENTIAL'),
	'what is restored is refreshed by deltas, exactly');
is($node->safe_psql('old', $results),
	$expected, 'and is what there was under the old snapshot');
change_world($node, 'old', 11);
is(refresh_world($node, 'old'), refreshed_as('DIFFERENTIAL'), 'it goes on');

change_world($node, 'world', 12);
refresh_world($node, 'world') for (1 .. 3);
isnt($node->safe_psql('world', $times),
	$before, 'it is emptied when the snapshot is gone');

# ---- dumps while many write and refresh ----

append_to_file("$folder/write.pgbench", q{
	\set i random(1, 20)
	\set j random(1, 1000000)
	BEGIN;
	INSERT INTO sale VALUES (:i, :i % 5 + 1, date '2023-06-01' + :i * 20);
	UPDATE item SET name = 'name ' || :j WHERE id = :i;
	INSERT INTO "S p"."Source" VALUES (:i % 4, :j);
	END;
	DELETE FROM sale WHERE item = :i % 7 AND n = :i % 5 + 1;
});
append_to_file("$folder/refresh.pgbench", join '',
	map { "SELECT pgtrickle.refresh_stream_table('$_');\n" }
	  qw(top joined spread numbers bag later), '"S p"."Stream"');
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-M', 'simple', '-c', '4', '-T', '5', '--max-tries=10',
		'-f', "$folder/write.pgbench\@3", '-f', "$folder/refresh.pgbench\@1",
		$node->connstr('world') ],
	'>', \my $load_output, '2>', \my $load_errors);
for my $n (1 .. 3)
{
	$node->command_ok([ 'pg_dump', '-Fd', '-j2', '-f', "$folder/running$n", 'world' ],
		"dump $n of a busy database");
}
$load->finish;
unlike($load_errors, qr/error|aborted/i, 'writers and refreshes meet no error');
for my $n (1 .. 3)
{
	restore("running$n", "running$n");
	unlike(refresh_world($node, "running$n"),
		qr/differ|verified|(?<!everything )FULL/, "dump $n is exact");
}
unlike(refresh_world($node, 'world'), qr/differ|verified/,
	'so is the busy database');

done_testing();
