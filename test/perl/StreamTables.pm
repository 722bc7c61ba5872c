# StreamTables.pm
#	A small world of sources and stream tables, for tests that take servers
#	down, dump them, copy them or upgrade them.
#
#	item, sale (partitioned)   -> named, counted, spread, joined, numbers, bag
#	counted, named             -> merged -> top
#	sale                       -> everything (refresh mode FULL), later (not filled)
#	"S p"."Source"             -> "S p"."Stream"
#
# make_world() creates it in a database, change_world() changes every source,
# and refresh_world() tells how each stream table fares: "named DIFFERENTIAL" is
# fine, "named DIFFERENTIAL, 2 rows differ" is not.
package StreamTables;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(make_world change_world change_of_world refresh_world refreshed_as
  world_differs);

my $sources = q{
	CREATE SCHEMA "S p";
	CREATE TYPE color AS ENUM ('red', 'green');
	CREATE DOMAIN quantity AS int CHECK (VALUE > 0);
	CREATE TABLE item (id int PRIMARY KEY, name text, color color);
	CREATE TABLE sale (item int, n quantity, day date) PARTITION BY RANGE (day);
	CREATE TABLE sale_old PARTITION OF sale FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
	CREATE TABLE sale_new (day date, item int, n quantity);
	ALTER TABLE sale ATTACH PARTITION sale_new FOR VALUES FROM ('2024-01-01') TO (MAXVALUE);
	CREATE TABLE "S p"."Source" ("Key" int, "Value" text);
	INSERT INTO item SELECT i, 'item ' || i, 'red' FROM generate_series(1, 20) i;
	INSERT INTO sale SELECT i % 20, i % 7 + 1, date '2023-12-01' + i
		FROM generate_series(1, 60) i;
	INSERT INTO "S p"."Source" SELECT i % 3, repeat(i::text, 3000) FROM generate_series(1, 6) i;
};

my $streams = q{
	SELECT pgtrickle.create_stream_table(name, query, refresh_mode => 'DIFFERENTIAL')
	FROM (VALUES
		(1, 'named', 'SELECT id, upper(name) AS name, color FROM item'),
		(2, 'bag', 'SELECT item % 3 AS remainder, n FROM sale'),
		(3, 'counted', 'SELECT item, sum(n) AS n, count(*) AS sales FROM sale GROUP BY item'),
		(4, 'spread', 'SELECT item % 2 AS odd, avg(n) AS mean, min(n) AS least, max(n) AS most, count(DISTINCT n) AS ns FROM sale GROUP BY 1'),
		(5, 'numbers', 'SELECT DISTINCT n, extract(month FROM day) AS month FROM sale'),
		(6, 'joined', 'SELECT name, n, day FROM item JOIN sale ON item = id'),
		(7, 'merged', 'SELECT item, n, name FROM counted JOIN named ON id = item'),
		(8, 'top', 'SELECT count(*) AS items, sum(n) AS n FROM merged'),
		(9, '"S p"."Stream"', 'SELECT "Key" AS "K y", max("Value") AS "V" FROM "S p"."Source" GROUP BY 1')
	) s (number, name, query) ORDER BY number;
	SELECT pgtrickle.create_stream_table('everything', 'SELECT count(*) AS n FROM sale',
		refresh_mode => 'FULL');
	SELECT pgtrickle.create_stream_table('later', 'SELECT item, n FROM sale WHERE n > 1',
		refresh_mode => 'DIFFERENTIAL', initialize => false);
};

