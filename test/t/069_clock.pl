# The clock of the server is set back by an hour: stream tables are fresh all
# the same, and not an hour later.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

# A library that adds what a file says to the time of day, in seconds.
my $source = q{
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <fcntl.h>
	#include <stdlib.h>
	#include <sys/time.h>
	#include <unistd.h>

	int gettimeofday(struct timeval *restrict tv, void *restrict zone)
	{
		int (*next)(struct timeval *, void *);
		char text[32] = "";
		int result;
		int file = open(getenv("CLOCK_FILE"), O_RDONLY);

		*(void **)&next = dlsym(RTLD_NEXT, "gettimeofday");
		result = next(tv, zone);
		if (file >= 0 && read(file, text, sizeof(text) - 1) > 0)
			tv->tv_sec += atol(text);
		if (file >= 0)
			close(file);
		return result;
	}
};
my $folder = PostgreSQL::Test::Utils::tempdir;
my $clock = "$folder/clock";
my $library = "$folder/clock.so";

append_to_file("$folder/clock.c", $source);
plan skip_all => 'no C compiler'
  if system("cc -shared -fPIC -o $library $folder/clock.c -ldl 2>/dev/null") != 0;

sub set_clock
{
	my ($seconds) = @_;

	# In one step: the server may read it at any time.
	append_to_file("$clock.new", $seconds);
	rename "$clock.new", $clock or die "cannot rename: $!";
	return;
}

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	max_worker_processes = 12
	autovacuum = off});
set_clock(0);
{
	local $ENV{CLOCK_FILE} = $clock;
	local $ENV{LD_PRELOAD} = $library;
	$node->start;
}

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

sub become
{
	my ($n, $name) = @_;

	wait_for_query($node, 'SELECT (TABLE soon), (TABLE above), (TABLE seldom)', "$n|$n|$n", $name);
	return;
}

sql(q{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE t (v int);
	SELECT pgtrickle.create_stream_table('soon', 'SELECT count(*) AS n FROM t', '0s');
	SELECT pgtrickle.create_stream_table('above', 'SELECT n FROM soon', 'calculated');
	SELECT pgtrickle.create_stream_table('seldom', 'SELECT count(*) AS n FROM t', '2s')});
sql('INSERT INTO t VALUES (1)');
become(1, 'before');

my $before = sql('SELECT extract(epoch FROM now())');

set_clock(-3600);
cmp_ok(sql('SELECT extract(epoch FROM now())'), '<', $before - 3000, 'the clock is set back');
sql('INSERT INTO t VALUES (2)');
become(2, 'commits are followed at once');

# Who starts now reads times from the catalog that have not come yet.
set_clock(-7200);
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE backend_type = 'pg_trickle scheduler'});
sql('INSERT INTO t VALUES (3)');
set_clock(-10800);
become(3, 'also by a scheduler that was to be started later');

$node->stop;
done_testing();
