# What watches a server from outside: the queries for Prometheus run as a
# member of pg_monitor and have what they say, the alerts and the dashboard use
# no other metric; health_check() tells of processes; a long first fill can be
# watched, also by others than who runs it; pictures are what Graphviz reads.
use strict;
use warnings;

use CPAN::Meta::YAML;
use FindBin;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = "$FindBin::RealBin/../../monitoring";
my $node = PostgreSQL::Test::Cluster->new('monitoring');

sub yaml
{
	my ($name) = @_;
	return CPAN::Meta::YAML->read("$folder/prometheus/$name")->[0];
}

# Runs a query as the member of pg_monitor; rows of columns by name.
sub ask
{
	my ($query) = @_;
	my $rows = $node->safe_psql('postgres',
		"SET ROLE watcher; SELECT coalesce(json_agg(q), '[]') FROM ($query) q");
	return decode_json($rows);
}

# ---- Prometheus ----

# The metrics that a query offers, with what its rows must have.
sub metrics_of
{
	my ($name, $definition) = @_;
	my (%metrics, %labels);

	foreach my $metric (@{ $definition->{metrics} })
	{
		my ($column) = keys %$metric;

		ok($metric->{$column}{description}, "$name: $column is described");
		if ($metric->{$column}{usage} eq 'LABEL') { $labels{$column} = 1; }
		else { $metrics{$column} = 1; }
	}
	return (\%metrics, \%labels);
}

# All metrics, by the names that the exporter gives them.
sub test_queries
{
	my %all;
	my $queries = yaml('queries.yaml');

	foreach my $name (sort keys %$queries)
	{
		my ($metrics, $labels) = metrics_of($name, $queries->{$name});
		my @columns = sort keys %$metrics, keys %$labels;
		my $rows = ask($queries->{$name}{query});

		cmp_ok(scalar @$rows, '>', 0, "$name has rows") if $name !~ /_fill$/;
		foreach my $row (@$rows)
		{
			is("@{[sort keys %$row]}", "@columns", "$name: all columns are told");
			my @text = grep { defined $row->{$_} && $row->{$_} !~ /^-?\d/ }
			  keys %$metrics;
			is("@text", '', "$name: all values are numbers");
		}
		$all{"${name}_$_"} = 1 foreach keys %$metrics;
	}
	return \%all;
}

sub unknown_metrics
{
	my ($text, $metrics) = @_;
	my @names = $text =~ /\b(pg_trickle_\w+)/g;

	return join ' ', grep { !$metrics->{$_} } @names;
}

sub test_uses
{
	my ($metrics) = @_;
	my $alerts = yaml('alerts.yaml');
	my @rules = map { @{ $_->{rules} } } @{ $alerts->{groups} };
	my $dashboard = decode_json(slurp_file("$folder/grafana/stream_tables.json"));
	my $used = '';

	foreach my $rule (@rules)
	{
		is(unknown_metrics($rule->{expr}, $metrics), '', "$rule->{alert}: metrics exist");
		$used .= $rule->{expr};
	}
	foreach my $panel (@{ $dashboard->{panels} })
	{
		my $text = join ' ', map { $_->{expr} } @{ $panel->{targets} };

		like($text, qr/pg_trickle_/, "panel $panel->{title} shows something");
		is(unknown_metrics($text, $metrics), '', "panel $panel->{title}: metrics exist");
		$used .= $text;
	}
	foreach my $variable (@{ $dashboard->{templating}{list} })
	{
		is(unknown_metrics($variable->{query}, $metrics), '',
			"variable $variable->{name}: metrics exist");
	}
	foreach my $topic (qw(staleness refreshes_5m duration errors log_bytes scheduler_running))
	{
		like($used, qr/pg_trickle_\w*$topic/, "$topic is watched");
	}
	isnt(unknown_metrics('pg_trickle_nonsense', $metrics), '', 'an unknown metric is found');
}

# ---- health of processes ----

sub finding
{
	my ($check) = @_;
	return $node->safe_psql('postgres',
		"SELECT severity || ': ' || detail FROM pgtrickle.health_check() WHERE check_name = '$check'");
}

sub set_and_wait
{
	my ($setting, $query, $expected) = @_;

	$node->append_conf('postgresql.conf', $setting);
	$node->reload;
	ok($node->poll_query_until('postgres', $query, $expected), "$setting: $query");
}

