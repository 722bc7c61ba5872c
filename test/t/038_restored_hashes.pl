# States keep hashes of keys, and a dump takes them along.  In the restored
# database keys that are OIDs, or texts in another encoding, have other hashes:
# what keeps such hashes is recomputed, and nothing else.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;

sub create_database
{
	my ($database, $encoding) = @_;

	$node->safe_psql('postgres',
		"CREATE DATABASE $database ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	return;
}

sub copy_database
{
	my ($from, $to, $encoding) = @_;

	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/$to", $from ], "$from is dumped");
	create_database($to, $encoding);
	$node->command_ok([ 'pg_restore', '-e', '-d', $to, "$folder/$to" ],
		"and restored as $to in $encoding");
	return;
}

# A table with two values of each type, and stream tables that hash them.
my $e = '\u00e9';
my @kinds = (
	[ 'int', 'int', '1', '2' ],
	[ 'numeric', 'numeric', '1.5', '2' ],
	[ 'stamp', 'timestamptz', '2024-06-01', '2024-06-02' ],
	[ 'oid', 'oid', '1', '2' ],
	[ 'text', 'text', "caf$e", 'tea' ],
	[ 'text_domain', 'label[]', "{caf$e}", '{tea}' ],
	[ 'json', 'jsonb', "\"caf$e\"", '"tea"' ],
	[ 'enum', 'color', 'red', 'green' ],
	[ 'enum_array', 'color[]', '{red}', '{red,green}' ],
	[ 'enum_range', 'colors', '[red,red]', '[red,green]' ],
	[ 'enum_ranges', 'multicolors', '{[red,red]}', '{[red,green]}' ],
	[ 'enum_domain', 'warm', 'red', 'yellow' ],
	[ 'enum_row', 'paint', '(red,1)', '(green,1)' ],
	[ 'class', 'regclass', 'of_int', 'of_text' ],
	[ 'procedure', 'regprocedure', 'one()', 'two()' ],
	[ 'own', 'own', '1', '2' ]);
my @texts = qw(text text_domain json);
my @oids = map { $_->[0] } @kinds[7 .. $#kinds];

create_database('latin', 'LATIN1');
$node->safe_psql(
	'latin', q{
	CREATE EXTENSION pg_trickle;
	CREATE TYPE color AS ENUM ('red', 'yellow', 'green');
	CREATE TYPE colors AS RANGE (SUBTYPE = color, MULTIRANGE_TYPE_NAME = multicolors);
	CREATE DOMAIN warm AS color CHECK (VALUE <> 'green');
	CREATE DOMAIN label AS text;
	CREATE TYPE paint AS (color color, litres int);
	CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1;
	CREATE FUNCTION two() RETURNS int LANGUAGE sql RETURN 2;

	-- A type whose hash function, for all we know, hashes anything.
	CREATE TYPE own;
	CREATE FUNCTION own_in(cstring) RETURNS own LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
	CREATE FUNCTION own_out(own) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
	CREATE TYPE own (INPUT = own_in, OUTPUT = own_out, LIKE = int4);
	CREATE FUNCTION own_hash(own) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashint4';
	CREATE FUNCTION own_cmp(own, own) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
	DO $$
	DECLARE
		op text[];
	BEGIN
		FOREACH op SLICE 1 IN ARRAY '{{=,eq},{<,lt},{<=,le},{>,gt},{>=,ge}}'::text[] LOOP
			EXECUTE format('CREATE FUNCTION own_%s(own, own) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS %L',
				op[2], 'int4' || op[2]);
			EXECUTE format('CREATE OPERATOR %s (LEFTARG = own, RIGHTARG = own, FUNCTION = own_%s %s)',
				op[1], op[2], CASE WHEN op[2] = 'eq' THEN ', HASHES, MERGES' END);
		END LOOP;
	END
	$$;
	CREATE OPERATOR CLASS own_order DEFAULT FOR TYPE own USING btree AS
		OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 own_cmp(own, own);
	CREATE OPERATOR CLASS own_hash DEFAULT FOR TYPE own USING hash AS OPERATOR 1 =, FUNCTION 1 own_hash(own);});
my $insert = '';
my $verify = "SELECT 'verified'";
my @streams;
foreach my $kind (@kinds)
{
	my ($name, $type, @values) = @$kind;
	my %queries = (
		number => "SELECT count(*) AS n FROM (SELECT DISTINCT k FROM of_$name) x",
		grouped => "SELECT k, sum(v) AS v FROM of_$name GROUP BY k",
		told_apart => "SELECT v, count(DISTINCT k) AS n FROM of_$name GROUP BY v");

	$node->safe_psql('latin', "CREATE TABLE of_$name (k $type, v int)");
	$insert .= "INSERT INTO of_$name VALUES (E'$_', 1);\n" foreach @values;
	foreach my $query (sort keys %queries)
	{
		my $stream = "${name}_$query";

		$node->safe_psql('latin', qq{
			SELECT pgtrickle.create_stream_table('$stream', '$queries{$query}',
				refresh_mode => 'DIFFERENTIAL', schedule => 'manual')});
		$verify .= qq{ UNION ALL
			SELECT '$stream ' || row_source || row_data FROM pgtrickle.verify_stream_table('$stream')};
		push @streams, $stream;
	}
}

sub refresh_all
{
	my ($database) = @_;

	my (undef, undef, $stderr) = $node->psql($database, join ';',
		map { "SELECT pgtrickle.refresh_stream_table('$_')" } @streams);

	is($stderr, '', "$database is refreshed, and all deltas fit");
	return;
}

# The kinds of which some stream table was recomputed by its last refresh.
sub recomputed
{
	my ($database) = @_;

	return $node->safe_psql($database, q{
		SELECT string_agg(DISTINCT substring(pgt_relid::regclass::text FROM '(.*)_(number|grouped|told_apart)'), ' '
			ORDER BY substring(pgt_relid::regclass::text FROM '(.*)_(number|grouped|told_apart)'))
		FROM pgtrickle.pgt_stream_tables, pgtrickle.get_refresh_history(pgt_relid::regclass::text, 1)
		WHERE action <> 'DIFFERENTIAL'});
}

sub sorted
{
	return join ' ', sort @_;
}

$node->safe_psql('latin', $insert);
refresh_all('latin');
$node->safe_psql('latin', $insert);
refresh_all('latin');
is(recomputed('latin'), '', 'all of them are maintained by deltas');
is($node->safe_psql('latin', $verify), 'verified', 'rightly');

# ---- the same values, after a restore ----

copy_database('latin', 'again', 'LATIN1');
$node->safe_psql('again', $insert);
refresh_all('again');
is($node->safe_psql('again', $verify), 'verified', 'values that were there are found again');
$node->safe_psql('again', $insert);
refresh_all('again');
is(recomputed('again'), '', 'deltas again');
is($node->safe_psql('again', $verify), 'verified', 'which are right');

copy_database('again', 'counted', 'LATIN1');
$node->safe_psql('counted', $insert);
refresh_all('counted');
is(recomputed('counted'), sorted(@oids), 'recomputed is what hashes OIDs');

# ---- in another encoding ----

copy_database('latin', 'utf8', 'UTF8');
$node->safe_psql('utf8', $insert);
refresh_all('utf8');
is(recomputed('utf8'), sorted(@oids, @texts), 'recomputed is what hashes OIDs and texts');
is($node->safe_psql('utf8', $verify), 'verified', 'texts are found in another encoding');

# ---- not by the first who sees it ----

copy_database('latin', 'explained', 'LATIN1');
$node->safe_psql('explained', $insert);
$node->safe_psql('explained', q{
	SELECT count(*) FROM unnest('{enum_number,enum_told_apart,class_grouped}'::text[]) s, pgtrickle.explain_st(s)});
$node->safe_psql('explained', q{
	SELECT count(*) FROM pgtrickle.explain_st('enum_grouped');
	BEGIN;
	SELECT pgtrickle.refresh_stream_table('enum_grouped');
	ROLLBACK;
	SELECT pgtrickle.refresh_stream_table('enum_grouped');});
refresh_all('explained');
is($node->safe_psql('explained', $verify), 'verified',
	'states that were made anew without being filled are filled by the next refresh');

# A template is copied with all OIDs.
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE explained');
$node->safe_psql('copied', $insert);
refresh_all('copied');
is(recomputed('copied'), '', 'a copied database keeps its hashes');
is($node->safe_psql('copied', $verify), 'verified', 'and finds its values by them');

done_testing();
