# Mutants of statements on stream tables, run: errors as there may be, but no
# crash, no lost connection and no internal error.
#
# FUZZ_FLAGS as for 092_parser_fuzz.pl; a server with assertions finds more.
use strict;
use warnings;

use Getopt::Long;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 'perl';
use ParserTest qw(new_server load_texts slurp);

my ($minutes, $seed) = (0.1, time);
Getopt::Long::GetOptionsFromArray([ split ' ', $ENV{FUZZ_FLAGS} // '' ],
	'minutes=f' => \$minutes, 'seed=i' => \$seed)
  or die 'FUZZ_FLAGS are --minutes=N --seed=N';

my $node = new_server(
	'fuzz', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = off
	max_prepared_transactions = 10
});
$node->safe_psql('postgres', q{
	CREATE DATABASE fuzzed TEMPLATE template0 ENCODING 'UTF8';
	ALTER DATABASE fuzzed SET statement_timeout = '5s'});
load_texts($node, map { ('ours', $_) } @ParserTest::ours);

# What the statements are about; most mutants find some of it.
my $world = q{
	CREATE EXTENSION IF NOT EXISTS pg_trickle;
	CREATE SCHEMA IF NOT EXISTS a;
	CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, v text);
	INSERT INTO t VALUES (1, 'a'), (2, 'b') ON CONFLICT DO NOTHING;
	CREATE STREAM TABLE IF NOT EXISTS s AS SELECT id, v FROM t;
	CREATE STREAM TABLE IF NOT EXISTS a.s AS SELECT v, count(*) AS n FROM t GROUP BY v};

# Every other one goes by the extended protocol.
sub mutants
{
	my ($seed, $n) = @_;
	my @mutants = split /\n/, $node->safe_psql('parsing', qq{
		SELECT encode(mutant(i, texts), 'hex')
		FROM generate_series($seed, $seed + $n - 1) i,
			(SELECT array_agg(text ORDER BY text) AS texts FROM texts) t});
	my $i = 0;

	return map { ($i++ % 2 ? 'params ' : 'exec ') . s/(..)/\\x$1/gr } @mutants;
}

my ($statements, $taken, @wrong) = (0, 0);
my $until = time + $minutes * 60;

# A session for some, because mutants may change its settings.
while (time < $until && !@wrong)
{
	my @lines = mutants($seed, 100);
	my ($out, $error) = ('', '');
	my ($status, undef, $why) = $node->psql('fuzzed', $world);

	push @wrong, "seed $seed: the world is broken: $why" if $status != 0;
	IPC::Run::run([ 'protocol/protocol', $node->connstr('fuzzed') ],
		'<', \join("\n", @lines, ''), '>', \$out, '2>', \$error);
	$statements += @lines;
	$taken += () = $out =~ /^(?!ERROR)[A-Z]/mg;
	push @wrong, map { "seed $seed: $_" } $out =~ /^(LOST|ERROR\|XX.*)/mg;
	push @wrong, "seed $seed: $error" if $error ne '';
	$seed += 100;
}
is(join("\n", @wrong), '', "$statements mutants, $taken results");
cmp_ok($taken, '>', 0, 'some are taken');
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is there');
$node->stop;
unlike(slurp($node->logfile),
	qr/AddressSanitizer|runtime error|terminated by signal|TRAP:|PANIC/,
	'nothing in the log');
done_testing();