sub test_processes
{
	is(finding('preload'), 'ok: the library is preloaded', 'preloaded');
	like(finding('scheduler'), qr/^warning: automatic refreshing is switched off/, 'switched off');
	set_and_wait('pg_trickle.enabled = on',
		'SELECT scheduler FROM pgtrickle.health_summary()', 'running');
	is(finding('scheduler'), 'ok: the scheduler runs where it should', 'it runs');
	set_and_wait('pg_trickle.max_refresh_workers = 20',
		q{SELECT detail ~ 'workers for 6 of 20 .* to 22 or more' FROM pgtrickle.health_check()
			WHERE check_name = 'workers' AND severity = 'warning'}, 't');
	set_and_wait('pg_trickle.max_refresh_workers = 4',
		q{SELECT severity FROM pgtrickle.health_check() WHERE check_name = 'workers'}, 'ok');
	$node->safe_psql('postgres', 'SELECT pgtrickle.pause_scheduler()');
	like(finding('control'), qr/^warning: the scheduler is paused/, 'paused');
	is($node->safe_psql('postgres', 'SELECT scheduler FROM pgtrickle.health_summary()'),
		'paused', 'paused, in a word');
	$node->safe_psql('postgres', 'SELECT pgtrickle.resume_scheduler()');
	set_and_wait('pg_trickle.enabled = off',
		'SELECT scheduler FROM pgtrickle.health_summary()', 'disabled');
}

# ---- how old a change is ----

# Seconds: since the first change that waits, and since the last refresh.
sub ages
{
	return split /\|/, $node->safe_psql('postgres', q{
		SELECT pgtrickle.get_staleness('totals'),
			extract(epoch FROM clock_timestamp() - data_timestamp)
		FROM pgtrickle.pgt_status() WHERE name = 'public.totals'});
}

sub test_ages
{
	my $refresh = q{SELECT pgtrickle.refresh_stream_table('totals')};
	my $n = 100;
	my $insert = sub { 'INSERT INTO sales VALUES (' . $n++ . q{, 'x', 1)} };

	$node->safe_psql('postgres', $_) foreach ($insert->(), $refresh);
	sleep 3;
	$node->safe_psql('postgres', $insert->());
	my ($age, $since) = ages();
	cmp_ok($since, '>', 3, 'the last refresh was a while ago');
	cmp_ok($age, '<', 2, 'the change was not');
	cmp_ok($age, '>', 0, 'but it waits');
	sleep 2;
	$node->safe_psql('postgres', $insert->());
	($age) = ages();
	cmp_ok($age, '>', 2, 'the oldest change counts');

	$node->safe_psql('postgres', $_) foreach (
		$refresh, 'BEGIN; ' . $insert->() . q{; PREPARE TRANSACTION 'p'});
	($age) = ages();
	is($age, 0, 'a prepared transaction is not committed');
	sleep 3;
	$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
	($age, $since) = ages();
	cmp_ok($since, '>', 3, 'the last refresh was before it');
	cmp_ok($age, '<', 2, 'its commit counts');
	cmp_ok($age, '>', 0, 'and it waits');

	# What was before the server started is not known.
	$node->safe_psql('postgres', $refresh);
	$node->restart;
	sleep 2;
	$node->safe_psql('postgres', $insert->());
	($age, $since) = ages();
	cmp_ok($age, '>', 2, 'after a restart it is the time of the last refresh');
	$node->safe_psql('postgres', $refresh);
}

# ---- progress ----

sub progress
{
	my ($columns, $role) = @_;
	return $node->safe_psql('postgres',
		"SET ROLE $role; SELECT $columns FROM pgtrickle.refresh_progress");
}

