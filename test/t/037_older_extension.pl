# A library that is newer than the extension in a database: it says what to do,
# and what it says works; the scheduler comes back at once.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 12
	fsync = off});
$node->start;

sub fails
{
	my ($sql, $error, $name) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', $sql);

	like($stderr, $error, $name);
	return;
}

# As if an older version had been created, which lacks a column.
sub make_older
{
	$node->safe_psql(
		'postgres', q{
		SET allow_system_table_mods = on;
		DELETE FROM pg_attribute
			WHERE attrelid = 'pgtrickle.pgt_stream_tables'::regclass AND attname = 'text_search_config';
		UPDATE pg_class SET relnatts = relnatts - 1 WHERE oid = 'pgtrickle.pgt_stream_tables'::regclass;
		UPDATE pg_extension SET extversion = '0.0.9' WHERE extname = 'pg_trickle'});
	return;
}

my $older = qr/extension "pg_trickle" is older than its library.*HINT:  Run ALTER EXTENSION pg_trickle UPDATE\./s;

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (i int);
	INSERT INTO t VALUES (1);
	SELECT pgtrickle.create_stream_table('st', 'SELECT count(*) AS n FROM t', schedule => '0s');
	SELECT pgtrickle.create_stream_table('above', 'SELECT n FROM st', schedule => '0s')});
wait_for_schedulers($node, 'postgres', 'a scheduler');

# ---- ALTER EXTENSION UPDATE ----

make_older();
fails(q{SELECT pgtrickle.refresh_stream_table('st')}, $older, 'refreshing says what to do');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(} . scheduler_pid($node, 'postgres') . ')')
  if scheduler_pid($node, 'postgres') ne '';
$node->wait_for_log(qr/it is started again in 8 s/);
$node->safe_psql('postgres', 'INSERT INTO t VALUES (2)');
my $start = time;
$node->safe_psql('postgres', 'ALTER EXTENSION pg_trickle UPDATE');
wait_for_query($node, 'SELECT n FROM above', 2, 'updated, it goes on');
cmp_ok(time - $start, '<', 5, 'at once');
is($node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'pg_trickle'}),
	'0.1.0', 'updated');

# ---- DROP EXTENSION ----

make_older();
$node->safe_psql('postgres', q{SET allow_system_table_mods = on;
	UPDATE pg_class SET relname = 'absent' WHERE oid = 'pgtrickle.pgt_watermark_groups'::regclass});
fails('SELECT pgtrickle.watermark_status()', qr/older than its library.*no relation "pgt_watermark_groups"/s,
	'a table that is not there yet');
fails('DROP EXTENSION pg_trickle', qr/because other objects depend on it/, 'as ever');
$node->safe_psql('postgres', 'DROP EXTENSION pg_trickle CASCADE');
is($node->safe_psql('postgres', 'SELECT n FROM st'), 2, 'the stream table stays');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (3); DROP TABLE t');
is($node->safe_psql('postgres', 'SELECT n FROM above'), 2, 'and depends on nothing');
wait_for_schedulers($node, 'none', 'the scheduler has left');
$node->safe_psql('postgres', 'DROP TABLE above, st; CREATE EXTENSION pg_trickle');
wait_for_schedulers($node, 'postgres', 'and comes back with the extension');

done_testing();
