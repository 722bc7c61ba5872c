# Whoever changes a table does not wait for a refresh that nobody asked for; and
# a scheduler at rest is in nobody's way.
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
	deadlock_timeout = 200ms
	max_worker_processes = 12
	autovacuum = off});
$node->start;

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# A refresh of "slow" takes as many seconds as the table "patience" says.
sql(q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE patience (seconds int);
	INSERT INTO patience VALUES (0);
	CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
		AS 'BEGIN PERFORM pg_sleep(seconds) FROM public.patience; RETURN $1; END';
	CREATE TABLE t (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
	CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (1000);
	CREATE TABLE t2 (id int PRIMARY KEY, v int);
	SELECT pgtrickle.create_stream_table('slow', 'SELECT id, slow(v) AS v FROM t',
		schedule => '0s', refresh_mode => 'DIFFERENTIAL')});

my $id = 0;
my $running = q{
	SELECT count(*) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle refresh worker' AND state = 'active'
		AND wait_event = 'PgSleep'};

# A refresh that takes a minute is under way; a command does not wait for it.
sub wins
{
	my ($command, $name) = @_;
	my $start;

	sql('UPDATE patience SET seconds = 60');
	sql('INSERT INTO t VALUES (' . ++$id . ', 1)');
	wait_for_query($node, $running, '1', "a long refresh runs before $name");
	sql('UPDATE patience SET seconds = 0');    # what comes after it is short
	$start = time;
	sql($command);
	cmp_ok(time - $start, '<', 20, "$name wins");
	return;
}

sub becomes_fresh
{
	my ($name) = @_;

	wait_for_query($node, 'SELECT (SELECT count(*) FROM slow) = (SELECT count(*) FROM t)', 't', $name);
	return;
}

wins('ALTER TABLE t1 ADD CHECK (v IS NOT NULL)', 'ALTER TABLE of a partition');
becomes_fresh('then the refresh is tried again');
wins('CREATE INDEX ON slow (v)', 'CREATE INDEX on the stream table');
becomes_fresh('and again');
wins('ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (1000) TO (2000)', 'ATTACH PARTITION');
becomes_fresh('and again');
wins(q{SELECT pgtrickle.alter_stream_table('slow', schedule => 'calculated')}, 'alter_stream_table()');
becomes_fresh('and again');
is( sql(q{
	SELECT consecutive_errors, status, last_error_message FROM pgtrickle.pgt_stream_tables}),
	'0|ACTIVE|', 'which does not count as an error');
is( sql(q{SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'}),
	'0', 'nor shows in the history');

# A refresh on request waits for the one that runs: it wants the same.
sql('UPDATE patience SET seconds = 3');
sql('INSERT INTO t VALUES (' . ++$id . ', 1)');
wait_for_query($node, $running, '1', 'a refresh runs');
sql(q{SELECT pgtrickle.refresh_stream_table('slow')});
is( sql(q{SELECT initiated_by FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 2}),
	"MANUAL\nSCHEDULER", 'a refresh on request waits for it');
sql('UPDATE patience SET seconds = 0');

# Queries and writes are no reason.
sql('UPDATE patience SET seconds = 2');
sql('INSERT INTO t VALUES (' . ++$id . ', 1)');
wait_for_query($node, $running, '1', 'a refresh runs');
sql('UPDATE t SET v = v + 1; SELECT * FROM slow; VACUUM t; ANALYZE slow');
is(sql($running), '1', 'it goes on beside queries, writes, VACUUM and ANALYZE');
sql('UPDATE patience SET seconds = 0');

# Who has locked a source, and wants to refresh what reads it, is not waited for
# by a refresh that has the stream table: they would wait for each other.
sql(q{
	CREATE TABLE locked (id int PRIMARY KEY) PARTITION BY RANGE (id);
	CREATE TABLE locked_1 PARTITION OF locked FOR VALUES FROM (0) TO (10);
	CREATE TABLE written (id int PRIMARY KEY);
	SELECT pgtrickle.create_stream_table('two', 'SELECT id FROM locked
		UNION ALL SELECT id FROM written', schedule => '0s')});
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe(q{SET deadlock_timeout = '50ms'; BEGIN; TRUNCATE locked_1});
sql('INSERT INTO written VALUES (1)');
wait_for_query($node, q{
	SELECT count(*) FROM pg_stat_activity JOIN pg_locks USING (pid)
	WHERE backend_type = 'pg_trickle refresh worker' AND NOT granted}, '1',
	'a refresh waits for the locked source');
$session->query_safe(q{LOCK locked});
pass('with no lock on its parent');
$session->query_safe(q{SELECT pgtrickle.refresh_stream_table('two')});
is($session->query_safe('SELECT count(*) FROM two'), '1', 'a refresh on request does not wait for that one');
$session->query_safe('INSERT INTO locked VALUES (2); COMMIT');
$session->quit;
wait_for_query($node, 'SELECT count(*) FROM two', '2', 'which goes on afterwards');
is(sql(q{SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'}),
	'0', 'without a failure');
sql('DROP TABLE two');

wins('DROP TABLE slow', 'DROP TABLE');
is(sql('SELECT count(*) FROM pgtrickle.pgt_stream_tables'), '0', 'it is gone');
sql(q{SELECT pgtrickle.create_stream_table('slow', 'SELECT id, slow(v) AS v FROM t', schedule => '0s')});
wins('DROP EXTENSION pg_trickle CASCADE', 'DROP EXTENSION');
wait_for_schedulers($node, 'none', 'the scheduler leaves');
sql('DROP TABLE slow; TRUNCATE t');

# ---- at rest ----

sql(q{
	CREATE EXTENSION pg_trickle;
	SELECT pgtrickle.create_stream_table('slow', 'SELECT id, slow(v) AS v FROM t', schedule => '0s')});
sql('INSERT INTO t VALUES (1, 1)');
becomes_fresh('fresh');
for my $command ('ALTER TABLE t ADD COLUMN w int', 'DROP TABLE slow', 'DROP EXTENSION pg_trickle CASCADE')
{
	is($node->psql('postgres', "SET lock_timeout = '100ms'; $command"), 0, "at rest: $command");
}
$node->stop;
unlike(slurp_file($node->logfile), qr/(?:ERROR|FATAL|PANIC): /, 'nothing went wrong');
done_testing();