sub test_progress
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $seen = q{SELECT count(*) > 0 FROM pgtrickle.refresh_progress WHERE rows_done >= 256};

	# A row waits for the lock when 1,000 are through.
	$node->safe_psql('postgres', q{
		CREATE FUNCTION halt(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN
			IF i = 1000 THEN
				PERFORM pg_advisory_lock(1);
				PERFORM pg_advisory_unlock(1);
			END IF;
			RETURN i;
		END $$;
		CREATE TABLE big AS SELECT i FROM generate_series(1, 2000) i;
		ANALYZE big;});
	my $holder = $node->background_psql('postgres');
	$holder->query_safe('SELECT pg_advisory_lock(1)');
	chomp(my $pid = $session->query_safe('SELECT pg_backend_pid()'));

	foreach my $end ('rollback', 'error', 'commit')
	{
		$session->query_until(qr/started/, <<END);
\\echo started
BEGIN;
SELECT pgtrickle.create_stream_table('slow', 'SELECT halt(i) AS i FROM big', 'manual');
END
		ok($node->poll_query_until('postgres', $seen), "$end: it is seen while it is filled");
		is(progress('name, pid, phase, rows_done, rows_estimated, started_at < clock_timestamp()', 'watcher'),
			"public.slow|$pid|filling|768|2000|t", "$end: how far it is");
		is(progress('count(*)', 'stranger'), '0', "$end: not by strangers");
		is(scalar @{ ask(yaml('queries.yaml')->{pg_trickle_fill}{query}) }, 1,
			"$end: Prometheus sees it");
		if ($end eq 'error')
		{
			$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
		}
		else
		{
			$holder->query_safe('SELECT pg_advisory_unlock(1)');
		}
		$session->query($end eq 'error' ? 'ROLLBACK;' : "$end;");
		is(progress('count(*)', 'watcher'), '0', "$end: nothing is left");
		$holder->query_safe('SELECT pg_advisory_lock(1)') if $end eq 'rollback';
		$session->query('SELECT 1');
	}
	$session->quit;
	$holder->quit;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM slow'), '2000', 'it was filled');
}

# ---- pictures ----

sub test_pictures
{
	my $name = q{"a""]; \N <b>&x</b> {y|z} } . "\n" . q{; n1 -> n2 //"};
	my $dot;

	$node->safe_psql('postgres',
		"SELECT pgtrickle.create_stream_table(\$n\$$name\$n\$, 'SELECT id FROM sales', 'manual')");
	my $text = $node->safe_psql('postgres', "SELECT pgtrickle.explain_dag('dot')");
  SKIP:
	{
		skip 'Graphviz is not installed', 2 if !IPC::Run::run([ 'which', 'dot' ], '>', \$dot);
		my ($out, $error) = ('', '');

		ok(IPC::Run::run([ 'dot', '-Tplain' ], '<', \$text, '>', \$out, '2>', \$error),
			'Graphviz reads it');
		is($error, '', 'without a warning');
	}
	my $nodes = () = $text =~ /^    n\d+ \[label="(?:[^"\\]|\\.)*", /mg;
	my $names = $node->safe_psql('postgres', 'SELECT count(DISTINCT node) FROM pgtrickle.dependency_tree()');
	is($nodes, $names, 'one line per node, whatever its name');
}

# ---- a restore that is not complete ----

sub test_restore
{
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
	my $check = q{SELECT severity, count(*) FROM pgtrickle.health_check()
		WHERE check_name = 'restore' GROUP BY 1};

	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'dump');
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	my @restore = ('pg_restore', '-d', $node->connstr('restored'));
	$node->command_ok([ @restore, '--section=pre-data', '--section=data', $dump ], 'half of it');
	like($node->safe_psql('restored', $check), qr/^warning\|[1-9]/, 'it is not complete');
	$node->command_ok([ @restore, '--section=post-data', $dump ], 'the rest');
	is($node->safe_psql('restored', $check), 'ok|1', 'it is complete');
}

# ---- the run ----

$node->init;
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_trickle'\npg_trickle.enabled = off\n"
	  . "max_prepared_transactions = 5\nmax_worker_processes = 8");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_trickle;
	CREATE ROLE watcher IN ROLE pg_monitor;
	CREATE ROLE stranger;
	CREATE ROLE owner;
	CREATE SCHEMA hidden AUTHORIZATION owner;
	CREATE TABLE sales (id int PRIMARY KEY, region text, amount int);
	SELECT pgtrickle.create_stream_table('totals',
		'SELECT region, sum(amount) AS total FROM sales GROUP BY region');
	SET ROLE owner;
	CREATE TABLE hidden."T ""1""" (id int);
	SELECT pgtrickle.create_stream_table('hidden."st <b>"', 'SELECT id FROM hidden."T ""1"""');});

test_uses(test_queries());
test_processes();
test_ages();
test_progress();
test_pictures();
test_restore();

$node->stop;
done_testing();
