# A session that is new takes what others have compiled from shared memory, and
# never what is out of date: whatever changed in between, by whomever and
# however it was committed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StreamTables;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = off
	max_prepared_transactions = 10
	autovacuum = off});
$node->start;

sub query
{
	my ($sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

sub statistic
{
	my ($name) = @_;

	return query("SELECT $name FROM pgtrickle.cache_stats()");
}

# What a refresh in a session of its own did, and with which entry: "hit",
# "stale" or "none" of the cache.
sub refresh
{
	my ($stream) = @_;
	my @before = split /\|/, statistic('hits, invalidations');
	my ($code, $out, $error) = $node->psql('postgres',
		"SELECT pgtrickle.refresh_stream_table('$stream')");
	my @after = split /\|/, statistic('hits, invalidations');
	my $found =
		$after[0] > $before[0] ? 'hit'
	  : $after[1] > $before[1] ? 'stale'
	  :                          'none';

	return "$found, $1" if $error =~ /ERROR:\s*(.*)/;
	return "$found, " . query(
		"SELECT action FROM pgtrickle.get_refresh_history('$stream', 1)");
}

sub differences
{
	my ($stream) = @_;

	return query("SELECT count(*) FROM pgtrickle.verify_stream_table('$stream')")
	  . query("SELECT world.differs('$stream')");
}

# ---- a hit is as good as a compilation ----

make_world($node, 'postgres');
change_world($node, 'postgres', 1);
refresh_world($node, 'postgres');
my $hits = statistic('hits');
for my $n (2 .. 4)
{
	change_world($node, 'postgres', $n);
	is(refresh_world($node, 'postgres'),
		refreshed_as('DIFFERENTIAL'),
		"change $n, by what others have compiled");
}
cmp_ok(statistic('hits') - $hits, '>=', 20, 'they were found in the cache');
is(statistic('misses < 20 AND invalidations = 0 AND evictions = 0'),
	't', 'nothing was compiled again');
is(statistic('entries BETWEEN 11 AND 12 AND bytes BETWEEN 10000 AND max_bytes'),
	't', 'one entry each, of some bytes');

# ---- plans ----

# How often a refresh in a session of its own calls the planner.  Once is for
# the statement itself.
sub plannings
{
	my ($stream) = @_;
	my ($code, $out, $error) = $node->psql('postgres', qq{
		SET log_planner_stats = on;
		SET client_min_messages = log;
		SELECT pgtrickle.refresh_stream_table('$stream')});

	return $error if $error =~ /ERROR/;
	return scalar(() = $error =~ /PLANNER STATISTICS/g);
}

sub change_fact
{
	query(q{UPDATE fact SET v = v + 1 WHERE k = 7;
		INSERT INTO fact SELECT max(k) + 1, 3, 1 FROM fact});
	return;
}

query(q{
	CREATE TABLE fact (k int PRIMARY KEY, d int, v int);
	CREATE TABLE dim (d int, name text, CONSTRAINT dim_key PRIMARY KEY (d));
	CREATE FUNCTION called(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper($1)';
	INSERT INTO dim SELECT i, 'name ' || i % 5 FROM generate_series(1, 20) i;
	INSERT INTO fact SELECT i, i % 20 + 1, i FROM generate_series(1, 1000) i;
	CREATE TABLE parts (d int, v int) PARTITION BY RANGE (d);
	CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
	CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (10) TO (30);
	INSERT INTO parts SELECT d, d FROM dim;
	ANALYZE fact; ANALYZE dim;
	SELECT pgtrickle.create_stream_table('planned',
		$$SELECT called(name) AS name, sum(v) AS v FROM fact JOIN dim USING (d) GROUP BY 1$$,
		refresh_mode => 'DIFFERENTIAL');
	SELECT pgtrickle.create_stream_table('parted',
		$$SELECT f.k, p.v FROM fact f JOIN parts p USING (d)$$,
		refresh_mode => 'DIFFERENTIAL')});
change_fact();
cmp_ok(plannings('planned'), '>', 1, 'a session plans');
change_fact();
is(plannings('planned'), 1, 'and the next has its plans');

for (
	['an index is dropped', 'ALTER TABLE dim DROP CONSTRAINT dim_key'],
	['an index is created', 'CREATE INDEX dim_index ON dim (d)'],
	['a function is replaced',
		q{CREATE OR REPLACE FUNCTION called(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)'}],
	['a table has grown',
		q{INSERT INTO dim SELECT i, 'name ' || i % 5 FROM generate_series(21, 20000) i}],
	['a column is added', 'ALTER TABLE dim ADD more int DEFAULT 1'])
{
	my ($what, $sql) = @$_;
	my $given = $node->background_psql('postgres');

	$given->query_safe(q{SELECT pgtrickle.refresh_stream_table('planned')});
	change_fact();
	$given->query_safe(q{SELECT pgtrickle.refresh_stream_table('planned')});
	query($sql);
	change_fact();
	cmp_ok(plannings('planned'), '>', 1, "$what: planned again");
	change_fact();
	$given->query_safe(q{SELECT pgtrickle.refresh_stream_table('planned')});
	is(differences('planned'), '00', 'right in the session that had the plan');
	$given->quit;
	plannings('planned');
	change_fact();
	is(plannings('planned'), 1, "$what: and then not");
	is(differences('planned'), '00', 'right');
}

# What happens to children is not what makes an entry invalid.
for my $index ('CREATE INDEX part_index ON part_1 (d)', 'DROP INDEX part_index')
{
	query($index);
	change_fact();
	cmp_ok(plannings('parted'), '>', 1, 'plans of partitions are not shared');
	is(differences('parted'), '00', 'right');
}
is(statistic(q{bytes > 0 AND bytes < max_bytes}), 't', 'there is room');
query(q{
	SELECT pgtrickle.drop_stream_table('planned');
	SELECT pgtrickle.drop_stream_table('parted')});

# ---- whatever changes ----

query(q{
	CREATE ROLE owner_of_stream;
	CREATE ROLE reader;
	GRANT ALL ON SCHEMA public TO owner_of_stream;
	CREATE SCHEMA types;
	GRANT USAGE ON SCHEMA types TO owner_of_stream;
	CREATE TYPE types.mood AS ENUM ('good', 'bad');
	CREATE TYPE types.other AS ENUM ('good', 'bad');
	CREATE TABLE source (k int PRIMARY KEY, v int, m types.mood);
	GRANT SELECT ON source TO reader;
	GRANT TRIGGER ON source TO owner_of_stream;
	GRANT reader TO owner_of_stream;
	CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
	CREATE VIEW seen AS SELECT k, v, m FROM source;
	ALTER VIEW seen OWNER TO owner_of_stream;
	INSERT INTO source SELECT i, i % 5, 'good' FROM generate_series(1, 20) i;
	SET ROLE owner_of_stream;
	SELECT pgtrickle.create_stream_table('st',
		$$SELECT f(v) AS v, count(*) AS n, count(DISTINCT k) AS ks,
			count(CASE WHEN m = 'good' THEN 1 END) AS good
		FROM seen GROUP BY 1$$, refresh_mode => 'DIFFERENTIAL');
});

my $i = 20;

sub write_source
{
	$i++;
	query("INSERT INTO source SELECT $i, $i % 5, 'good'");
	return;
}

# Warm: the entry is there and counts.
sub warm
{
	my ($what) = @_;

	write_source();
	refresh('st');
	write_source();
	is(refresh('st'), 'hit, DIFFERENTIAL', "before: $what");
	return;
}

my $full = 'stale, FULL';
my $delta = 'stale, DIFFERENTIAL';
my @changes = (
	['a column renamed', 'ALTER TABLE source RENAME v TO w', $delta],
	['a column renamed back', 'ALTER TABLE source RENAME w TO v', $delta],
	['a column added', 'ALTER TABLE source ADD x int', $delta],
	['a type renamed', 'ALTER TYPE types.mood RENAME TO feeling', $delta],
	['names of types swapped', q{
		ALTER TYPE types.other RENAME TO mood;
		ALTER TYPE types.mood RENAME VALUE 'good' TO 'fine'}, $delta],
	['labels swapped', q{
		ALTER TYPE types.feeling RENAME VALUE 'good' TO 'x';
		ALTER TYPE types.feeling RENAME VALUE 'bad' TO 'good';
		ALTER TYPE types.feeling RENAME VALUE 'x' TO 'bad';
		ALTER TYPE types.feeling RENAME VALUE 'good' TO 'x';
		ALTER TYPE types.feeling RENAME VALUE 'bad' TO 'good';
		ALTER TYPE types.feeling RENAME VALUE 'x' TO 'bad'}, $delta],
	['a schema renamed', 'ALTER SCHEMA types RENAME TO kinds', $delta],
	['a view replaced',
		'CREATE OR REPLACE VIEW seen AS SELECT k, v, m FROM source WHERE k > 3', $full],
	['a function replaced',
		q{CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 / 2'},
		$full],
	['a key dropped', 'ALTER TABLE source DROP CONSTRAINT source_pkey', $delta],
	['row-level security', q{
		ALTER TABLE source ENABLE ROW LEVEL SECURITY;
		CREATE POLICY only_some ON source USING (v > 1)}, $full],
	['a policy replaced', 'ALTER POLICY only_some ON source USING (v > 2)', $full],
	['row-level security ended', 'ALTER TABLE source DISABLE ROW LEVEL SECURITY', $full],
);

for (@changes)
{
	my ($what, $sql, $expected) = @$_;

	# What cannot be followed is not what is tested here.
	warm($what) unless $what =~ /policy|ended/;
	query($sql);
	write_source();
	is(refresh('st'), $expected, "after: $what");
	is(differences('st'), '00', "right after: $what");
}

# ---- capture ----

warm('capture is switched off');
{
	my $old = $node->background_psql('postgres');

	$old->query_safe(q{SELECT pgtrickle.refresh_stream_table('st')});
	query('ALTER TABLE source DISABLE TRIGGER ALL');
	write_source();
	is(refresh('st'), $full, 'a new session sees that changes escape');
	is(differences('st'), '00', 'right');
	write_source();
	$old->query(q{SELECT pgtrickle.refresh_stream_table('st')});
	is(query(q{SELECT action FROM pgtrickle.get_refresh_history('st', 1)}),
		'FULL', 'so does an old one');
	is(differences('st'), '00', 'right');
	$old->quit;
}
query(q{SELECT pgtrickle.repair_stream_table('st')});
refresh('st');
warm('capture is on again');
is(differences('st'), '00', 'right');

# ---- a session that has compiled before ----

# What it has not planned yet (many changed rows) is planned from texts.
my $warm = $node->background_psql('postgres');

$warm->query_safe(q{SELECT pgtrickle.refresh_stream_table('st')});
query(q{
	ALTER TYPE kinds.feeling RENAME TO third;
	ALTER TYPE kinds.mood RENAME TO feeling;
	ALTER TYPE kinds.third RENAME TO mood});
query("INSERT INTO source SELECT i, i % 5, 'good' FROM generate_series(10001, 13000) i");
$warm->query_safe(q{SELECT pgtrickle.refresh_stream_table('st')});
is(query(q{SELECT action FROM pgtrickle.get_refresh_history('st', 1)}),
	'DIFFERENTIAL', 'names of types are swapped: a warm session compiles again');
is(differences('st'), '00', 'right');
$warm->quit;
query('DELETE FROM source WHERE k > 10000');

# ---- rights ----

warm('a role loses its membership');
query('REVOKE reader FROM owner_of_stream');
is(refresh('st'), 'stale, permission denied for table source', 'a refresh is refused');
is(refresh('st'), 'stale, permission denied for table source', 'and so is the next');
query('GRANT reader TO owner_of_stream');
is((refresh('st') =~ /ERROR|denied/) ? 1 : 0, 0, 'rights given again');
warm('a privilege is revoked');
query('REVOKE SELECT ON source FROM reader');
is(refresh('st'), 'stale, permission denied for table source', 'a refresh is refused');
query('GRANT SELECT ON source TO reader');
warm('a role is renamed');
query('ALTER ROLE reader RENAME TO reader2');
write_source();
is(refresh('st'), $delta, 'compiled again');

# ---- prepared transactions ----

for (
	['column', 'ALTER TABLE source RENAME v TO w', $delta],
	['view', 'CREATE OR REPLACE VIEW seen AS SELECT k, w AS v, m FROM source', $full],
	['function',
		q{CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 / 3'},
		$full],
	['role', 'REVOKE reader2 FROM owner_of_stream',
		'stale, permission denied for table source'])
{
	my ($what, $sql, $expected) = @$_;

	warm("$what, in a prepared transaction");
	query("BEGIN; $sql; PREPARE TRANSACTION 'p'");
	is(refresh('st'), 'hit, NO_DATA', "$what: nothing has changed yet")
	  if $what eq 'function';
	$node->restart if $what eq 'view';
	query(q{COMMIT PREPARED 'p'});
	write_source();
	my $result = refresh('st');
	$expected =~ s/stale/none/ if $what eq 'view';
	is($result, $expected, "$what: compiled again");
	query('GRANT reader2 TO owner_of_stream') if $what eq 'role';
	is(differences('st'), '00', "$what: right after COMMIT PREPARED");
}

# ---- what is rolled back, and what is not committed yet ----

warm('changes that are rolled back');
query(q{
	BEGIN;
	ALTER TABLE source RENAME m TO mm;
	INSERT INTO source VALUES (1000, 1, 'bad');
	SELECT pgtrickle.refresh_stream_table('st');
	ROLLBACK});
write_source();
is(refresh('st'), 'hit, DIFFERENTIAL', 'the entry is the one from before');
is(query(q{
	BEGIN;
	CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 7';
	SAVEPOINT s;
	SELECT pgtrickle.refresh_stream_table('st');
	SELECT world.differs('st');
	COMMIT}),
	"\n0", 'a transaction sees its own changes');
write_source();
is(refresh('st'), $delta, 'and others see them after the commit');
is(differences('st'), '00', 'right');

# ---- a compilation that runs while something changes ----

my $race = PostgreSQL::Test::Utils::tempdir();

append_to_file("$race/change.sql", q{
	\set r random(1, 1000)
	CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 % :r';
});
append_to_file("$race/refresh.sql", q{SELECT pgtrickle.refresh_stream_table('st');});
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
for my $round (1 .. 8)
{
	my $writer = IPC::Run::start(
		['pgbench', '-n', '-t', '60', '-f', "$race/change.sql", 'postgres'],
		'>', '/dev/null', '2>&1');
	command_ok(
		['pgbench', '-n', '-C', '-c', '2', '-t', '15', '-f', "$race/refresh.sql", 'postgres'],
		"new sessions refresh while a function is replaced, $round");
	IPC::Run::finish($writer);
	write_source();
	refresh('st');
	is(differences('st'), '00', 'what was left in the cache is right');
}

# ---- other databases, and what is gone ----

query('CREATE DATABASE copy');
make_world($node, 'copy');
is(refresh_world($node, 'copy'),
	refreshed_as('NO_DATA', later => 'REINITIALIZE'),
	'the same ids in another database are something else');
query(q{SELECT pgtrickle.drop_stream_table('st')});
query(q{SELECT pgtrickle.create_stream_table('st', 'SELECT k FROM source',
	refresh_mode => 'DIFFERENTIAL')});
write_source();
like(refresh('st'), qr/^none, DIFFERENTIAL|^hit, DIFFERENTIAL/, 'a new stream table of that name');
is(differences('st'), '00', 'is another one');

# ---- where the catalog is ----

# What new sessions are told, others have just made anew.
sub refresh_copy
{
	my ($code, $out, $error) = $node->psql('copy', q{
		INSERT INTO source SELECT coalesce(max(k), 0) + 1, 1 FROM source;
		SELECT pgtrickle.refresh_stream_table('st');
		SELECT count(*) FROM pgtrickle.verify_stream_table('st')});

	return $error =~ /ERROR:\s*(.*)/ ? $1 : $out;
}

my $again = q{
	DROP EXTENSION pg_trickle CASCADE;
	DROP TABLE IF EXISTS st;
	CREATE EXTENSION pg_trickle;
	SELECT pgtrickle.create_stream_table('st',
		'SELECT v, count(*) AS n FROM source GROUP BY v')};

$node->safe_psql('copy', "DROP TABLE IF EXISTS source;
	CREATE TABLE source (k int PRIMARY KEY, v int); $again");
is(refresh_copy(), "\n0", 'a new session learns where the catalog is');
$node->safe_psql('copy', $again);
is(refresh_copy(), "\n0", 'the extension is another one');
$node->safe_psql('copy', "BEGIN; $again; ROLLBACK");
is(refresh_copy(), "\n0", 'no, it is not');
is($node->safe_psql('copy', "BEGIN; $again; INSERT INTO source VALUES (0, 0);
	SELECT pgtrickle.refresh_stream_table('st'); COMMIT"),
	"\n", 'the transaction that made it sees it');
is(refresh_copy(), "\n0", 'and so do others then');
my $era = q{SELECT frontier->'wal:postgres'->>'era' FROM pgtrickle.pgt_stream_tables};
my $before = $node->safe_psql('copy', $era);
$node->safe_psql('copy', 'VACUUM FULL pgtrickle.pgt_era');
is(refresh_copy(), "\n0", 'a table of the catalog is rewritten');
is($node->safe_psql('copy', $era), $before, 'the era is what it was');

append_to_file("$race/again.sql", $again);
for my $round (1 .. 3)
{
	my $maker = IPC::Run::start(
		['psql', '-X', '-d', 'copy', '-f', "$race/again.sql"],
		'>', '/dev/null', '2>&1');

	# Some find nothing, some are in the way; what counts is what they leave.
	refresh_copy() for 1 .. 20;
	IPC::Run::finish($maker);
	is(refresh_copy(), "\n0", "sessions while the extension is made anew, $round");
}

# ---- the cache is full, and off ----

$node->append_conf('postgresql.conf', 'pg_trickle.shared_cache_size = 1MB');
$node->restart;
query(q{
	SELECT pgtrickle.create_stream_table('many' || i,
		format('SELECT v %% %s AS v, %s FROM (SELECT %s AS v, k FROM source) s GROUP BY 1',
			i, (SELECT string_agg(format('sum(k + %s) AS a%s', j, j), ', ')
				FROM generate_series(1, 40) j),
			(SELECT attname FROM pg_attribute WHERE attrelid = 'source'::regclass AND attnum = 2)),
		refresh_mode => 'DIFFERENTIAL')
	FROM generate_series(1, 40) i});
for my $round (1 .. 2)
{
	write_source();
	query(q{
		SELECT format('SELECT pgtrickle.refresh_stream_table(%L)', 'many' || i)
		FROM generate_series(1, 40) i \gexec});
}
is(statistic('evictions > 0 AND bytes <= max_bytes AND entries > 0 AND entries < 40'),
	't', 'entries make room for others');
is(query(q{SELECT sum(c) FROM generate_series(1, 40) i,
	LATERAL (SELECT count(*) AS c FROM pgtrickle.verify_stream_table('many' || i)) d}),
	'0', 'all are right');

$node->append_conf('postgresql.conf', 'pg_trickle.shared_cache_size = 0');
$node->restart;
write_source();
is(refresh('st'), 'none, DIFFERENTIAL', 'works without a cache');
is(refresh('st'), 'none, NO_DATA', 'twice');
is(statistic('*'), '0|0|0|0|0|0|0', 'of which there is nothing to tell');

$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
write_source();
is(refresh('st'), 'none, DIFFERENTIAL', 'works without preloading');
is(statistic('*'), '0|0|0|0|0|0|0', 'of which there is nothing to tell, either');
$node->stop;

done_testing();
