# The pages below docs/ are true: their examples print what they show, they name
# functions, tables and settings that there are, and the reference names all.
#
# Blocks of a page that are marked sql or sh are run in the order of the page,
# in a database called as the page, or as its first line says: "<!-- database:
# shop -->" ("none": the page makes its own).  Each has a session of its own.  A
# text block is what the block before it prints; without one that block may
# print anything but an error or a warning.  Left out of what is printed are
# spaces at ends of lines, the position that psql adds to an error, and results
# of functions that return nothing.
#
# The pages with what the examples really print are left in docs/ below the
# folder of the logs (tmp_check/tap/log): read the difference, then copy it.
use strict;
use warnings;

use File::Basename qw(basename);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $docs = "$FindBin::RealBin/../../docs";
my $written = "$PostgreSQL::Test::Utils::log_path/docs";
my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('docs');
my $block = qr/^```(\w*)\n(.*?)^```$/ms;

# The page written by the demo has a test of its own.
my @pages = grep { !/demo\.md$/ } sort glob("$docs/*.md");

# ---- examples ----

sub tidy
{
	my ($output) = @_;

	$output =~ s/^psql:\S+:\d+: //mg;
	$output =~ s/[ \t]+$//mg;
	$output =~ s/^ \w+\n-+\n\n\(1 row\)\n\n?//mg;
	$output =~ s/\n+$//;
	return $output eq '' ? '' : "$output\n";
}

# What a block prints, in the order of printing.
sub output_of
{
	my ($kind, $text) = @_;
	my ($fh, $file) = File::Temp::tempfile(DIR => $folder);

	print $fh $text;
	close $fh;
	my $command = $kind eq 'sql' ? "psql -X -q -f '$file'" : "bash '$file'";
	return tidy(scalar `cd '$folder' && $command 2>&1`);
}

sub database_of
{
	my ($page, $text) = @_;
	my $name = $text =~ /^<!-- database: (\w+) -->$/m ? $1 : basename($page, '.md');

	$name =~ tr/-/_/;
	return $name;
}

# Runs the examples of a page; returns it with what they print.
sub run_page
{
	my ($page) = @_;
	my $text = slurp_file($page);
	my $database = database_of($page, $text);
	my $name = basename($page);
	my ($example, $output) = ('', undef);

	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
	local $ENV{PGDATABASE} = $database eq 'none' ? 'postgres' : $database;
	$node->safe_psql('postgres', "CREATE DATABASE $database")
	  if $database ne 'none';

	my $silent = sub {
		unlike($output, qr/^(ERROR|FATAL|WARNING|bash|psql|pg_\w+):/m,
			"$name: no error in $example")
		  if defined $output;
		$output = undef;
	};
	my $visit = sub {
		my ($kind, $content) = @_;

		if ($kind eq 'text')
		{
			my $printed = $output // '';

			is($printed, $content, "$name: output of $example");
			$output = undef;
			return $printed;
		}
		if ($kind eq 'sql' || $kind eq 'sh')
		{
			$silent->();
			($example) = $content =~ /^(.*)$/m;
			$output = output_of($kind, $content);
		}
		return $content;
	};
	$text =~ s/$block/"```$1\n" . $visit->($1, $2) . '```'/ge;
	$silent->();
	return $text;
}

sub test_examples
{
	mkdir $written;
	foreach my $page (@pages)
	{
		my $text = run_page($page);

		open my $fh, '>', "$written/" . basename($page) or die $!;
		print $fh $text;
		close $fh;
	}
}

# ---- names and links ----

# Sets of names, as the server knows them.
sub names
{
	my ($query) = @_;
	return map { $_ => 1 } split /\n/, $node->safe_psql('reference', $query);
}

sub test_names
{
	my %settings = names(
		q{LOAD 'pg_trickle'; SELECT name FROM pg_settings WHERE name ~ '^pg_trickle\.'});
	$settings{"pg_trickle.$_"} = 1    # options in stock statements
	  foreach qw(schedule);
	my %objects = names(
		q{SELECT 'pgtrickle.' || proname FROM pg_proc
			WHERE pronamespace = 'pgtrickle'::regnamespace
		  UNION SELECT 'pgtrickle.' || relname FROM pg_class
			WHERE relnamespace = 'pgtrickle'::regnamespace});

	foreach my $page (@pages, "$docs/demo.md")
	{
		my $text = slurp_file($page);
		my $name = basename($page);
		my @wrong = grep { !$settings{$_} } $text =~ /\b(pg_trickle\.[a-z]\w*)/g;

		push @wrong, grep { !$objects{$_} } $text =~ /\b(pgtrickle\.[a-z]\w*)/g;
		is("@wrong", '', "$name: names of functions, tables and settings");
	}
}

# What GitHub makes of a heading.
sub anchor
{
	my ($heading) = @_;

	$heading = lc $heading;
	$heading =~ s/[^\w\- ]//g;
	$heading =~ tr/ /-/;
	return $heading;
}

