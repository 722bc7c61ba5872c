# What statements on stream tables lock: a name means the same before and after
# waiting, sessions that alter one stream table wait in turn, and what cannot be
# done in a read-only transaction says so before it locks anything.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 'perl';
use Processes qw(wait_for_query);

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init(allows_streaming => 1);
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = off
	fsync = off});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE item (id int PRIMARY KEY);
	INSERT INTO item VALUES (1);
	CREATE SCHEMA other});

# ---- a name that becomes another table's while a statement waits ----

# Session one puts a plain table in the place of stream table s; what the
# statement answers, which has to wait for that.
sub meets_plain_table
{
	my ($statement) = @_;
	my $one = $node->background_psql('postgres');
	my $two = $node->background_psql('postgres', on_error_stop => 0);

	$node->safe_psql('postgres', 'CREATE STREAM TABLE s AS SELECT id FROM item');
	$one->query_safe('BEGIN; DROP STREAM TABLE s; CREATE TABLE s (precious int)');
	$two->query_until(qr/begun/, "\\echo begun\n$statement;\n\\echo done\n");
	wait_for_query($node, q{SELECT count(*) FROM pg_locks WHERE NOT granted},
		'1', "$statement: waits");
	$one->query_safe('COMMIT');
	$two->query_until(qr/done/, '');
	my $error = $two->{stderr};
	$one->quit;
	$two->quit;
	is($node->safe_psql('postgres', q{SELECT to_regclass('s') IS NOT NULL}),
		't', "$statement: the plain table is there");
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS s');
	return $error;
}

for my $statement (
	'DROP STREAM TABLE s',
	'DROP STREAM TABLE IF EXISTS nothing, s',
	'ALTER STREAM TABLE s RENAME TO t',
	'ALTER STREAM TABLE s SET SCHEMA other',
	'ALTER STREAM TABLE s OWNER TO CURRENT_USER',
	'REFRESH STREAM TABLE s')
{
	like(meets_plain_table($statement), qr/ERROR:  "s" is not a stream table/,
		"$statement: and that is an error");
}

# ---- sessions that do the same ----

# As many sessions at once as ALTER TABLE takes: they wait in turn.
sub wait_in_turn
{
	my ($statement) = @_;
	my $file = $node->basedir . '/statement.pgbench';
	my ($out, $error);

	open(my $script, '>', $file) or die "$file: $!";
	print $script "$statement;\n";
	close $script;
	IPC::Run::run(
		[ 'pgbench', '-n', '-c', '6', '-t', '100', '-f', $file,
			$node->connstr('postgres') ],
		'>', \$out, '2>', \$error);
	like($out, qr{actually processed: 600/600}, "six sessions: $statement")
	  or diag($error);
	return;
}

$node->safe_psql('postgres', 'CREATE STREAM TABLE s AS SELECT id FROM item');
wait_in_turn($_)
  for (
	'ALTER STREAM TABLE s OWNER TO CURRENT_USER',
	'ALTER STREAM TABLE s SET SCHEMA public',
	q{ALTER STREAM TABLE s SET (tier = 'cold')},
	'ALTER STREAM TABLE s AS SELECT id FROM item WHERE id > 0',
	'DROP STREAM TABLE IF EXISTS nothing');

# ---- a standby ----

# Locks like these cannot even be had there.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;

my %tags = (
	'CREATE STREAM TABLE t AS SELECT id FROM item' => 'CREATE TABLE AS',
	'CREATE STREAM TABLE t WITH (no = 1) AS SELECT 1' => 'CREATE TABLE AS',
	'ALTER STREAM TABLE s SUSPEND' => 'ALTER TABLE',
	'ALTER STREAM TABLE s AS SELECT 1 AS id' => 'ALTER TABLE',
	'ALTER STREAM TABLE s RENAME TO t' => 'ALTER TABLE',
	'ALTER STREAM TABLE s SET SCHEMA other' => 'ALTER TABLE',
	'ALTER STREAM TABLE s OWNER TO CURRENT_USER' => 'ALTER TABLE',
	'ALTER TABLE s SET (pg_trickle.tier = hot)' => 'ALTER TABLE',
	'REFRESH STREAM TABLE s' => 'REFRESH MATERIALIZED VIEW',
	'REFRESH STREAM TABLE nothing' => 'REFRESH MATERIALIZED VIEW',
	'DROP STREAM TABLE s' => 'DROP TABLE',
	'DROP STREAM TABLE item' => 'DROP TABLE');
for my $statement (sort keys %tags)
{
	my (undef, undef, $error) = $standby->psql('postgres', $statement);

	like($error,
		qr/ERROR:  cannot execute $tags{$statement} in a read-only transaction/,
		"standby: $statement");
}
$standby->stop;
$node->stop;
done_testing();
