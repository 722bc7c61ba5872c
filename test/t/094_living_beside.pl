# Beside libraries that look at statements, too: pg_stat_statements,
# auto_explain, plpgsql_check and pg_hint_plan, preloaded before and after us.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The folder of the libraries is that of the server's own programs.
my $folder = `pg_config --pkglibdir`;
chomp $folder;

sub is_installed
{
	my ($library) = @_;

	return -e "$folder/$library.so";
}

my @others =
  grep { is_installed($_) } qw(pg_stat_statements auto_explain plpgsql_check pg_hint_plan);
my %has = map { $_ => 1 } @others;
note("installed: @others");

sub new_node
{
	my ($name, @libraries) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $libraries = join ', ', @libraries;

	$node->init;
	$node->append_conf('postgresql.conf', <<"END");
shared_preload_libraries = '$libraries'
fsync = off
pg_trickle.enabled = off
compute_query_id = on
END
	$node->append_conf('postgresql.conf', <<'END') if $has{auto_explain};
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = off
END
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION pg_trickle;
		CREATE TABLE item (id int PRIMARY KEY, kind text);
		INSERT INTO item SELECT i, 'k' || i % 3 FROM generate_series(1, 10) i});
	return $node;
}

# ---- pg_stat_statements ----

# What is counted, without what we run inside.  Only a library that is named
# behind pg_trickle sees our statements, but ordinary ones look right to all.
my $counted = q{SELECT calls, rows, query FROM pg_stat_statements
	WHERE toplevel AND query !~ 'pg_stat_statements' ORDER BY query COLLATE "C"};

sub reset_statements
{
	my ($node) = @_;

	$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
	return;
}

sub counts_ordinary
{
	my ($node) = @_;

	reset_statements($node);
	$node->safe_psql('postgres', q{SELECT 1 + 2 AS stream;
		SELECT /* ä */ id FROM item WHERE id = 7 AND kind = 'stream'});
	$node->safe_psql('postgres', q{SELECT 3 + 4 AS stream});
	is($node->safe_psql('postgres', $counted), <<'END' =~ s/\n\z//r, $node->name . ': ordinary statements');
2|2|SELECT $1 + $2 AS stream
1|0|SELECT /* ä */ id FROM item WHERE id = $1 AND kind = $2
END
	return;
}

# One string, so that the texts are cut out of it, with constants around.
my $string = q{SELECT 'ä', 1; CREATE STREAM TABLE s AS SELECT id, 'ö' AS o FROM item WHERE id > 5; }
  . q{SELECT 'ö', 2 + 3; ALTER STREAM TABLE s SET (schedule = '1m'); }
  . q{REFRESH /* 1 */ STREAM TABLE s FULL; EXPLAIN CREATE STREAM TABLE t AS SELECT 1 AS n; }
  . q{SELECT 6 WHERE 7 = 8; DROP STREAM TABLE IF EXISTS s};

# The server writes constants of utility statements as they are up to 15.
sub plain
{
	my ($text) = @_;

	$text =~ s/\$\d+/?/g;
	$text =~ s/(?<![\w"])(?:'[^']*'|\d+)(?!\w)/?/g;
	return $text;
}

sub counts_ours
{
	my ($node, $name) = @_;

	reset_statements($node);
	$node->safe_psql('postgres', $string);
	my $texts = $node->safe_psql('postgres', q{
		SELECT string_agg(calls || ' ' || query, E'\n' ORDER BY query COLLATE "C")
		FROM pg_stat_statements WHERE toplevel AND query !~ 'pg_stat_statements'});
	my @expected = map { '1 ' . plain($_) } sort split /; /, $string;

	is(join("\n", sort map { s/^\? /1 /r } map { plain($_) } split /\n/, $texts),
		join("\n", sort @expected), "$name: each statement by its own text");
	return;
}

sub counts_rows
{
	my ($node, $name) = @_;

	reset_statements($node);
	$node->safe_psql('postgres', q{CREATE STREAM TABLE r AS SELECT id FROM item});
	$node->safe_psql('postgres', q{DROP STREAM TABLE r});
	is( $node->safe_psql('postgres', q{
			SELECT calls, rows FROM pg_stat_statements WHERE query ~ '^CREATE STREAM'}),
		'1|10', "$name: rows of a CREATE");
	return;
}

sub obeys_track_utility
{
	my ($node, $name) = @_;

	reset_statements($node);
	$node->safe_psql('postgres', qq{SET pg_stat_statements.track_utility = off; $string});
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_statements
			WHERE toplevel AND query ~ 'STREAM'}),
		'0', "$name: track_utility = off");
	return;
}

