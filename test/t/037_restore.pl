# While a database is being restored, step by step, by several sessions: nobody
# waits for a table that is not its own, nothing is refreshed before all of it
# is there, and what is refreshed first goes on where it was.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = off
	autovacuum = off});
$node->start;

sub create_database
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	return;
}

sub restore
{
	my ($database, @options) = @_;

	$node->command_ok([ 'pg_restore', '-e', '-d', $database, @options, "$folder/dump" ],
		"$database: pg_restore @options");
	return;
}

my ($contents) = ('');
my $lists = 0;

# Restore the entries of the dump that match, or all but those.
sub restore_entries
{
	my ($database, $pattern, $others) = @_;
	my $list = "$folder/list" . $lists++;

	append_to_file($list,
		join "\n", (grep { ($_ =~ $pattern) xor $others } split /\n/, $contents), '');
	restore($database, '-L', $list);
	return;
}

# Why a refresh is refused; empty if it is not.
sub refusal
{
	my ($database, $stream) = @_;
	my ($code, undef, $stderr) = $node->psql($database,
		"\\set VERBOSITY verbose\nSELECT pgtrickle.refresh_stream_table('$stream')");

	return '' if $code == 0;
	return $stderr =~ /ERROR:  (55006: .*)\nDETAIL:  (.*)/ ? "$1: $2" : $stderr;
}

create_database('original');
$node->safe_psql(
	'original', q{
	CREATE EXTENSION pg_trickle;
	CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * $1';
	CREATE TABLE shop (id int, name text, city text, PRIMARY KEY (id));
	CREATE TABLE sale (id int PRIMARY KEY, shop int, n int);
	INSERT INTO shop SELECT i, 'shop ' || i, 'city ' || i % 2 FROM generate_series(1, 5) i;
	INSERT INTO sale SELECT i, i % 5 + 1, i FROM generate_series(1, 50) i;
	CREATE STREAM TABLE joined AS
		SELECT sale.id, name, twice(n) AS n FROM sale JOIN shop ON shop.id = shop;
	CREATE STREAM TABLE summed AS SELECT shop, sum(n) AS n FROM sale GROUP BY shop;
	CREATE STREAM TABLE by_shop AS
		SELECT shop.id, shop.name, sum(n) AS n FROM sale JOIN shop ON shop.id = shop GROUP BY shop.id;
	INSERT INTO sale VALUES (51, 1, 1000);});
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", 'original' ], 'the original is dumped');
($contents) = run_command([ 'pg_restore', '-l', "$folder/dump" ]);
my @streams = qw(joined summed by_shop);

# ---- locks: ALTER TABLE and DROP TABLE of one table while another is locked ----