sub anchors_of
{
	my ($text) = @_;
	return map { anchor($_) => 1 } $text =~ /^#+ (.*)$/mg;
}

# Links outside docs/ lead to files that are not here.
sub test_links
{
	foreach my $page (@pages, "$docs/demo.md")
	{
		my $text = slurp_file($page);
		my @dead;

		foreach my $link ($text =~ /\]\(([^)]+)\)/g)
		{
			next if $link =~ m{^(https?:|\.\./)};
			my ($file, $anchor) = $link =~ /^([^#]*)#?(.*)$/;
			my $target = $file eq '' ? $page : "$docs/$file";
			my %anchors = -f $target ? anchors_of(slurp_file($target)) : ();

			push @dead, $link
			  if !-f $target || ($anchor ne '' && !$anchors{$anchor});
		}
		is("@dead", '', basename($page) . ': links');
	}
}

# ---- the reference ----

# Both are lists of lines; a failure shows only what differs.
sub same_lines
{
	my ($documented, $existing, $name) = @_;
	my %documented = map { $_ => 1 } @$documented;
	my %existing = map { $_ => 1 } split /\n/, $existing;
	my @wrong = map { "documented, but there is not: $_\n" }
	  grep { !$existing{$_} } sort keys %documented;

	push @wrong, map { "not documented: $_\n" }
	  grep { !$documented{$_} } sort keys %existing;
	is(join('', @wrong), '', $name);
}

# "### name" and, in a block without a mark, the signature.
sub test_functions
{
	my ($reference) = @_;
	my @documented =
	  $reference =~ /^### \w+(?:, \w+)*\n\n```\n(.*?)\n```$/msg;
	my $existing = $node->safe_psql(
		'reference', q{
			SELECT proname || '(' ||
				   regexp_replace(arguments, '(^|, )OUT .*$', '') || ') returns ' ||
				   coalesce('setof (' ||
							replace(substring(arguments FROM 'OUT .*$'), 'OUT ', '') ||
							')', replace(result, 'SETOF', 'setof'))
			FROM (SELECT *, pg_get_function_result(oid) AS result,
						 regexp_replace(regexp_replace(pg_get_function_arguments(oid),
													   '::[a-z ]+(\[\])?', '', 'g'),
										' DEFAULT ', ' = ', 'g') AS arguments
				  FROM pg_proc) p
			WHERE pronamespace = 'pgtrickle'::regnamespace
			  AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
			ORDER BY 1});
	my @signatures;

	foreach my $signature (map { split /\n(?=\S)/ } @documented)
	{
		$signature =~ s/\s+/ /g;
		$signature =~ s/\( /(/g;
		$signature =~ s/ \)/)/g;
		push @signatures, $signature;
	}
	same_lines(\@signatures, $existing,
		'the reference has all functions as they are');
}

# Rows of the table below "## Settings": name, default, unit, who may set it.
sub test_settings
{
	my ($reference) = @_;
	my @documented = map { s/ *\| */|/gr } map { s/`//gr }
	  $reference =~ /^\| (`pg_trickle\.\w+` \|.*?\|.*?) \|/mg;
	my $existing = $node->safe_psql(
		'reference', q{
			LOAD 'pg_trickle';
			SELECT name || '|' ||
				   CASE WHEN vartype = 'bool' THEN boot_val
						WHEN vartype = 'string' AND boot_val = '' THEN 'empty'
						ELSE current_setting(name) END || '|' ||
				   CASE context WHEN 'superuser' THEN 'superuser'
						WHEN 'user' THEN 'anybody'
						WHEN 'sighup' THEN 'reload'
						WHEN 'postmaster' THEN 'restart' END
			FROM pg_settings WHERE name ~ '^pg_trickle\.' ORDER BY 1});

	same_lines(\@documented, $existing,
		'the reference has all settings as they are');
}

# "### pgt_name" and a table of columns and types.
sub test_tables
{
	my ($reference) = @_;
	my @documented;

	while ($reference =~ /^### `(\w+)`\n(.*?)(?=^#)/msg)
	{
		my ($table, $text) = ($1, $2);

		push @documented, "$table $1 $2"
		  while $text =~ /^\| `(\w+)` \| ([^|]+?) \|/mg;
	}
	my $existing = $node->safe_psql(
		'reference', q{
			SELECT relname || ' ' || attname || ' ' || format_type(atttypid, atttypmod)
			FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
			WHERE relnamespace = 'pgtrickle'::regnamespace
			  AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped});

	same_lines(\@documented, $existing,
		'the reference has all tables and views as they are');
}

# ---- the run ----

$node->init;
# Each page has a database, and so a scheduler.
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_trickle'\nmax_worker_processes = 32");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE reference');
$node->safe_psql('reference', 'CREATE EXTENSION pg_trickle');

test_examples();
test_names();
test_links();
my $reference = slurp_file("$docs/sql-reference.md") . "# end\n";
test_functions($reference);
test_settings($reference);
test_tables($reference);

$node->stop;
done_testing();
