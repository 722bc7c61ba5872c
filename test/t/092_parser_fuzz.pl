# Mutants of ordinary statements and of ours: no crash, no internal error, and
# what the server's parser takes means what it did.
#
#	make fuzz FUZZ_FLAGS="--minutes=10 --seed=1"
use strict;
use warnings;

use Getopt::Long;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 'perl';
use ParserTest qw(new_server load_texts corpus_files slurp);

my ($minutes, $seed) = (0.1, time);
Getopt::Long::GetOptionsFromArray([ split ' ', $ENV{FUZZ_FLAGS} // '' ],
	'minutes=f' => \$minutes, 'seed=i' => \$seed)
  or die 'FUZZ_FLAGS are --minutes=N --seed=N';

my $node = new_server('fuzz');

# Short ordinary statements beside ours, half of each.
my %ordinary;
for my $file (corpus_files('sql'))
{
	for my $text (split /;[ \t]*\n/, slurp($file))
	{
		$ordinary{$text} = 1 if length $text < 400 && $text !~ /^\\/m;
	}
}
my @ordinary = sort keys %ordinary;
load_texts($node, map { ('ordinary', $_) } @ordinary);
load_texts($node, map { ('ours', $_) } @ParserTest::ours)
  for 0 .. @ordinary / @ParserTest::ours;

# Slices of a minute, with a seed each, so that a finding is soon repeated.
my $left = $minutes * 60;
my @totals = (0) x 5;
while ($left > 0)
{
	my $seconds = $left < 60 ? $left : 60;
	my ($status, $counts, $error) = $node->psql('parsing', qq{
		SELECT fuzz($seed, $seconds, array_agg(text ORDER BY text)) FROM texts},
		timeout => 600);

	is($status, 0, "seed $seed, $seconds seconds") or diag($error);
	last if $status != 0;
	my @counts = $counts =~ /\d+/g;
	$totals[$_] += $counts[$_] for 0 .. $#totals;
	$left -= $seconds;
	$seed++;
}
diag(sprintf '%d mutants: %d taken by both, %d rejected by both, %d ours,'
	  . ' %d rejected in our words', @totals);
cmp_ok($totals[$_], '>', 0, "kind $_ of mutants") for 0 .. $#totals;

$node->stop;
unlike(slurp($node->logfile),
	qr/ERROR: AddressSanitizer|runtime error|terminated by signal|TRAP:/,
	'nothing in the log');
done_testing();
