# A server whose parser is its own, with test/parser/parser_test.so in it, and
# texts to parse: from files of SQL, and as psql sent them to a server.
package ParserTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

use Exporter 'import';
our @EXPORT_OK =
  qw(new_server load_texts corpus_files statements_of slurp);

# Statements of ours: what the fuzzer begins with.
our @ours = (
	q{CREATE STREAM TABLE s AS SELECT id, 'ä' AS "ö" FROM t},
	q{CREATE STREAM TABLE IF NOT EXISTS a.s (x, y) WITH (schedule = '5s', tier = hot) AS SELECT 1, 2 WITH NO DATA},
	q{CREATE OR REPLACE STREAM TABLE s AS WITH w AS (SELECT 1) SELECT * FROM w WITH DATA},
	q{/* c */ CREATE -- c} . "\n" . q{STREAM/**/TABLE "stream" AS TABLE t;},
	q{EXPLAIN CREATE STREAM TABLE s AS SELECT $$a;b$$},
	q{EXPLAIN (VERBOSE, FORMAT json) CREATE OR REPLACE STREAM TABLE s AS VALUES (1)},
	q{ALTER STREAM TABLE s SET (schedule = '1m', fuse_ceiling = 5)},
	q{ALTER STREAM TABLE IF EXISTS a.s RESET (schedule)},
	q{ALTER STREAM TABLE s SUSPEND},
	q{ALTER STREAM TABLE s RESUME},
	q{ALTER STREAM TABLE IF EXISTS s AS SELECT 1 AS a},
	q{ALTER STREAM TABLE s RENAME TO r},
	q{ALTER STREAM TABLE s SET SCHEMA a},
	q{ALTER STREAM TABLE s OWNER TO CURRENT_USER},
	q{DROP STREAM TABLE IF EXISTS a, b.c CASCADE},
	q{REFRESH STREAM TABLE a.s FULL},
	q{REFRESH STREAM TABLE U&"s!0061" UESCAPE '!'},
	q{CREATE TABLE s USING stream WITH (schedule = '1s') AS SELECT 1},
	q{SELECT stream.table FROM stream; DROP STREAM TABLE s; SELECT 1},
	q{CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END},
	q{CREATE STREAM TABLE public.as AS SELECT 1 AS stream},
	q{SELECT ((((1)))); ; CREATE STREAM TABLE s AS SELECT (SELECT 1); ;});

# new_server(NAME, SETTINGS): databases "parsing" (UTF8) with the functions of
# the module, and the one for statements.
sub new_server
{
	my ($name, $settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $module = abs_path('parser') . '/parser_test';

	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\n" . ($settings // ''));
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE DATABASE parsing TEMPLATE template0 ENCODING 'UTF8';
		ALTER DATABASE parsing SET client_min_messages = 'error';
		ALTER DATABASE parsing SET log_min_messages = 'fatal'});
	$node->safe_psql('parsing', qq{
		CREATE TABLE texts (name text, text bytea);
		CREATE FUNCTION difference(bytea, mode int) RETURNS text
			AS '$module', 'parser_test_difference' LANGUAGE C STRICT;
		CREATE FUNCTION verdict(bytea) RETURNS text
			AS '$module', 'parser_test_verdict' LANGUAGE C STRICT;
		CREATE FUNCTION fuzz(seed bigint, seconds float8, corpus bytea[])
			RETURNS bigint[] AS '$module', 'parser_test_fuzz' LANGUAGE C STRICT;
		CREATE FUNCTION mutant(seed bigint, corpus bytea[]) RETURNS bytea
			AS '$module', 'parser_test_mutant' LANGUAGE C STRICT});
	return $node;
}

# load_texts(NODE, NAME => TEXT, ...): bytes, whatever they are.
sub load_texts
{
	my ($node, @texts) = @_;
	my $file = $node->basedir . '/texts.hex';

	open(my $out, '>', $file) or die "$file: $!";
	while (my ($name, $text) = splice(@texts, 0, 2))
	{
		$name =~ s/[\t\\]/_/g;
		$text =~ s/\0.*//s;
		print $out "$name\t\\\\x", unpack('H*', $text), "\n";
	}
	close $out;
	$node->safe_psql('parsing', "COPY texts FROM '$file'");
	unlink $file;
	return;
}

sub slurp
{
	my ($file) = @_;

	open(my $in, '<:raw', $file) or die "$file: $!";
	local $/;
	return scalar <$in>;
}

# All files of SQL below the folders, in order.
sub corpus_files
{
	my (@folders) = @_;
	my @files;

	find(
		{   no_chdir => 1,
			wanted => sub { push @files, $_ if -f && /\.sql$/ } },
		grep { -d } @folders);
	return sort @files;
}

# What a string in JSON means, in bytes.
my %escapes = (n => "\n", t => "\t", r => "\r", b => "\b", f => "\f");

sub json_string
{
	my ($string) = @_;

	$string =~ s{\\(?:u00([0-9a-f]{2})|(.))}
		{defined $1 ? chr(hex $1) : $escapes{$2} // $2}gsei;
	return $string;
}

# The statements in what a server has logged as JSON, as it got them.
sub statements_of
{
	my ($log) = @_;
	my @statements;
	my $string = qr/"((?:[^"\\]|\\.)*+)"/;

	open(my $in, '<:raw', $log) or die "$log: $!";
	while (my $line = <$in>)
	{
		my ($text) = $line =~ /"statement":$string/;

		($text) = $line =~
		  /"message":"(?:statement|execute [^:]*): ((?:[^"\\]|\\.)*+)"/
		  if !defined $text;
		push @statements, json_string($text) if defined $text;
	}
	return @statements;
}

1;
