# Automatic refreshes that fail: what is kept of them, what is counted, how a
# stream table is suspended and comes back; and what the server log tells, as
# JSON that a program reads.
use strict;
use warnings;
use utf8;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 16
	autovacuum = off
	deadlock_timeout = '100s'
	pg_trickle.max_consecutive_errors = 2
	pg_trickle.log_format = json
	pg_trickle.log_min_duration = 0});
$node->start;

my $from = 0;

sub sql
{
	my ($sql, $database) = @_;

	return $node->safe_psql($database // 'postgres', $sql);
}

# The lines that the extension has written since the last call, decoded.
sub events
{
	my $log = substr(slurp_file($node->logfile), $from);

	$from = -s $node->logfile;
	return map { decode_json($_) } $log =~ /LOG:  (\{"event".*\})$/mg;
}

sub becomes
{
	my ($query, $expected, $name) = @_;

	ok($node->poll_query_until('postgres', $query, $expected), $name)
	  or note(sql(q{SELECT pgt_relid, status, consecutive_errors,
			last_error_message, retry_at, fuse_blown_at FROM pgtrickle.pgt_stream_tables}));
	return;
}

sub of_stream
{
	my ($what, $st) = @_;

	return qq{SELECT $what FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = '$st'::regclass};
}

# ---- on request ----

sql(q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE src (id int PRIMARY KEY, v int);
	INSERT INTO src VALUES (1, 1), (2, 2)});
