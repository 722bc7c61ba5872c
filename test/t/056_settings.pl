# Settings of a database that are meant for people neither end nor spoil an
# automatic refresh.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'pg_trickle'});
$node->start;

# Whoever reads the result waits for nothing.
my @settings = (
	'statement_timeout = 300',
	'idle_in_transaction_session_timeout = 300',
	q{search_path = 'nowhere'},
	'default_transaction_read_only = on',
	q{default_transaction_isolation = 'serializable'});

push @settings, 'transaction_timeout = 300' if $node->pg_version >= 17;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (v int);
	SELECT pgtrickle.create_stream_table('st', 'SELECT v FROM t', '0s');
	CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_catalog.pg_sleep(1); RETURN NULL; END $$;
	CREATE TRIGGER nap AFTER INSERT ON st FOR EACH ROW EXECUTE FUNCTION nap()});
$node->safe_psql('postgres', join(';', map { "ALTER DATABASE postgres SET $_" } @settings));
$node->restart;

$node->safe_psql('postgres', 'SET default_transaction_read_only = off; INSERT INTO public.t VALUES (1)');
wait_for_query($node, 'SELECT count(*) FROM public.st', '1', 'a slow refresh ends well');
is( $node->safe_psql('postgres', q{
	SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'}),
	'0', 'at the first attempt');

$node->stop;
unlike(slurp_file($node->logfile), qr/canceling|due to .* timeout/, 'nothing was cancelled');
done_testing();
