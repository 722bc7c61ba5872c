# Our parser makes of every text what the server's makes of it: the same tree,
# the same positions, the same error.
#
# PARSER_SOURCE, a folder of PostgreSQL's sources, is what "make check-parser
# SOURCE=folder" names: then the server's own tests are run, and every text that
# psql sent, and the files as they are, go through both parsers.
use strict;
use warnings;

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 'perl';
use ParserTest qw(new_server load_texts corpus_files statements_of slurp);

my $source = $ENV{PARSER_SOURCE} // '';
my $node = new_server(
	'parsing', q{
	logging_collector = on
	log_destination = 'jsonlog'
	log_directory = 'log'
	log_filename = 'all'
	log_rotation_size = 0
	statement_timeout = '20s'
	max_prepared_transactions = 10
});

# ---- what the comparison is about ----

my $difference = $node->safe_psql('parsing',
	q{SELECT difference('CREATE STREAM TABLE s AS SELECT 1', 0)});
is($difference, '', 'a statement of ours may differ');
is($node->safe_psql('parsing', q{SELECT verdict('CREATE STREAM TABLE s AS SELECT 1')}),
	'ours', 'and is seen');
is($node->safe_psql('parsing', q{SELECT verdict('SELECT stream')}),
	'both', 'an ordinary statement');
is($node->safe_psql('parsing', q{SELECT verdict('SELECT stream stream stream')}),
	'none', 'a wrong statement');

# ---- texts ----

# The commands of psql, and the data of COPY FROM stdin, are not for the server.
sub without_psql
{
	my ($text) = @_;

	$text =~ s/^(copy\b[^;]*\bfrom\s+stdin\b[^;]*;).*?^\\\.$/$1/gmsi;
	$text =~ s/^\\.*$//gm;
	return $text;
}

# Snippets for the modes of PL/pgSQL: what follows SELECT and the like.
sub snippets
{
	my ($text) = @_;
	my %seen;

	return grep { length && !$seen{$_}++ }
	  $text =~ /\b(?:select|where|return|if|:=|::|as)\s+([^;]{1,300}?)\s*(?=;|$|\bfrom\b|\bthen\b|\bloop\b)/gi;
}

sub texts_of_files
{
	my (@files) = @_;
	my @texts;

	for my $file (@files)
	{
		my $text = without_psql(slurp($file));

		push @texts, "$file (whole)", $text;
		push @texts, "$file (part)", $_ for split /;[ \t]*\n/, $text;
		push @texts, "$file (snippet)", $_ for snippets($text);
	}
	return @texts;
}

# Code blocks of the documentation.
sub texts_of_docs
{
	my @texts;

	for my $file (glob '../docs/*.md')
	{
		my $text = slurp($file);

		push @texts, $file, $_ for $text =~ /^```sql\n(.*?)^```/gms;
	}
	return @texts;
}

# Texts that are strings of statements: those of a session, some at a time.
sub strings_of
{
	my @strings;

	push @strings, 'string', join(";\n", splice(@_, 0, 12)) while @_;
	return @strings;
}

# ---- the server's own tests, as psql sends them ----

sub run_file
{
	my ($file, $folder) = @_;
	local %ENV = %ENV;

	$ENV{PG_ABS_SRCDIR} = $folder;
	$ENV{PG_ABS_BUILDDIR} = $node->basedir;
	$ENV{PG_LIBDIR} = $ENV{PG_DLSUFFIX} = '';
	IPC::Run::run(
		[ 'psql', '-XqAt', '-d', $node->connstr('regression'), '-f', $file ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	return;
}

# test_setup and the like come first; what others need is more or less there.
sub in_order
{
	my %first = map { $_ => 1 } qw(test_setup create_index create_misc);

	return sort {
		($first{ basename($b, '.sql') } // 0)
		  <=> ($first{ basename($a, '.sql') } // 0) || $a cmp $b
	} @_;
}

sub run_tests
{
	my @files = grep { m{/sql/} } @_;

	$node->safe_psql('postgres', q{
		CREATE DATABASE regression TEMPLATE template0 ENCODING 'UTF8';
		ALTER DATABASE regression SET log_statement = 'all';
		ALTER DATABASE regression SET statement_timeout = '20s'});
	run_file($_, dirname(dirname($_))) for in_order(@files);

	my %seen;
	return grep { !$seen{$_}++ }
	  statements_of($node->data_dir . '/log/all.json');
}

sub texts_of_source
{
	my @files = corpus_files("$source/src", "$source/contrib");
	my @statements = run_tests(@files);

	note(scalar(@files) . ' files, ' . scalar(@statements) . ' statements');
	cmp_ok(scalar(@statements), '>', 10000, 'psql has sent the statements');
	return (texts_of_files(@files), strings_of(@statements),
		map { ('statement', $_) } @statements);
}

my @texts = (
	texts_of_files(corpus_files('sql'), corpus_files('isolation')),
	texts_of_docs(), map { ('ours', $_) } @ParserTest::ours);
push @texts, texts_of_source() if $source ne '';
load_texts($node, @texts);

# ---- both parsers ----

my @modes = qw(DEFAULT TYPE_NAME PLPGSQL_EXPR PLPGSQL_ASSIGN1 PLPGSQL_ASSIGN2
  PLPGSQL_ASSIGN3);

sub compare
{
	my ($mode, $setting) = @_;

	is( $node->safe_psql('parsing', qq{
			SET standard_conforming_strings = $setting;
			SELECT name, difference(text, $mode), left(encode(text, 'escape'), 500)
			FROM texts WHERE difference(text, $mode) IS NOT NULL LIMIT 20},
			timeout => 3600),
		'', "RAW_PARSE_$modes[$mode], standard_conforming_strings = $setting");
	return;
}

compare($_, 'on') for 0 .. $#modes;
compare(0, 'off');

my $taken = $node->safe_psql('parsing', q{
	SELECT string_agg(verdict || ': ' || n, ', ' ORDER BY verdict)
	FROM (SELECT verdict(text), count(*) AS n FROM texts GROUP BY 1) v});
diag("texts taken by $taken");
like($taken, qr/both: \d{3,}/, 'most texts are taken');
like($taken, qr/ours: \d{2,}/, 'and texts of ours are among them');
$node->stop;
done_testing();