my $weird = qq{we"ird \\ \t é\x{20AC}\x{1F600}};
my $quoted = $weird =~ s/"/""/gr;
utf8::encode(my $bytes = qq{
	SELECT pgtrickle.create_stream_table('"$quoted"', 'SELECT id, v FROM src', schedule => 'manual');
	INSERT INTO src VALUES (3, 3);
	DELETE FROM src WHERE id = 1;
	SELECT pgtrickle.refresh_stream_table('"$quoted"')});
events();
sql($bytes);
my @events = grep { $_->{action} eq 'DIFFERENTIAL' } events();
is(scalar @events, 1, 'a refresh is one line');
is_deeply(
	[ sort keys %{ $events[0] } ],
	[ sort qw(event pgt_id name cycle_id duration_ms refresh_reason action
		  rows_inserted rows_deleted error_code msg) ],
	'with all keys');
is($events[0]{event}, 'refresh', 'event');
is($events[0]{name}, qq{public."$quoted"}, 'the name is what it is');
is("$events[0]{rows_inserted} $events[0]{rows_deleted}", '1 1', 'rows');
is($events[0]{refresh_reason}, 'requested', 'reason');
is($events[0]{error_code}, undef, 'no error');
cmp_ok($events[0]{duration_ms}, '>', 0, 'duration');
unlike(join('', grep { /"event"/ } split /\n/, slurp_file($node->logfile)),
	qr/[^\x00-\x7F]/, 'in ASCII');

# A database of another encoding, and one that has none.
foreach my $encoding (qw(LATIN1 SQL_ASCII))
{
	sql(qq{CREATE DATABASE other ENCODING '$encoding' LOCALE 'C' TEMPLATE template0});
	events();
	sql("CREATE EXTENSION pg_trickle; CREATE TABLE src (id int);
		SELECT pgtrickle.create_stream_table(E'\"\\351\"', 'SELECT id FROM src')", 'other')
	  if $encoding eq 'SQL_ASCII';
	sql("SET client_encoding = 'UTF8'; CREATE EXTENSION pg_trickle; CREATE TABLE src (id int);
		SELECT pgtrickle.create_stream_table('\"\xc3\xa9\"', 'SELECT id FROM src')", 'other')
	  if $encoding eq 'LATIN1';
	my ($event) = events();
	like($event->{name}, $encoding eq 'LATIN1' ? qr/\x{e9}/ : qr/\x{fffd}/,
		"$encoding: characters, or what stands for them");
	sql(q{DROP DATABASE other WITH (FORCE)});
}

# What is quick is not logged, nor anything with -1.
sql(q{SET pg_trickle.log_min_duration = '1h'; INSERT INTO src VALUES (4, 4);} .
	qq{SELECT pgtrickle.refresh_stream_table(pgt_relid::text) FROM pgtrickle.pgt_stream_tables;
	SET pg_trickle.log_min_duration = -1;
	SELECT pgtrickle.refresh_stream_table(pgt_relid::text) FROM pgtrickle.pgt_stream_tables;});
is(scalar(grep { $_->{name} =~ /ird/ } events()), 0, 'log_min_duration');

# As text.
sql(q{ALTER SYSTEM SET pg_trickle.log_format = text});
$node->reload;
sql(q{SELECT pgtrickle.create_stream_table('plain', 'SELECT 1 AS one', schedule => 'manual')});
like(slurp_file($node->logfile),
	qr/LOG:  refresh of stream table public.plain: REINITIALIZE \(first fill\), 1 rows in, 0 out, [0-9.]+ ms$/m,
	'for people');
sql(q{CREATE TABLE divisor (d int);
	SELECT pgtrickle.create_stream_table('quotient', 'SELECT 1 / d AS q FROM divisor', schedule => '0s');
	INSERT INTO divisor VALUES (0)});
becomes(of_stream('status', 'quotient'), 'SUSPENDED', 'a failing one as text');
my @failures = slurp_file($node->logfile) =~
	/LOG:  refresh of stream table public.quotient failed after [0-9.]+ ms \(source changed\): division by zero \(SQLSTATE 22012\)$/mg;
is(scalar(@failures), 2, 'each failure is written, also for people');
sql(q{DROP TABLE divisor CASCADE});
sql(q{ALTER SYSTEM RESET pg_trickle.log_format; SELECT pgtrickle.drop_stream_table('plain')});
$node->reload;

# ---- an error ----

sql(q{SELECT pgtrickle.create_stream_table('shares', 'SELECT id, 100 / v AS share FROM src',
	schedule => '0s')});
becomes(q{SELECT count(*) FROM shares}, 3, 'refreshed automatically');
events();
sql(q{INSERT INTO src VALUES (10, 0)});
becomes(of_stream('consecutive_errors > 0', 'shares'), 't', 'an error is kept');
like(sql(of_stream('last_error_message', 'shares')),
	qr/^division by zero \(SQLSTATE 22012\)\nHINT:  Correct the row/, 'with its remedy');
is(sql(of_stream(q{retry_at BETWEEN now() AND now() + interval '10s'}, 'shares')), 't',
	'and a time to try again');
is(sql(q{SELECT last_error_message LIKE 'division%' FROM pgtrickle.pgt_status() WHERE name = 'public.shares'}),
	't', 'in pgt_status()');
is(sql(q{SELECT status || ' ' || error_message FROM pgtrickle.get_refresh_history('shares', 1)}),
	'FAILED division by zero (SQLSTATE 22012)', 'and in the history');
my ($failed) = grep { $_->{event} eq 'refresh_failed' } events();
is($failed->{error_code}, '22012', 'in the log: its code');
like($failed->{msg}, qr/^division by zero/, 'and message');
is(sql(q{SELECT count(*) FROM shares}), 3, 'the stream table shows what it did');

becomes(of_stream('status', 'shares'), 'SUSPENDED', 'after two it is suspended');
is(sql(of_stream('consecutive_errors', 'shares')), 2, 'after just two');
is(sql(q{SELECT max(start_time) - min(start_time) > interval '9s'
	FROM pgtrickle.get_refresh_history('shares') WHERE status = 'FAILED'}), 't', 'not at once');
like(slurp_file($node->logfile),
	qr/WARNING:  stream table public.shares is suspended after 2 consecutive errors/, 'which is told');
sql(q{UPDATE src SET v = 10 WHERE id = 10});
sql(q{SELECT pgtrickle.resume_stream_table('shares')});
becomes(q{SELECT count(*) FROM shares}, 4, 'resumed, it is refreshed');
is(sql(of_stream(q{consecutive_errors || coalesce(last_error_message, '') || coalesce(retry_at::text, '')}, 'shares')),
	'0', 'errors are forgotten');

# ---- a lock that cannot be had ----

sql(q{ALTER SYSTEM SET pg_trickle.refresh_lock_timeout = '100ms'});
$node->reload;
sql(q{
	CREATE TABLE other (id int);
	SELECT pgtrickle.create_stream_table('pair', 'SELECT id, v FROM src JOIN other USING (id)', schedule => '0s')});
my ($in, $out, $err) = ('', '', '');
my $session = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err);
$in .= "BEGIN; LOCK TABLE src IN ACCESS EXCLUSIVE MODE;\n\\echo locked\n";
$session->pump until $out =~ /locked/;
sql(q{INSERT INTO other VALUES (2)});
becomes(of_stream(q{last_error_message LIKE
	'%(SQLSTATE 55P03)%HINT:  End the transaction that holds the lock%'}, 'pair'), 't',
	'a lock timeout is kept');
is(sql(of_stream(q{consecutive_errors || ' ' || status}, 'pair')), '0 ACTIVE', 'and not counted');
is(sql(q{SELECT status FROM pgtrickle.get_refresh_history('pair', 1)}), 'FAILED', 'but in the history');
$in .= "COMMIT;\n\\q\n";
$session->finish;
becomes(q{SELECT count(*) FROM pair}, 1, 'when the lock is free it goes on');
is(sql(of_stream('last_error_message', 'pair')), '', 'and forgets');

# ---- a refresh that takes too long ----

sql(q{ALTER SYSTEM SET pg_trickle.refresh_timeout = '300ms'});
$node->reload;
sql(q{
	CREATE TABLE delay (seconds float);
	INSERT INTO delay VALUES (0);
	CREATE FUNCTION slowly(s float) RETURNS float IMMUTABLE LANGUAGE plpgsql
		AS $$BEGIN PERFORM pg_sleep(s); RETURN s; END$$;
	SELECT pgtrickle.create_stream_table('slow', 'SELECT slowly(seconds) AS s FROM delay', schedule => '0s')});
sql(q{INSERT INTO delay VALUES (60)});
becomes(of_stream('consecutive_errors > 0', 'slow'), 't', 'a timeout is counted');
like(sql(of_stream('last_error_message', 'slow')),
	qr/^refresh took longer than 300 ms \(SQLSTATE 57014\)\nHINT:  Raise pg_trickle.refresh_timeout/,
	'and explained');
sql(q{DELETE FROM delay WHERE seconds > 1});
becomes(of_stream(q{consecutive_errors = 0 AND status = 'ACTIVE'}, 'slow'), 't', 'it recovers by itself');

# ---- a fuse ----

sql(q{SELECT pgtrickle.alter_stream_table('shares', fuse_ceiling => 10)});
sql(q{INSERT INTO src SELECT i, i FROM generate_series(101, 110) i});
becomes(q{SELECT count(*) FROM shares}, 14, 'as many changes as the ceiling pass');
sql(q{INSERT INTO src SELECT i, i FROM generate_series(201, 211) i});
becomes(of_stream('fuse_blown_at IS NOT NULL', 'shares'), 't', 'one more blows the fuse');
is(sql(q{SELECT count(*) FROM shares}), 14, 'and changes nothing');
is(sql(of_stream('consecutive_errors', 'shares')), 0, 'it is no error');
sql(q{INSERT INTO src VALUES (301, 1); SELECT pg_sleep(1)});
my $blown = () = slurp_file($node->logfile) =~ /WARNING:  fuse of stream table public.shares has blown/g;
is($blown, 1, 'told once');
sql(q{SELECT pgtrickle.reset_fuse('shares')});
becomes(q{SELECT count(*) FROM shares}, 26, 'reset, it applies them');

# ---- what no refresh touches is tidied up all the same ----

sql(q{ALTER SYSTEM SET pg_trickle.max_log_size = '200kB'});
sql(q{ALTER SYSTEM SET pg_trickle.segment_blocks = 1});
$node->reload;
sql(q{
	SELECT pgtrickle.alter_stream_table('slow', status => 'SUSPENDED');
	UPDATE pgtrickle.pgt_refresh_history SET end_time = now() - interval '91 days'});
sql(q{INSERT INTO delay SELECT 0 FROM generate_series(1, 10000)});
sql(q{INSERT INTO other VALUES (4)});
becomes(q{SELECT count(*) FROM pair}, 2, 'there is a worker');
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle scheduler' AND datname = 'postgres'});
becomes(of_stream(q{frontier -> 'wal:postgres' -> 'lost'}, 'slow'), 'true',
	'before it leaves it looks after logs');
becomes(q{SELECT count(*) FROM pgtrickle.pgt_refresh_history
	WHERE end_time < now() - interval '90 days'}, 0, 'and after the history');
sql(q{SELECT pgtrickle.resume_stream_table('slow')});
becomes(q{SELECT count(*) FROM slow}, 10001, 'who has lost changes recomputes');

$node->stop;
done_testing();
