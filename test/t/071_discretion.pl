# Who refreshes what reads the stream table of another has that refreshed, too: with
# all that the server can be made to say about statements switched on, nothing of its
# query or of the rows that it reads comes to the client.  The log has the error.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_trickle'\npg_trickle.enabled = off");
$node->start;

# What psql prints, errors and notices included, in a session that is told all.
sub told
{
	my ($role, $query) = @_;

	my ($out, $err);
	$node->psql(
		'postgres', qq{
			SET ROLE $role;
			SET client_min_messages = debug5;
			SET debug_print_parse = on;
			SET debug_print_rewritten = on;
			SET debug_print_plan = on;
			$query},
		stdout => \$out,
		stderr => \$err,
		on_error_stop => 0);
	return "$out\n$err";
}

# The number as text in a query, and in the dump of a query tree.
my $number = qr/4711|103 18 0 0/;

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE ROLE ann;
	CREATE ROLE bob;
	GRANT CREATE ON SCHEMA public TO ann, bob;
	CREATE SCHEMA secret AUTHORIZATION ann;
	SET ROLE ann;
	CREATE TABLE secret.item (id int PRIMARY KEY, kind text);
	INSERT INTO secret.item VALUES (1, '1'), (2, '2');
	CREATE STREAM TABLE kinds WITH (schedule = 'manual') AS
		SELECT id, kind::int * 2 AS double FROM secret.item WHERE id <> 4711;
	GRANT SELECT, TRIGGER ON kinds TO bob;
	SET ROLE bob;
	CREATE STREAM TABLE above WITH (schedule = 'manual') AS
		SELECT id, double + 1 AS more FROM kinds;});

like(told('ann', "SELECT pgtrickle.refresh_stream_table('kinds')"),
	$number, 'the owner can have the server print the query');

$node->safe_psql('postgres', "INSERT INTO secret.item VALUES (3, '3')");
my $told = told('bob', "SELECT pgtrickle.refresh_stream_table('above')");
unlike($told, $number, 'somebody else cannot, by a refresh');
is($node->safe_psql('postgres', 'SELECT count(*) FROM above'),
	'3', 'which did its work');

$node->safe_psql('postgres', "INSERT INTO secret.item VALUES (4, 'the code is 4711')");
my $from = -s $node->logfile;
$told = told('bob', "SELECT pgtrickle.refresh_stream_table('above')");
unlike($told, $number, 'nor is he told a value that makes it fail');
like($told, qr/ERROR:  refresh of stream table "kinds" failed/, 'but that it failed');
like(
	slurp_file($node->logfile, $from),
	qr/LOG:  refresh of stream table "kinds", asked for by role "bob", failed: invalid input syntax for type integer: "the code is 4711"/,
	'the log has the reason');

# What says nothing about rows or queries stays as it is: clients act upon it.
$node->safe_psql('postgres', "DELETE FROM secret.item WHERE id = 4");
my $holder = $node->background_psql('postgres');
$holder->query_safe(q{
	BEGIN;
	LOCK TABLE secret.item IN ACCESS EXCLUSIVE MODE;});
like(
	told('bob', "SET statement_timeout = '200ms'; SELECT pgtrickle.refresh_stream_table('above')"),
	qr/ERROR:  canceling statement due to statement timeout/,
	'a timeout is told as such');
$holder->query_safe('ROLLBACK');
$holder->quit;

$node->stop;
done_testing();
