# Who may read a stream table may have others over it.  Whatever becomes of these, it
# is refreshed as its owner wants it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_trickle'");
$node->start;

my $rows = 0;

sub sql
{
	my ($role, $query) = @_;

	return $node->safe_psql('postgres', "SET ROLE $role; $query");
}

# A row more in the table of bob shows in these.
sub becomes_fresh
{
	my ($name, @streams) = @_;

	$rows++;
	sql('bob', "INSERT INTO bo.t VALUES ($rows, 1)");
	wait_for_query($node, "SELECT n FROM $_", $rows, "$name: $_") for @streams;
	return;
}

sub stream
{
	my ($role, $name, $query, @options) = @_;

	sql($role, "SELECT pgtrickle.create_stream_table("
		  . join(', ', "'$name'", "'$query'", @options) . ')');
	return;
}

# How many of the stream tables are written by one transaction with the last one.
sub as_one
{
	my ($name) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT count(*) FROM pgtrickle.pgt_stream_tables s
		WHERE xmin::text = (SELECT xmin::text FROM pgtrickle.pgt_stream_tables
			WHERE pgt_relid = '$name'::regclass)});
}

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE ROLE alice;
	CREATE ROLE bob;
	CREATE SCHEMA al AUTHORIZATION alice;
	CREATE SCHEMA bo AUTHORIZATION bob;
	GRANT USAGE ON SCHEMA bo TO alice;
	SET ROLE bob;
	CREATE TABLE bo.t (id int PRIMARY KEY, k int);
	SET ROLE alice;
	CREATE FUNCTION al.trouble(bigint) RETURNS bigint LANGUAGE plpgsql
		AS $$ BEGIN RAISE 'not now' USING ERRCODE = '40001'; END $$;});

# ---- a diamond over stream tables of another ----

my @theirs = ('bo.sa', 'bo.sb');
my $join = 'SELECT a.n, b.n AS m FROM bo.sa a JOIN bo.sb b USING (k)';

stream('bob', $_, 'SELECT k, count(*) AS n FROM bo.t GROUP BY k', "'1s'") for @theirs;
sql('bob', 'GRANT SELECT, TRIGGER ON bo.sa, bo.sb TO alice');
stream('alice', 'al.late', $join, "'300d'", "'FULL'",
	"diamond_consistency => 'atomic'", "diamond_schedule_policy => 'slowest'");
becomes_fresh('a slow one waits alone', @theirs);

stream('alice', 'al.fused', $join, "'0s'", "diamond_consistency => 'atomic'",
	'fuse_ceiling => 1');
$node->safe_psql('postgres', q{
	UPDATE pgtrickle.pgt_stream_tables SET fuse_blown_at = now()
	WHERE pgt_relid = 'al.fused'::regclass});
becomes_fresh('a blown fuse', @theirs);

stream('alice', 'al.frozen', $join, "'0s'", "diamond_consistency => 'atomic'",
	"tier => 'frozen'");
becomes_fresh('a frozen one', @theirs);

stream('alice', 'al.fails', 'SELECT al.trouble(a.n) AS n FROM bo.sa a JOIN bo.sb b USING (k)',
	"'0s'", "'FULL'", 'initialize => false', "diamond_consistency => 'atomic'");
wait_for_query($node, q{
	SELECT count(*) > 0 FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables
		USING (pgt_id)
	WHERE pgt_relid = 'al.fails'::regclass AND pgt_refresh_history.status = 'FAILED'},
	't', 'one fails');
becomes_fresh('one that fails', @theirs);

# ---- what has no schedule of its own ----

stream('bob', 'bo.sc', 'SELECT k, count(*) AS n FROM bo.t GROUP BY k', "'calculated'");
sql('bob', 'GRANT SELECT, TRIGGER ON bo.sc TO alice');
stream('alice', 'al.never', 'SELECT n FROM bo.sc', "'manual'");
stream('alice', 'al.rarely', 'SELECT n FROM bo.sc', "'300d'");
becomes_fresh('nobody else decides how often', 'bo.sc');

# ---- who owns it decides, from when he does ----

sql('alice', "DROP TABLE al.$_") for qw(late fused frozen fails);
stream('bob', 'bo.meet', 'SELECT a.n, b.n AS m FROM bo.sa a JOIN bo.sb b USING (k)',
	"'1s'", "diamond_consistency => 'atomic'");
becomes_fresh('a diamond of his own', @theirs, 'bo.meet');
is(as_one('bo.meet'), '3', 'is refreshed as one');
sql('bob', q{SELECT pgtrickle.alter_stream_table('bo.meet', tier => 'frozen')});
$node->safe_psql('postgres', 'ALTER TABLE bo.sa OWNER TO alice');
$node->safe_psql('postgres',
	'GRANT SELECT, TRIGGER ON bo.t TO alice; GRANT SELECT, TRIGGER ON bo.sa TO bob');
becomes_fresh('not his any more', 'bo.sa');
sql('bob', q{SELECT pgtrickle.alter_stream_table('bo.meet', tier => 'hot')});
becomes_fresh('beside', @theirs, 'bo.meet');
$node->safe_psql('postgres', 'REASSIGN OWNED BY alice TO bob');
becomes_fresh('his again', @theirs, 'bo.meet');
is(as_one('bo.meet'), '3', 'is refreshed as one again');

$node->stop;
done_testing();