create_database('locks');
restore('locks', '--section=pre-data', '--section=data');
my $holder = $node->background_psql('locks');
$holder->query_safe('BEGIN; LOCK TABLE shop, joined IN ACCESS EXCLUSIVE MODE');
$ENV{PGOPTIONS} = '-c lock_timeout=5s';
my $own_locks = q{
	SELECT string_agg(DISTINCT relation::regclass::text, ' ') FROM pg_locks
	WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation >= 16384
		AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')};
is( $node->safe_psql('locks', "BEGIN; ALTER TABLE sale ADD CHECK (n > 0); $own_locks; ROLLBACK"),
	'sale', 'ALTER TABLE in the middle of a restore locks its own table only');
is( $node->safe_psql('locks', "BEGIN; ALTER TABLE sale ADD y int; ALTER TABLE sale DROP COLUMN y; $own_locks; ROLLBACK"),
	'sale', '... even DROP COLUMN');
$holder->query_safe('COMMIT');
restore('locks', '--section=post-data');
$holder->query_safe('BEGIN; LOCK TABLE shop, joined IN ACCESS EXCLUSIVE MODE');
is( $node->safe_psql('locks', "BEGIN; ALTER TABLE sale ADD CHECK (n > 0); $own_locks; ROLLBACK"),
	'sale', 'nor does it lock others when all is restored');
is( $node->safe_psql('locks', "BEGIN; ALTER TABLE sale ADD x int; ALTER TABLE sale DROP COLUMN x; $own_locks; ROLLBACK"),
	'sale', '... as does DROP COLUMN, which makes the links anew');
is( $node->safe_psql('locks', q{
	BEGIN; DROP TABLE by_shop;
	SELECT count(*) FROM pg_class WHERE relname IN ('by_shop', 'by_shop_3') OR relname ~ '^n_3_'; ROLLBACK}),
	'0', 'a stream table is dropped with its parts while others are locked');
is( $node->safe_psql('locks', q{
	BEGIN; DROP TABLE by_shop;
	SELECT count(*) > 0 FROM pg_depend WHERE objid = 'joined'::regclass AND refobjid = 'shop'::regclass; ROLLBACK}),
	't', 'links of locked stream tables are made, too');
delete $ENV{PGOPTIONS};
$holder->query_safe('COMMIT');
$holder->quit;

# ---- one thing is missing ----

my $number = 0;
foreach my $case (
	[ qr/ CONSTRAINT public shop /, 'joined', qr/constraints of "shop" are missing/ ],
	[ qr/ CONSTRAINT public sale /, 'joined', qr/constraints of "sale" are missing/ ],
	[ qr/ TRIGGER public sale /, 'summed', qr/of "sale" are missing/ ],
	[ qr/ TRIGGER public summed /, 'summed', qr/of "summed" are missing/ ],
	[ qr/ TABLE DATA pgtrickle pgt_dependencies /, 'summed', qr/"pgt_dependencies" is missing/ ],
	[ qr/ TABLE DATA pgtrickle pgt_change_tracking /, 'summed', qr/"pgt_change_tracking" is missing/ ],
	[ qr/ TABLE DATA pgtrickle pgt_log_segments /, 'summed', qr/"pgt_log_segments" is missing/ ],
	[ qr/ TABLE DATA pgtrickle pgt_nodes /, 'summed', qr/"pgt_nodes" is missing/ ],
	[ qr/ SEQUENCE SET pgtrickle pgt_refresh_history/, 'summed', qr/"pgt_refresh_history" is missing/ ])
{
	my ($missing, $stream, $expected) = @$case;
	my $database = 'step' . $number++;
	my $mine = $missing;

	# A view that needs the key of a table comes after it.
	$mine = qr/$missing| RULE / if "$missing" =~ /CONSTRAINT/;
	create_database($database);
	restore_entries($database, $mine, 1);
	like(refusal($database, $stream), qr/55006.*not completely restored.*$expected/,
		"without $missing");
	restore_entries($database, $mine, 0);
	is(refusal($database, $_), '', "$_ is refreshed when all is there") for @streams;
	is( $node->safe_psql($database, q{
		SELECT string_agg(s || ' ' || action || ' ' || h.refresh_reason, ', ' ORDER BY s)
		FROM unnest('{joined,summed,by_shop}'::text[]) s, pgtrickle.pgt_stream_tables t,
			LATERAL (SELECT * FROM pgtrickle.pgt_refresh_history h WHERE h.pgt_id = t.pgt_id
				ORDER BY refresh_id DESC LIMIT 1) h
		WHERE t.pgt_relid = s::regclass}),
		join(', ', map { "$_ DIFFERENTIAL requested" } sort @streams),
		'as a delta, in the same cluster, too');
	is( $node->safe_psql($database, q{
		SELECT count(*) FROM unnest('{joined,summed,by_shop}'::text[]) s,
			LATERAL pgtrickle.verify_stream_table(s)}), '0', 'rightly');
}

# ---- a constraint that does not come: repaired ----

create_database('partial');
restore_entries('partial', qr/ CONSTRAINT public shop | RULE /, 1);
like(refusal('partial', 'joined'), qr/not completely restored/, 'the key never comes');
$node->safe_psql('partial', "SELECT pgtrickle.repair_stream_table('joined')");
is(refusal('partial', 'joined'), '', 'repair_stream_table() takes the constraints as they are');

# ---- the schema first, then the data, with the scheduler at work ----

$node->append_conf('postgresql.conf', 'pg_trickle.enabled = on');
$node->reload;
create_database('twice');
restore('twice', '--schema-only');

# Everything but the ids of the history, which come last.
my $list = "$folder/data";
append_to_file($list, join "\n", (grep { / TABLE DATA / && !/ public (joined|summed|by_shop) / } split /\n/, $contents), '');
restore('twice', '--data-only', '-L', $list);
sleep 2;
is($node->safe_psql('twice', q{SELECT count(*) FROM pgtrickle.pgt_refresh_history}),
	'3', 	'nothing is refreshed, and no failure written, before the ids of the history are there');
$list = "$folder/sequences";
append_to_file($list, join "\n", (grep { / SEQUENCE SET / } split /\n/, $contents), '');
restore('twice', '--data-only', '-L', $list);
ok($node->poll_query_until('twice', q{
	SELECT bool_and(action = 'FULL') FROM unnest('{joined,summed,by_shop}'::text[]) s,
		LATERAL pgtrickle.get_refresh_history(s, 1)}),
	'then the scheduler recomputes what was not loaded');
is($node->safe_psql('twice', q{SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'}),
	'0', 'without a failure');
is( $node->safe_psql('twice', q{
	SELECT count(*) FROM unnest('{joined,summed,by_shop}'::text[]) s,
		LATERAL pgtrickle.verify_stream_table(s)}), '0', 'all of it is right');

# ---- ids that are behind the rows ----

$node->safe_psql('twice', q{
	ALTER SYSTEM SET pg_trickle.enabled = off; SELECT pg_reload_conf();});
$node->safe_psql('twice', q{
	SELECT setval('pgtrickle.pgt_refresh_history_id_seq', 1)});
$node->safe_psql('twice', q{SELECT pgtrickle.repair_stream_table('summed')});
is(refusal('twice', 'joined'), '', 'repair_stream_table() puts the ids of the history right');

# ---- columns that came after the query, without an index to wait for ----

create_database('grown');
$node->safe_psql(
	'grown', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE bare (id int);
	INSERT INTO bare VALUES (1);
	SELECT pgtrickle.create_stream_table('texts', 'SELECT bare::text AS t FROM bare', 'manual');
	SELECT pgtrickle.create_stream_table('counts', 'SELECT count(bare), sum(id) FROM bare', 'manual');
	ALTER TABLE bare ADD COLUMN m int;
	INSERT INTO bare VALUES (2, 2);
	SELECT pgtrickle.refresh_stream_table(st) FROM unnest('{texts,counts}'::text[]) st;});
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", 'grown' ], 'grown: pg_dump');
create_database('grown_again');
restore('grown_again');
$node->safe_psql('grown_again', 'INSERT INTO bare VALUES (3, 3)');
is(refusal('grown_again', $_), '', "$_: all is there") foreach ('texts', 'counts');
is($node->safe_psql('grown_again', 'SELECT t FROM texts ORDER BY t'), "(1,)\n(2,2)\n(3,3)", 'and right');

$node->stop;
done_testing();
