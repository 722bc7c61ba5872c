# When the server's parser is replaced, and what happens where it is not: by a
# setting, by the system, by another library, by a doubt of the self-check.
use strict;
use warnings;

use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $modules = abs_path('parser');

sub new_node
{
	my ($name, $settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	$node->append_conf('postgresql.conf', <<"END");
fsync = off
pg_trickle.enabled = off
$settings
END
	return $node;
}

# not_replaced(NODE, REASON): the node runs; all but the syntax works.
sub not_replaced
{
	my ($node, $reason) = @_;
	my $name = $node->name;
	my (undef, undef, $error) = $node->psql('postgres', q{
		CREATE EXTENSION pg_trickle;
		CREATE TABLE item (id int);
		CREATE STREAM TABLE s AS SELECT id FROM item});

	like($error, qr/syntax error at or near "STREAM"/, "$name: no syntax");
	like($error,
		qr/HINT:  CREATE STREAM TABLE is not available: \Q$reason\E\. Use pgtrickle\.create_stream_table\(\)/,
		"$name: the hint says why, and what to do");
	is($node->safe_psql('postgres', 'SELECT * FROM pgtrickle.sql_syntax_status()'),
		"f|$reason", "$name: sql_syntax_status()");
	is($node->safe_psql('postgres', q{
			CREATE TABLE s USING stream AS SELECT id FROM item;
			INSERT INTO item VALUES (1);
			REFRESH MATERIALIZED VIEW s;
			SELECT pgtrickle.create_stream_table('f', 'SELECT id FROM item');
			SELECT * FROM s}),
		"\n1", "$name: the stock forms and the functions work");
	return;
}

sub says_why
{
	my ($node, $reason) = @_;

	like(slurp_file($node->logfile),
		qr/LOG:.*CREATE STREAM TABLE is not available: \Q$reason\E$/m,
		$node->name . ': the log says why');
	return;
}

# ---- replaced ----

my $node = new_node('replaced', "shared_preload_libraries = 'pg_trickle'");
$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION pg_trickle;
	CREATE FUNCTION interposed() RETURNS text
		AS '$modules/selfcheck_test', 'interposed_test' LANGUAGE C});
is($node->safe_psql('postgres', 'SELECT * FROM pgtrickle.sql_syntax_status()'),
	't|', 'replaced: available');
is($node->safe_psql('postgres', 'SELECT interposed()'), '',
	'replaced: calls arrive');
$node->safe_psql('postgres', 'CREATE STREAM TABLE s AS SELECT 1 AS n');
unlike(slurp_file($node->logfile), qr/is not available/,
	'replaced: nothing to say');

# ---- by a setting ----

$node->append_conf('postgresql.conf', 'pg_trickle.sql_syntax = off');
$node->restart;
$node->safe_psql('postgres',
	q{SELECT pgtrickle.drop_stream_table('s'); DROP EXTENSION pg_trickle CASCADE});
not_replaced($node, 'pg_trickle.sql_syntax is off');
is($node->safe_psql('postgres', 'SELECT interposed()'),
	"calls of the server's parser do not arrive at pg_trickle's",
	'off: calls do not arrive, and that would be noticed');
my (undef, undef, $error) =
  $node->psql('postgres', 'SET pg_trickle.sql_syntax = on');
like($error, qr/cannot be changed without restarting the server/,
	'off: not to be switched on in a session');
$node->stop;

# ---- by the system ----

SKIP:
{
	skip 'this kernel has no PR_SET_MDWE', 5
	  if system('parser/without_wx', 'true') != 0;

	$node = new_node('forbidden',
		"shared_preload_libraries = 'pg_trickle'\njit = off");
	system_or_bail('parser/without_wx', 'pg_ctl', '-w', '-D',
		$node->data_dir, '-l', $node->logfile, 'start');
	$node->_update_pid(1);
	my $reason = q{the system does not let the server's code be changed};
	not_replaced($node, $reason);
	says_why($node, $reason);
	$node->stop;
}

# ---- by another library, which keeps its parser ----

$node = new_node('taken',
	"shared_preload_libraries = '$modules/parser_taken, pg_trickle'");
$node->start;
my $reason = q{another library has replaced the server's parser};
not_replaced($node, $reason);
says_why($node, $reason);
(undef, undef, $error) =
  $node->psql('postgres', q{SELECT 'who parses'});
like($error, qr/NOTICE:  another library parses/,
	'taken: the other library has its calls');
$node->stop;

# ---- by the self-check ----

$node = new_node('doubted', '');
$node->start;
$node->safe_psql('postgres', qq{
	CREATE FUNCTION why(defect text) RETURNS text
		AS '$modules/selfcheck_test', 'selfcheck_test' LANGUAGE C});
is($node->safe_psql('postgres', q{SELECT why('none')}),
	'', 'a parser without a defect is taken');
for my $defect (
	'modes are shifted',
	'positions are shifted',
	'lengths are wrong',
	'kinds are wrong',
	'statements get lost',
	'raises errors')
{
	is( $node->safe_psql('postgres', "SELECT why('$defect')"),
		'the parser of this server is not one that pg_trickle knows',
		"refused: $defect");
}
$node->stop;
done_testing();
