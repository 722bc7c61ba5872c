# The page of the whole state as a browser has it: complete, legible in light and
# dark, and nothing that a name holds is more than text.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Browser;

my $node = PostgreSQL::Test::Cluster->new('main');
my $folder = PostgreSQL::Test::Utils::tempdir();

# Each of these would show in the title of the document if it ran.
my $script = q{<script>document.title="ran"</script>};
my $image = q{"><img src=x onerror="document.title='ran'">};
my $svg = q{</title></text></svg><svg onload="document.title='ran'">};
my $database = qq{shop $script};

$node->init;
$node->append_conf('postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	cluster_name = '<script>document.title="ran"</script>'
	pg_trickle.enabled = off
	max_locks_per_transaction = 512});
$node->start;

sub quoted
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq{"$name"};
}

sub literal
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	return "'$text'";
}

sub stream
{
	my ($name, $query) = @_;

	return "SELECT pgtrickle.create_stream_table("
	  . literal($name) . ', ' . literal($query) . ", '1m');\n";
}

# Run in a database of any name; returns what it prints.
sub run_sql
{
	my ($name, $sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(
		[   'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port,
			'-d', 'dbname=' . literal_for_libpq($name) ],
		'<' => \$sql, '>' => \$out, '2>' => \$err)
	  or die "psql: $err";
	return $out;
}

sub literal_for_libpq
{
	my ($text) = @_;

	$text =~ s/([\\'])/\\$1/g;
	return "'$text'";
}

sub write_page
{
	my ($name, $page) = @_;

	open my $fh, '>', "$folder/$name.html" or die $!;
	print $fh $page;
	close $fh;
	chmod 0644, "$folder/$name.html";
	return "$folder/$name.html";
}

# [x, y, width, height] of each box.
sub boxes_of
{
	my ($page) = @_;

	return map {
		my $rect = $_;
		[ map { $rect =~ / $_="(-?\d+)"/ ? $1 : die "no $_ in $rect" } qw(x y width height) ]
	} $page =~ /<rect class="node"([^>]*)>/g;
}

sub count_overlaps
{
	my @boxes = @_;
	my $overlaps = 0;

	foreach my $i (0 .. $#boxes)
	{
		foreach my $j (0 .. $i - 1)
		{
			my ($a, $b) = @boxes[ $i, $j ];

			$overlaps++
			  if $a->[0] < $b->[0] + $b->[2]
			  && $b->[0] < $a->[0] + $a->[2]
			  && $a->[1] < $b->[1] + $b->[3]
			  && $b->[1] < $a->[1] + $a->[3];
		}
	}
	return $overlaps;
}

# ---- a shop in which every name is an attack, and a graph of a hundred ----

run_sql('postgres', 'CREATE DATABASE ' . quoted($database) . '; CREATE DATABASE big');
my @sources = map { quoted($_) } $script, $image, $svg, 'plain';
my $source = 0;
my $sql = "CREATE EXTENSION pg_trickle;\n";

$sql .= "CREATE TABLE $_ (id int PRIMARY KEY, n int);\n" foreach @sources;
foreach my $name ("$script 2", "$image 2", "$svg 2", ']]> &amp; <!-- 2')
{
	$sql .= stream(quoted($name), "SELECT n, count(*) AS c FROM $sources[$source++] GROUP BY n");
}
$sql .= stream('joined',
	'SELECT a.n, a.c FROM ' . quoted("$script 2") . ' a JOIN ' . quoted("$image 2") . ' b USING (n)');
$sql .= 'UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = 1, last_error_message = '
  . literal("$script $image") . " WHERE pgt_relid = 'joined'::regclass";
run_sql($database, $sql);

$sql = "CREATE EXTENSION pg_trickle;\n";
$sql .= "CREATE TABLE t$_ (id int PRIMARY KEY, n int);\n" foreach 0 .. 19;
foreach my $i (0 .. 99)
{
	my $first = $i < 20 ? "t$i" : 's' . ($i - 20 + $i % 7);
	my $second = $i % 3 == 0 ? 't' . ($i * 7 % 20) : 's' . int($i / 4);

	$second = 't0' if $second eq "s$i" || $i == 0;
	$sql .= stream("s$i", "SELECT a.id, b.n FROM $first a JOIN $second b USING (id)");
}
run_sql('big', $sql);

# ---- as text ----

my $page = run_sql($database, 'SELECT pgtrickle.status_page(30)');
my $big = run_sql('big', 'SELECT pgtrickle.status_page()');

unlike($page, qr/[^\x01-\x7e]/, 'the page is ASCII');
is(scalar(() = $page =~ /<script|<img|onload="|onerror="/g), 0, 'no markup from names');
is(scalar(boxes_of($page)), 9, 'a box for each table');
is(count_overlaps(boxes_of($page)), 0, 'which do not overlap');
is(scalar(boxes_of($big)), 120, 'a hundred stream tables: a box for each table');
is(count_overlaps(boxes_of($big)), 0, 'a hundred stream tables: which do not overlap');

# ---- in a browser ----

SKIP:
{
	skip 'no browser: install the Debian package chromium, or set BROWSER', 16
	  unless defined find_browser();

	my $file = write_page('page', $page);
	my ($document, $console) = document_of($file);

	like($document, qr{<title>[^<]*critical|<title>[^<]*warning}, 'the title says how it is');
	unlike($document, qr{<title>ran</title>}, 'no script of a name ran');
	is(scalar(() = $document =~ /<script|<img|<svg onload/g), 0, 'names are no elements');
	is($console, '', 'nothing to complain about: the style is allowed, all else is there');
	is(scalar(boxes_of($document)), 9, 'the browser has all boxes');
	is(scalar(() = $document =~ /<tr id="st-\d+">/g), 5, 'and all rows');
	like($document, qr/<h2>Errors/, 'and the errors');

	# That this test would notice: as if escaping had failed.
	my $broken = $page;

	$broken =~ s/<h2>Errors/$script$image<h2>Errors/;
	($document, $console) = document_of(write_page('broken', $broken));
	unlike($document, qr{<title>ran</title>}, 'markup that got in does not run');
	like($console, qr/Content Security Policy/, 'the browser refuses it by the policy of the page');
	$broken =~ s/<meta http-equiv="Content-Security-Policy"[^>]*>//;
	($document) = document_of(write_page('open', $broken));
	like($document, qr{<title>ran</title>}, 'without that policy it would have run');

	# The style is in effect, in two sets of colours.
	my @size = (600, 400);
	my $light = colours_of($file, @size);
	my $dark = colours_of($file, @size, '--blink-settings=preferredColorScheme=0');

	cmp_ok(scalar(keys %$light), '>', 50, 'it is not blank');
	cmp_ok($light->{f3f5f8} // 0, '>', 10000, 'the ground is light');
	cmp_ok($light->{fde5e6} // $light->{fdf0d5} // 0, '>', 500, 'what is wrong stands out');
	cmp_ok($dark->{'0e131a'} // 0, '>', 10000, 'or dark, for who prefers that');
	is($dark->{f3f5f8} // 0, 0, 'all of it');

	($document, $console) = document_of(write_page('big', $big));
	is(scalar(boxes_of($document)) . $console, 120, 'a hundred stream tables: all boxes');
}

$node->stop;
done_testing();