sub test_pg_stat_statements
{
	my ($node) = @_;
	my $name = $node->name;

	$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements');
	counts_ordinary($node);
	return if $name eq 'behind';
	counts_ours($node, $name);
	counts_rows($node, $name);
	obeys_track_utility($node, $name);
	return;
}

# ---- auto_explain ----

sub test_auto_explain
{
	my ($node) = @_;
	my $offset = -s $node->logfile;

	$node->safe_psql('postgres', q{SELECT 'ä'; SELECT id FROM item WHERE id = 3;
		CREATE STREAM TABLE a AS SELECT id FROM item; DROP STREAM TABLE a});
	my $log = substr(slurp_file($node->logfile), $offset);

	like($log, qr/plan:\s+Query Text: .*SELECT id FROM item WHERE id = 3.*\n\s+Index/,
		$node->name . ': auto_explain tells plans');
	unlike($log, qr/ERROR|WARNING/, $node->name . ': and nothing else');
	return;
}

# ---- plpgsql_check ----

sub test_plpgsql_check
{
	my ($node) = @_;
	my $name = $node->name;

	$node->safe_psql('postgres', q{
		CREATE EXTENSION plpgsql_check;
		CREATE FUNCTION good() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			CREATE STREAM TABLE c AS SELECT id FROM item;
			PERFORM count(*) FROM c;
			REFRESH STREAM TABLE c;
			DROP STREAM TABLE c;
		END $$;
		CREATE FUNCTION wrong() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			CREATE STREAM TABLE c AS SELECT id FROM item;
			PERFORM nothing FROM item;
		END $$});
	is($node->safe_psql('postgres', q{
			SELECT * FROM plpgsql_check_function('good()', fatal_errors => false)
			WHERE plpgsql_check_function ~ 'syntax|STREAM'}),
		'', "$name: plpgsql_check finds no fault with the statements");
	like($node->safe_psql('postgres', q{
			SELECT * FROM plpgsql_check_function('wrong()', fatal_errors => false)}),
		qr/column "nothing" does not exist/,
		"$name: and finds what is behind them");
	$node->safe_psql('postgres', q{
		CREATE FUNCTION dynamic() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			CREATE STREAM TABLE c AS SELECT id FROM item;
			EXECUTE 'REFRESH STREAM TABLE c';
			DROP STREAM TABLE c;
		END $$;
		SET plpgsql_check.mode = every_start;
		SELECT dynamic()});
	return;
}

# ---- pg_hint_plan ----

sub test_pg_hint_plan
{
	my ($node) = @_;

	unlike($node->safe_psql('postgres', q{
			/*+ SeqScan(item) */ EXPLAIN SELECT id FROM item WHERE id = 3}),
		qr/Index/, $node->name . ': hints are obeyed');
	$node->safe_psql('postgres', q{/*+ SeqScan(item) */
		CREATE STREAM TABLE h AS SELECT id FROM item WHERE id = 3;
		DROP STREAM TABLE h});
	return;
}

my %tests = (
	pg_stat_statements => \&test_pg_stat_statements,
	auto_explain => \&test_auto_explain,
	plpgsql_check => \&test_plpgsql_check,
	pg_hint_plan => \&test_pg_hint_plan);

for my $order (
	[ 'behind', @others, 'pg_trickle' ],
	[ 'before', 'pg_trickle', @others ])
{
	my ($name, @libraries) = @$order;
	my $node = new_node($name, @libraries);

	is($node->safe_psql('postgres', 'SELECT available FROM pgtrickle.sql_syntax_status()'),
		't', "$name: @libraries");
	my $told = slurp_file($node->logfile) =~
	  /LOG: .*pg_trickle is not the first library that handles statements/;
	is($told ? 1 : 0, $name eq 'behind' && $has{pg_stat_statements} ? 1 : 0,
		"$name: what the log says of the order");
	for my $library (sort keys %tests)
	{
	  SKIP:
		{
			skip "$library is not installed", 1 if !$has{$library};
			$tests{$library}->($node);
		}
	}
	$node->stop;
}
done_testing();
