# Stream tables are created upon one that is refreshed all the time, altered
# and dropped: nobody meets a deadlock, and what is left is right.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = on});
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE source (id int PRIMARY KEY, kind text, n int);
	INSERT INTO source SELECT i, 'kind ' || i % 7, i FROM generate_series(1, 1000) i;
	SELECT pgtrickle.create_stream_table('counted',
		'SELECT kind, count(*) AS n FROM source GROUP BY kind', schedule => '0s')});

# A writer that keeps the scheduler busy.
my $writes = join "\n", map {
	"INSERT INTO source VALUES (1000 + $_, 'kind ' || $_ % 9, $_);"
	  . "UPDATE source SET n = n + 1 WHERE id % 100 = $_ % 100;"
} 1 .. 400;
my ($out, $err) = ('', '');
my $writer = IPC::Run::start(
	[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
	'<', \$writes, '>', \$out, '2>', \$err);

my $ddl = join "\n", map {
	qq{
	SELECT pgtrickle.create_stream_table('direct', 'SELECT kind, n FROM counted WHERE n > 0');
	SELECT pgtrickle.create_stream_table('joined',
		'SELECT d.kind, count(*) FROM direct d JOIN counted USING (kind) GROUP BY d.kind');
	SELECT pgtrickle.alter_stream_table('direct', query => 'SELECT kind, n FROM counted WHERE n > 1');
	SELECT pgtrickle.alter_stream_table('direct', refresh_mode => 'FULL');
	SELECT pgtrickle.repair_stream_table('joined');
	DROP TABLE joined;
	DROP TABLE direct;}
} 1 .. 15;
my ($code, undef, $stderr) = $node->psql('postgres', "SET client_min_messages = warning; $ddl",
	on_error_stop => 1);
is($code, 0, 'definitions change while their sources are refreshed');
is($stderr, '', '... without an error');

$writer->finish;
is($err, '', 'the writer met no error either');
is($node->safe_psql('postgres', q{SELECT * FROM pgtrickle.verify_stream_table('counted')}),
	'', 'the stream table is right');
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'no process met a deadlock');
cmp_ok($node->safe_psql('postgres',
		q{SELECT count(*) FROM pgtrickle.get_refresh_history('counted', 10000)
		  WHERE initiated_by = 'SCHEDULER'}),
	'>', 5, 'it was refreshed all the time');
$node->stop;
done_testing();
