#!/usr/bin/perl
#
# apply.pl FOLDER [NAME.mutant...]
#	Applies mutants to the tree in FOLDER: their texts must stand there once.
#
# apply.pl --check FOLDER NAME.mutant...
#	Changes nothing, tells all that do not apply, and fails if there is one.
use strict;
use warnings;

my $check = @ARGV && $ARGV[0] eq '--check' && shift @ARGV;
my ($folder, @mutants) = @ARGV;
my $failures = 0;

sub slurp
{
	my ($path) = @_;

	open(my $in, '<', $path) or die "$path: $!\n";
	local $/;
	return scalar <$in>;
}

# The file that a mutant changes, and what becomes of it.
sub mutated
{
	my ($head, @texts) = split /^----\n/m, slurp($_[0]), -1;
	my ($file) = $head =~ /^file: *(\S+)$/m or die "it names no file\n";
	my $code = slurp("$folder/$file");

	$head =~ /^tests: *\S/m or die "it names no tests\n";
	die "it has no pair of texts\n" if !@texts || @texts % 2;
	while (my ($old, $new) = splice(@texts, 0, 2))
	{
		my $times = () = $code =~ /\Q$old\E/g;
		die "this stands $times times in $file:\n$old" if $times != 1;
		$code =~ s/\Q$old\E/$new/;
	}
	return ($file, $code);
}

# The tree may be made of links, so the file is not written over.
sub replace
{
	my ($path, $code) = @_;

	unlink $path;
	open(my $out, '>', $path) or die "$path: $!\n";
	print $out $code;
	close($out) or die "$path: $!\n";
	return;
}

for my $mutant (@mutants)
{
	my ($file, $code) = eval { mutated($mutant) };

	if ($@)
	{
		print STDERR "$mutant does not apply: $@";
		$failures++;
		next;
	}
	replace("$folder/$file", $code) if !$check;
}
exit($failures ? 1 : 0);
