# A stream table can be published: a subscriber gets the inserts, updates and
# deletes of keyed tables and of bags, while its tables stay ordinary ones.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');

$publisher->init(allows_streaming => 'logical');
$subscriber->init(allows_streaming => 'logical');
$_->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_trickle'\npg_trickle.enabled = off")
  foreach $publisher, $subscriber;
$publisher->start;
$subscriber->start;

my %tables = (
	keyed => 'id int, name text',
	grouped => 'name text, n bigint, total bigint',
	dated => 'k int, total bigint',
	bag => 'name text, m numeric');

# Refreshes everything and waits until the subscriber has it.
sub refresh_and_compare
{
	my ($what) = @_;

	$publisher->safe_psql('postgres',
		join ';', map { "SELECT pgtrickle.refresh_stream_table('$_')" } sort keys %tables);
	$publisher->wait_for_catchup('subscription');
	foreach my $table (sort keys %tables)
	{
		my $content = "SELECT t::text FROM $table t ORDER BY 1";

		is( $subscriber->safe_psql('postgres', $content),
			$publisher->safe_psql('postgres', $content),
			"$what: $table arrives");
	}
}

$publisher->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE items (id int PRIMARY KEY, name text, n int, k int, m numeric);
	INSERT INTO items SELECT i, 'n' || i % 3, i, nullif(i % 4, 0), i % 2 + 0.0
		FROM generate_series(1, 20) i;
	SELECT pgtrickle.create_stream_table(name, query, 'manual', 'DIFFERENTIAL')
	FROM (VALUES ('keyed', 'SELECT id, name FROM items'),
		('grouped', 'SELECT name, count(*) AS n, sum(n) AS total FROM items GROUP BY name'),
		('dated', 'SELECT k, sum(n) AS total FROM items GROUP BY k'),
		('bag', 'SELECT name, m FROM items')) v (name, query);
	CREATE PUBLICATION published FOR TABLE keyed, grouped, dated, bag;
});
$subscriber->safe_psql('postgres', "CREATE TABLE $_ ($tables{$_})")
  foreach sort keys %tables;
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION subscription CONNECTION '"
	  . $publisher->connstr . ' dbname=postgres'
	  . "' PUBLICATION published");
$subscriber->wait_for_subscription_sync;
refresh_and_compare('initial copy');

$publisher->safe_psql('postgres',
	q{INSERT INTO items VALUES (21, 'n1', 21, NULL, 1.0), (22, NULL, NULL, 9, NULL)});
refresh_and_compare('insert');

$publisher->safe_psql(
	'postgres', q{
	UPDATE items SET n = n + 100 WHERE id = 5;
	UPDATE items SET name = 'new' WHERE id IN (6, 7, 21);
	UPDATE items SET m = CASE m WHEN 0 THEN NULL ELSE 2.0 END WHERE id < 5;
	UPDATE items SET k = NULL WHERE k = 3});
refresh_and_compare('update');

$publisher->safe_psql('postgres',
	q{DELETE FROM items WHERE id < 6; UPDATE items SET id = id + 50 WHERE id > 20});
refresh_and_compare('delete and change of keys');

# Unique values that change places are updates.
$publisher->safe_psql('postgres', 'CREATE UNIQUE INDEX ON grouped (total)');
$publisher->safe_psql(
	'postgres', q{
	DELETE FROM items;
	INSERT INTO items VALUES (1, 'a', 1, 1), (2, 'b', 2, 2)});
refresh_and_compare('other content');
$publisher->safe_psql('postgres', 'UPDATE items SET n = 3 - n');
refresh_and_compare('swapped unique values');

# A recomputation sends differences, too.
$publisher->safe_psql('postgres',
	q{TRUNCATE items; INSERT INTO items VALUES (1, 'a', 1, 1), (3, 'c', 3, NULL)});
refresh_and_compare('recomputation');
is( $publisher->safe_psql(
		'postgres', q{
		SELECT DISTINCT action, rows_inserted, rows_deleted
		FROM pgtrickle.get_refresh_history('keyed', 1)}),
	'FULL|1|1',
	'of which it has a few only');

# With a primary key of the user's as replica identity, updates carry that.
$publisher->safe_psql('postgres',
	'ALTER TABLE keyed ADD PRIMARY KEY (id), REPLICA IDENTITY DEFAULT');
$subscriber->safe_psql('postgres', 'ALTER TABLE keyed ADD PRIMARY KEY (id)');
$publisher->safe_psql('postgres',
	q{UPDATE items SET name = 'z' WHERE id = 1; DELETE FROM items WHERE id = 3});
refresh_and_compare('primary key as replica identity');

# Who publishes all tables publishes ours, too: that is in the way of no refresh,
# but no subscriber has those.
$publisher->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
is( $publisher->safe_psql(
		'postgres', q{
		SELECT string_agg(DISTINCT schemaname, ' ') FROM pg_publication_tables
		WHERE pubname = 'everything'}),
	'pgtrickle pgtrickle_changes pgtrickle_state public',
	'all tables are all tables');
$publisher->safe_psql('postgres',
	q{UPDATE items SET n = n + 1; INSERT INTO items VALUES (4, 'd', 4, 4)});
refresh_and_compare('beside a publication of all tables');
$publisher->safe_psql('postgres', q{DELETE FROM items WHERE id = 4});
refresh_and_compare('and with a row deleted');
my ($status, undef, $error) = $subscriber->psql('postgres',
	"CREATE SUBSCRIPTION everything CONNECTION '"
	  . $publisher->connstr . ' dbname=postgres'
	  . "' PUBLICATION everything");
isnt($status, 0, 'which cannot be subscribed to');
like($error, qr/schema "pgtrickle" does not exist/, 'without our tables');
$publisher->safe_psql('postgres', 'DROP PUBLICATION everything');

# On the subscriber, where they are plain tables, they can be sources.
$subscriber->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_trickle;
	SELECT pgtrickle.create_stream_table('sums', 'SELECT sum(total) FROM grouped',
		'manual', 'DIFFERENTIAL')});
$publisher->safe_psql('postgres', 'UPDATE items SET n = 77');
refresh_and_compare('with a source on the subscriber');
is( $subscriber->safe_psql(
		'postgres', q{
		SELECT pgtrickle.refresh_stream_table('sums');
		SELECT sum FROM sums;
		SELECT action FROM pgtrickle.get_refresh_history('sums', 1)}),
	"\n77\nDIFFERENTIAL",
	'what arrives is captured');

# A stream table is no target: the subscription stops with our error.
$publisher->safe_psql('postgres',
	'CREATE TABLE sums (sum numeric); ALTER PUBLICATION published ADD TABLE sums');
$subscriber->safe_psql('postgres',
	'ALTER SUBSCRIPTION subscription REFRESH PUBLICATION WITH (copy_data = false)');
my $log_start = -s $subscriber->logfile;
$publisher->safe_psql('postgres', 'INSERT INTO sums VALUES (1)');
ok( $subscriber->wait_for_log(qr/cannot change stream table "sums"/, $log_start),
	'replicated changes cannot be applied to a stream table');
is($subscriber->safe_psql('postgres', 'SELECT sum FROM sums'),
	'77', 'and it has kept its content');

$subscriber->stop('fast');
$publisher->stop('fast');
done_testing();