# What a stream table lacks or has too much, as a number of rows.
my $differs = q{
	CREATE SCHEMA IF NOT EXISTS world;
	CREATE OR REPLACE FUNCTION world.differs(stream regclass) RETURNS bigint
	LANGUAGE plpgsql AS
	$$
	DECLARE
		query text;
		result bigint;
	BEGIN
		SELECT original_query INTO STRICT query FROM pgtrickle.pgt_stream_tables
		WHERE pgt_relid = stream;
		EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s))'
			' UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) d', stream, query) INTO result;
		RETURN result;
	END
	$$;
	CREATE OR REPLACE FUNCTION world.actions(stream regclass, after bigint) RETURNS text
	LANGUAGE sql AS
	$$
		SELECT coalesce(string_agg(DISTINCT action, ' ') FILTER (WHERE action <> 'NO_DATA'), 'NO_DATA')
		FROM pgtrickle.pgt_refresh_history
		JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
		WHERE pgt_relid = stream AND refresh_id > after
	$$;
};

sub make_world
{
	my ($node, $database) = @_;

	$node->safe_psql($database, 'CREATE EXTENSION IF NOT EXISTS pg_trickle');
	$node->safe_psql($database, "$sources $streams $differs");
	return;
}

# Every source gets, loses and changes rows; $n makes it different each time.
sub change_world
{
	my ($node, $database, $n) = @_;

	$node->safe_psql($database, change_of_world($n));
	return;
}

sub change_of_world
{
	my ($n) = @_;

	return qq{
		INSERT INTO item VALUES (100 + $n, 'new $n', 'green');
		UPDATE item SET name = name || '+$n' WHERE id % 5 = $n % 5;
		DELETE FROM item WHERE id = $n;
		INSERT INTO sale SELECT (i + $n) % 25, i % 9 + 1, date '2023-12-20' + i
			FROM generate_series(1, 20) i;
		UPDATE sale SET n = n % 8 + 1, day = day + 5 WHERE item % 4 = $n % 4;
		DELETE FROM sale WHERE item = $n % 20;
		UPDATE "S p"."Source" SET "Value" = repeat('$n', 4000) WHERE "Key" = $n % 3;
		INSERT INTO "S p"."Source" VALUES (3, 'x');};
}

# "name action" of each stream table that is tracked, and how it differs after
# its refresh, in one line.
sub refresh_world
{
	my ($node, $database) = @_;

	return $node->safe_psql(
		$database, q{
		SET client_min_messages = error;
		SELECT coalesce(max(refresh_id), 0) AS last FROM pgtrickle.pgt_refresh_history \gset
		DO $$
		DECLARE
			stream regclass;
		BEGIN
			FOR stream IN SELECT pgt_relid FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id LOOP
				PERFORM pgtrickle.refresh_stream_table(stream::text);
			END LOOP;
		END
		$$;
		SELECT string_agg(pgt_relid || ' ' || world.actions(pgt_relid, :last)
			|| CASE world.differs(pgt_relid) WHEN 0 THEN ''
				ELSE format(', %s rows differ', world.differs(pgt_relid)) END
			|| CASE (SELECT count(*) FROM pgtrickle.verify_stream_table(pgt_relid::text)) WHEN 0 THEN ''
				ELSE ', not verified' END, E'\n' ORDER BY pgt_relid::text COLLATE "C")
		FROM pgtrickle.pgt_stream_tables;});
}

# What refresh_world() says if all is well and all deltas were deltas; the
# arguments name stream tables with other actions, and further ones.  Sorted by
# name.
sub refreshed_as
{
	my ($action, %others) = @_;
	my @names = (qw(named bag counted spread numbers joined merged top),
		'"S p"."Stream"', qw(everything later));
	my %actions = ((map { $_ => $action } @names), everything => 'FULL');

	%actions = (%actions, %others);
	return join "\n", map { "$_ $actions{$_}" } sort keys %actions;
}

# Stream tables whose content is not the result of their query now.
sub world_differs
{
	my ($node, $database) = @_;

	return $node->safe_psql(
		$database, q{
		SELECT string_agg(pgt_relid::text, ' ' ORDER BY pgt_id)
		FROM pgtrickle.pgt_stream_tables WHERE world.differs(pgt_relid) > 0;});
}

1;
