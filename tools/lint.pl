#!/usr/bin/perl
#
# lint.pl [--root=FOLDER] [--nm=NM] [--only=CHECK] [OBJECT...]
#	Prints one line "file:line: check: message" per finding; fails if any.
#
# The checks are the functions in %checks, each for one rule of CONTRIBUTING.md.
# tools/test/lint.sh plants a violation of each and demands that it is named.

use strict;
use warnings;
use File::Find;
use Getopt::Long;

my ($root, $nm, $only) = ('.', 'nm', '');
GetOptions('root=s' => \$root, 'nm=s' => \$nm, 'only=s' => \$only)
  or exit 2;
my @objects = @ARGV;
chdir $root or die "$root: $!\n";

# Lowest first; layers in one row do not know each other.
my @layers = (
	[qw(base)], [qw(catalog)], [qw(query)], [qw(capture dvm apply)],
	[qw(refresh)], [qw(schedule)], [qw(command)],
	[qw(syntax temporal ducklake)], [qw(monitor)]);
my %rank;
for my $i (0 .. $#layers) { $rank{$_} = $i for @{ $layers[$i] }; }
$rank{init} = @layers;    # src/init.c knows every layer

my $max_columns = 80;
my $max_file = 900;
my $max_function = 80;

my %checks = (
	layers => \&check_layers,
	versions => \&check_versions,
	names => \&check_names,
	readmes => \&check_readmes,
	lines => \&check_lines,
	sizes => \&check_sizes,
	errors => \&check_errors,
	hashes => \&check_hashes,
	symbols => \&check_symbols);

my $findings = 0;

sub finding
{
	my ($file, $line, $check, $message) = @_;

	print "$file:$line: $check: $message\n";
	$findings++;
	return;
}

# ------------------------------------------------------------------ reading

# All files of ours with one of these endings, in order.
sub files
{
	my ($pattern, @folders) = @_;
	my @found;

	find(
		{   no_chdir => 1,
			wanted => sub {
				# What runs and variants leave is not ours to check.
				return $File::Find::prune = 1
				  if -d && m{^(\./)?(\.git|tmp_check|build)$};
				push @found, s{^\./}{}r if -f && /$pattern/;
			} },
		grep { -d } @folders);
	return sort @found;
}

sub slurp
{
	my ($file) = @_;

	open(my $in, '<', $file) or die "$file: $!\n";
	local $/;
	my $text = <$in>;
	close $in;
	return $text // '';
}

my $string = qr/"(?:[^"\\\n]|\\.)*"/s;
my $character = qr/'(?:[^'\\\n]|\\.)+'/s;

