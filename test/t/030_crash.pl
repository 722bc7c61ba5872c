# A crash at any moment loses nothing and doubles nothing: in the middle of a
# refresh, with captured rows that are written to the log and not, with prepared
# transactions, while segments are switched and emptied.  Maintenance goes on
# with deltas.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamTables;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = off
	autovacuum = off
	max_prepared_transactions = 10
	pg_trickle.segment_blocks = 1
	pg_trickle.capture_buffer_rows = 3});
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE world');
make_world($node, 'world');
refresh_world($node, 'world');

# Whoever applies, or computes, the row 4711 waits for the lock.
$node->safe_psql(
	'world', q{
	CREATE TABLE paused (v int);
	CREATE FUNCTION pause(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	$$
	BEGIN
		IF v = 4711 THEN
			PERFORM pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1);
		END IF;
		RETURN v;
	END
	$$;
	SELECT pgtrickle.create_stream_table('reading', 'SELECT pause(v) AS v FROM paused',
		refresh_mode => 'DIFFERENTIAL');
	SELECT pgtrickle.create_stream_table('writing', 'SELECT v, count(*) AS n FROM paused GROUP BY v',
		refresh_mode => 'DIFFERENTIAL');
	SELECT pgtrickle.create_stream_table('above', 'SELECT sum(n) AS n FROM writing',
		refresh_mode => 'DIFFERENTIAL');
	CREATE FUNCTION pause_applied() RETURNS trigger LANGUAGE plpgsql AS
	$$
	BEGIN
		PERFORM public.pause(NEW.v);
		RETURN NULL;
	END
	$$;
	CREATE TRIGGER pause AFTER INSERT OR UPDATE ON writing
		FOR EACH ROW EXECUTE FUNCTION pause_applied();
	ALTER TABLE writing ENABLE ALWAYS TRIGGER pause;});

# What refresh_world() says if these have another action than the others.
sub as
{
	my ($action, $action_of_paused) = @_;

	return refreshed_as($action, map { $_ => $action_of_paused } qw(reading writing above));
}

# Sessions that are in the middle of something when the server crashes.
my @sessions;

sub in_the_middle
{
	my ($sql) = @_;
	my $session = $node->background_psql('world', on_error_stop => 0);

	$session->query_safe($sql);
	push @sessions, $session;
	return;
}

# ... and of a statement that waits.
sub in_the_middle_of
{
	my ($sql) = @_;
	my $session = $node->background_psql('world', on_error_stop => 0);
	chomp(my $pid = $session->query_safe('SELECT pg_backend_pid()'));

	$session->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	push @sessions, $session;
	ok( $node->poll_query_until('world',
			"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid"),
		"in the middle of $sql");
	return;
}

sub crash
{
	$node->stop('immediate');
	foreach my $session (@sessions)
	{
		$session->{timeout}->reset;
		eval { $session->{run}->finish };
	}
	@sessions = ();
	$node->start;
	return;
}

# ---- writers and refreshes that are not committed ----

change_world($node, 'world', 1);
$node->safe_psql('world', q{SELECT pgtrickle.refresh_stream_table('counted')});
change_world($node, 'world', 2);
in_the_middle('BEGIN; ' . change_of_world(3));
in_the_middle(
	q{BEGIN; INSERT INTO sale VALUES (1, 1, '2024-01-01');
	SELECT pgtrickle.refresh_stream_table('joined');
	INSERT INTO sale SELECT 2, 2, '2023-01-01' FROM generate_series(1, 10);});
crash();
is( refresh_world($node, 'world'),
	as('DIFFERENTIAL', 'NO_DATA'),
	'committed changes and nothing else');
is(refresh_world($node, 'world'), as('NO_DATA', 'NO_DATA'), 'once');

# ---- prepared transactions: a writer, and one that has refreshed ----

$node->safe_psql('world', q{BEGIN; } . change_of_world(4) . q{; PREPARE TRANSACTION 'writer'});
$node->safe_psql(
	'world', q{
	BEGIN;
	INSERT INTO paused VALUES (1), (2);
	SELECT pgtrickle.refresh_stream_table('above');
	INSERT INTO paused VALUES (2), (3), (3), (3), (3);
	PREPARE TRANSACTION 'refresher';});
$node->safe_psql('world', q{INSERT INTO "S p"."Source" VALUES (9, 'nine')});
crash();
$node->safe_psql('world', q{COMMIT PREPARED 'refresher'});
is( $node->safe_psql(
		'world', q{SELECT string_agg(w::text, ' ' ORDER BY w) FROM writing w;
			SELECT n FROM above}),
	"(1,1) (2,1)\n2",
	'what a prepared transaction refreshed is there');
is( $node->safe_psql(
		'world', q{
		SELECT pgtrickle.refresh_stream_table('above');
		SELECT string_agg(w::text, ' ' ORDER BY w) FROM writing w;
		SELECT n FROM above}),
	"\n(1,1) (2,2) (3,4)\n7",
	'and what it wrote after that is seen once');
is(world_differs($node, 'world'), '"S p"."Stream" reading',
	'the prepared writer is not committed');
$node->safe_psql('world', q{COMMIT PREPARED 'writer'});
is( refresh_world($node, 'world'),
	refreshed_as('DIFFERENTIAL', reading => 'DIFFERENTIAL', writing => 'NO_DATA', above => 'NO_DATA'),
	'now it is');

# ---- a refresh that reads, one that writes, and the next one ----

$node->safe_psql('world', 'INSERT INTO paused SELECT 4700 + g FROM generate_series(1, 20) g');
for my $stream ('reading', 'writing', 'above')
{
	in_the_middle('SELECT pg_advisory_lock(1)');
	in_the_middle_of("SELECT pgtrickle.refresh_stream_table('$stream')");
	crash();
	$node->safe_psql('world', 'INSERT INTO paused VALUES (4711)');
}
is( $node->safe_psql('world', 'SELECT count(*) FROM writing WHERE v > 4700'),
	'0', 'nothing was applied');
is( refresh_world($node, 'world'),
	as('NO_DATA', 'DIFFERENTIAL'),
	'refreshes that were killed have changed nothing');

# ---- logs that are being switched and emptied ----

for my $n (5 .. 7)
{
	change_world($node, 'world', $n);
	refresh_world($node, 'world');
	in_the_middle(
		q{BEGIN; SELECT pgtrickle.refresh_stream_table('top'), pgtrickle.refresh_stream_table('"S p"."Stream"');} . change_of_world(20 + $n));
	crash();
	change_world($node, 'world', 10 + $n);
	is( refresh_world($node, 'world'),
		as('DIFFERENTIAL', 'NO_DATA'),
		"segments are as good as before the crash, round $n");
}
cmp_ok($node->safe_psql('world', 'SELECT sum(times_emptied) FROM pgtrickle.pgt_log_segments'),
	'>', 10, 'they have been used more than once');

$node->stop;
done_testing();
