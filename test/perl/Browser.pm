# Browser.pm
#	A page in headless Chromium (Debian: chromium; another one as BROWSER): its
#	document after loading, and its pixels.
package Browser;

use strict;
use warnings;

use Compress::Zlib;
use IPC::Run;
use PostgreSQL::Test::Utils;

use Exporter 'import';

our @EXPORT = qw(find_browser document_of colours_of);

# Its path, or undef.
sub find_browser
{
	foreach my $name ($ENV{BROWSER} // (), 'chromium')
	{
		my $path = $name =~ m{/} ? $name : `command -v '$name' 2>/dev/null`;

		chomp $path;
		return $path if $path ne '' && -x $path;
	}
	return undef;
}

# Tests may run as a user without a home, in a container without namespaces.
sub run_browser
{
	my ($page, @options) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my ($out, $err) = ('', '');

	local $ENV{HOME} = $folder;
	local $ENV{XDG_RUNTIME_DIR} = $folder;
	local $ENV{DBUS_SESSION_BUS_ADDRESS} = 'disabled:';
	IPC::Run::run(
		[   find_browser(), '--headless=new', '--no-sandbox', '--disable-gpu',
			'--disable-dev-shm-usage', '--disable-extensions', '--no-first-run',
			'--disable-background-networking', '--hide-scrollbars',
			'--enable-logging=stderr', "--user-data-dir=$folder/profile",
			@options, "file://$page" ],
		'>' => \$out, '2>' => \$err, IPC::Run::timeout(180))
	  or die "the browser failed: $err";
	return ($out, join '', grep { /CONSOLE/ } split /^/, $err);
}

# The document as the browser has it in the end, and what went to its console.
sub document_of
{
	my ($page) = @_;

	return run_browser($page, '--dump-dom');
}

# Rows of a PNG of 8 bits per channel, without their filters.
sub rows_of
{
	my ($png) = @_;
	my ($data, $header) = ('', undef);

	for (my $at = 8; $at < length $png;)
	{
		my ($length, $type) = unpack 'N a4', substr($png, $at, 8);
		my $body = substr($png, $at + 8, $length);

		$header = $body if $type eq 'IHDR';
		$data .= $body if $type eq 'IDAT';
		$at += $length + 12;
	}
	my ($width, $height, $depth, $kind) = unpack 'N N C C', $header;
	die "PNG of depth $depth and kind $kind" if $depth != 8 || ($kind != 2 && $kind != 6);
	my $bpp = $kind == 6 ? 4 : 3;
	my $bytes = uncompress($data);
	my @before = (0) x ($width * $bpp);
	my @rows;

	foreach my $row (0 .. $height - 1)
	{
		my ($filter, @line) = unpack 'C*',
		  substr($bytes, $row * ($width * $bpp + 1), $width * $bpp + 1);

		unfilter($filter, \@line, \@before, $bpp);
		@before = @line;
		push @rows, [ map { [ @line[ $_ * $bpp .. $_ * $bpp + 2 ] ] } 0 .. $width - 1 ];
	}
	return @rows;
}

sub unfilter
{
	my ($filter, $line, $before, $bpp) = @_;

	return if $filter == 0;
	foreach my $i (0 .. $#$line)
	{
		my $left = $i < $bpp ? 0 : $line->[ $i - $bpp ];
		my $up = $before->[$i];
		my $corner = $i < $bpp ? 0 : $before->[ $i - $bpp ];
		my $guess = $filter == 1 ? $left
		  : $filter == 2 ? $up
		  : $filter == 3 ? int(($left + $up) / 2)
		  : paeth($left, $up, $corner);

		$line->[$i] = ($line->[$i] + $guess) & 255;
	}
	return;
}

sub paeth
{
	my ($left, $up, $corner) = @_;
	my $p = $left + $up - $corner;
	my ($a, $b, $c) = map { abs($p - $_) } $left, $up, $corner;

	return $left if $a <= $b && $a <= $c;
	return $b <= $c ? $up : $corner;
}

# How many pixels of a screenshot have which colour, as in "f3f5f8".
sub colours_of
{
	my ($page, $width, $height, @options) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/page.png';
	my %colours;

	run_browser($page, "--screenshot=$file", "--window-size=$width,$height", @options);
	foreach my $row (rows_of(slurp_file($file)))
	{
		$colours{ sprintf '%02x%02x%02x', @$_ }++ foreach @$row;
	}
	return \%colours;
}

1;