# Balanced, with what they hold.  Strings may hold parentheses.
my $parens;
$parens = qr/\((?:[^()"']|$string|$character|(??{$parens}))*\)/s;

# Comments become blanks of the same shape, so that positions stay right.
sub code
{
	my ($text) = @_;

	$text =~ s{($string|$character)|(/\*.*?\*/|//[^\n]*)}
			  {$1 // ($2 =~ s/[^\n]/ /gr)}gse;
	return $text;
}

sub line_of
{
	my ($text, $offset) = @_;

	return 1 + (substr($text, 0, $offset) =~ tr/\n//);
}

# The calls of a function: [offset, arguments].
sub calls
{
	my ($text, $name) = @_;
	my @calls;

	while ($text =~ /\b(?:$name)\s*($parens)/g)
	{
		push @calls, [ $-[0], substr($1, 1, -1) ];
		# Calls within this one are calls, too.
		pos($text) = $-[1] + 1;
	}
	return @calls;
}

# The sources of the extension, and the C of tests and benchmarks beside them.
my @engine = files(qr/\.(c|h|def)$/, 'src', 'include');
my @all_c = (@engine, files(qr/\.(c|h)$/, 'test', 'bench', 'demo'));

# ------------------------------------------------------------------- layers

# The layer of a header is a line of its head comment, that of a source file
# its folder.
sub layer_of
{
	my ($file) = @_;

	return 'init' if $file eq 'src/init.c';
	return $1 if $file =~ m{^src/(\w+)/};
	return $1 if slurp($file) =~ m{\A\s*/\*.*?^ \* Layer: (\w+)\n.*?\*/}ms;
	return undef;
}

# The file that an include line names, if it is one of ours.
sub included_file
{
	my ($from, $name) = @_;

	return "include/$name" if $name =~ m{^pg_trickle/};
	my $beside = $from =~ s{[^/]*$}{$name}r;
	1 while $beside =~ s{[^/]+/\.\./}{};
	return -f $beside ? $beside : undef;
}

sub check_layers
{
	for my $file (@engine)
	{
		my $layer = layer_of($file);

		if (!defined $layer)
		{
			finding($file, 1, 'layers',
				'no line " * Layer: name" in the head comment');
			next;
		}
		if (!exists $rank{$layer})
		{
			finding($file, 1, 'layers', "there is no layer \"$layer\"");
			next;
		}
		check_includes($file, $layer);
	}
	return;
}

sub check_includes
{
	my ($file, $layer) = @_;
	my $text = code(slurp($file));

	while ($text =~ /^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]/mg)
	{
		my ($name, $line) = ($1, line_of($text, $-[0]));
		my $target = included_file($file, $name) // next;
		my $below;

		if (!-f $target)
		{
			finding($file, $line, 'layers', "$name does not exist");
			next;
		}
		$below = layer_of($target) // next;    # reported at the header
		next if !exists $rank{$below} || $below eq $layer;
		next if $rank{$below} < $rank{$layer};
		finding($file, $line, 'layers',
			"$layer must not know $below ($name)");
	}
	# A declaration by hand goes around the includes.
	if ($file =~ /\.c$/)
	{
		finding($file, line_of($text, $-[0]),
			'layers', 'declared by hand instead of by a header')
		  while $text =~ /^[ \t]*extern\b(?!\s*")/mg;
	}
	return;
}

# -------------------------------------------------------- names and versions

# By whatever macro a server tells its version.
my $version = qr/PG_(?:MAJOR)?VERSION(?:_NUM|_STR)?|CATALOG_VERSION_NO/;

sub check_versions
{
	for my $file (@all_c)
	{
		next if $file eq 'include/pg_trickle/compat.h';
		my $text = code(slurp($file));

		finding($file, line_of($text, $-[0]),
			'versions', "$1 outside include/pg_trickle/compat.h")
		  while $text =~ /\b($version)\b/g;
	}
	return;
}

sub check_names
{
	for my $file (files(qr/./, '.'))
	{
		finding($file, 1, 'names', 'the name says nothing about the content')
		  if $file =~ m{(?:^|[/_])(?:utils?|commons?|misc|helpers?)(?:\.[^/]*)?(?:/|$)};
	}
	return;
}

# A folder says what it does, and why that is correct.
sub check_readmes
{
	my %folders = map { m{^(src/.+)/} ? ($1 => 1) : () } @engine;

	for my $folder (sort keys %folders)
	{
		finding($folder, 1, 'readmes', 'has no README.md')
		  unless -s "$folder/README.md";
	}
	return;
}

# Every symbol that other libraries in the server could collide with, and ours
# that nobody defines: the linker of a library does not miss them.
sub check_symbols
{
	my (%defined, %wanted);

	for my $object (@objects)
	{
		my $file = $object =~ s/\.o$/.c/r;

		open(my $in, '-|', $nm, '-g', $object) or die "$nm: $!\n";
		while (<$in>)
		{
			my ($type, $symbol) = /([A-Zu]) (\S+)$/ or next;

			$defined{$symbol} = 1 if $type ne 'U';
			$wanted{$symbol} //= $file if $type eq 'U' && $symbol =~ /^pgt_/;
			next if $type eq 'U';
			next
			  if $symbol =~ /^(pgt_|_PG_init$|Pg_magic_func$|pg_finfo_pgt_)/;
			finding($file, 1, 'symbols',
				"\"$symbol\" is exported without the prefix pgt_");
		}
		close $in or die "$nm $object failed\n";
	}
	for my $symbol (sort grep { !$defined{$_} } keys %wanted)
	{
		finding($wanted{$symbol}, 1, 'symbols',
			"\"$symbol\" is not defined anywhere");
	}
	return;
}

# -------------------------------------------------------------------- sizes

sub expanded_length
{
	my ($line) = @_;

	1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (4 - length($1) % 4)/e;
	return length $line;
}

sub check_lines
{
	for my $file (@all_c)
	{
		my $number = 0;

		for my $line (split /\n/, slurp($file))
		{
			$number++;
			# A message is never split: its line is as long as it must be.
			next if $line =~ /^\s*(?:[\w>.-]+\()*$string\W*$/;
			next if expanded_length($line) <= $max_columns;
			finding($file, $number, 'lines',
				expanded_length($line) . " columns, allowed are $max_columns");
		}
	}
	return;
}

sub check_sizes
{
	for my $file (@all_c, files(qr/\.sql$/, 'sql'))
	{
		my @lines = slurp($file) =~ /^.*\n?/mg;

		finding($file, $max_file + 1, 'sizes',
			scalar(@lines) . " lines, allowed are $max_file")
		  if @lines > $max_file;
		check_functions($file, @lines) if $file =~ /\.[ch]$/;
	}
	return;
}

# A function's body stands between braces in the first column; what is not a
# function there has no closing parenthesis before its brace.
sub check_functions
{
	my ($file, @lines) = @_;
	my ($start, $name);

	for my $i (1 .. $#lines)
	{
		if ($lines[$i] =~ /^\{/ && $lines[ $i - 1 ] =~ /\)\s*$/)
		{
			my $head = $i - 1;

			$head-- while $head > 0 && $lines[$head] !~ /^\w/;
			($name) = $lines[$head] =~ /(\w+)\s*\(/;
			$start = $i;
		}
		elsif ($lines[$i] =~ /^\}/ && defined $start)
		{
			my $length = $i - $start - 1;

			finding($file, $start, 'sizes',
				($name // 'a function')
				. "() has $length lines, allowed are $max_function")
			  if $length > $max_function;
			undef $start;
		}
	}
	return;
}

# ------------------------------------------------------------------- errors

# The text of the literals that a call's arguments begin with.
sub literal
{
	my ($arguments) = @_;

	return undef unless $arguments =~ /^\s*(?:_\(\s*)?((?:$string\s*|[A-Z]\w*\s*)+)/;
	my $literals = $1;
	return undef unless $literals =~ /"/;
	my $text = '';
	$text .= substr($1, 1, -1) while $literals =~ /($string|[A-Z]\w+)/g;
	return $text;
}

# What a message may have without an SQLSTATE; any other level, a variable or a
# macro, may be an error.
my $below_error =
  qr/DEBUG[1-5]|LOG|LOG_SERVER_ONLY|COMMERROR|INFO|NOTICE|WARNING|WARNING_CLIENT_ONLY/;

# The first argument of a call, and those after it.
sub split_arguments
{
	my ($arguments) = @_;

	return $arguments =~ /^((?:[^(),"']|$string|$character|$parens)*),(.*)$/s
	  ? ($1, $2)
	  : ($arguments, '');
}

# Of "a ? b : c" both b and c count.
sub may_be_error
{
	my ($level) = @_;

	$level =~ s/^.*?\?//s;
	return grep { !/^[\s()]*(?:$below_error)[\s()]*$/ } split /[?:]/, $level;
}

# One message of errmsg_plural() and the like is as good as the other.
sub check_errors
{
	for my $file (@engine)
	{
		my $text = code(slurp($file));

		for my $call (calls($text, 'ereport(?:_domain)?'))
		{
			my ($offset, $arguments) = @$call;

			next unless may_be_error((split_arguments($arguments))[0]);
			next if $arguments =~ /\berrcode(?:_for_\w+)?\s*\(/;
			finding($file, line_of($text, $offset),
				'errors', 'ereport without errcode');
		}
		for my $call (calls($text, 'errmsg(?:_internal|_plural)?'))
		{
			check_primary($file, line_of($text, $call->[0]),
				literal($call->[1]));
		}
		for my $call (calls($text, 'elog'))
		{
			check_primary($file, line_of($text, $call->[0]),
				literal((split_arguments($call->[1]))[1]));
		}
		for my $call (calls($text, 'errdetail(?:_\w+)?|errhint(?:_\w+)?'))
		{
			check_sentence($file, line_of($text, $call->[0]),
				literal($call->[1]));
		}
	}
	return;
}

sub check_primary
{
	my ($file, $line, $message) = @_;
	my $complain = sub { finding($file, $line, 'errors', $_[0]); };

	return unless defined $message;
	$complain->('a primary message begins in lower case')
	  if $message =~ /^[A-Z][a-z]/;
	$complain->('a primary message has no full stop')
	  if $message =~ /\.$/;
	$complain->('a primary message is one line')
	  if $message =~ /\\n/;
	$complain->("\"$1\" says too little: see CONTRIBUTING.md on messages")
	  if $message =~ /^(unable|bad|illegal|unknown|invalid)\b/i;
	return;
}

sub check_sentence
{
	my ($file, $line, $message) = @_;

	return if !defined $message || $message eq '%s';
	finding($file, $line, 'errors', 'a detail or hint begins with a capital')
	  if $message =~ /^[a-z]/;
	finding($file, $line, 'errors', 'a detail or hint ends with a full stop')
	  if $message !~ /\.$/;
	return;
}

# Without it the table's memory is the whole session's.
sub check_hashes
{
	for my $file (@engine)
	{
		my $text = code(slurp($file));

		for my $call (calls($text, 'hash_create'))
		{
			finding($file, line_of($text, $call->[0]),
				'hashes', 'hash_create without HASH_CONTEXT')
			  unless $call->[1] =~ /\bHASH_CONTEXT\b/;
		}
	}
	return;
}

# ------------------------------------------------------------------ the run

die "no check is called \"$only\"\n" if $only ne '' && !$checks{$only};
for my $check (sort keys %checks)
{
	$checks{$check}->() if $only eq '' || $only eq $check;
}
die "found nothing to check below $root\n" unless @engine;
print "lint: $findings findings in " . scalar(@all_c) . " files\n";
exit($findings ? 1 : 0);
