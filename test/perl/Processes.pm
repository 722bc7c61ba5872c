# Processes.pm
#	The processes of the extension, as tests see them.
package Processes;

use strict;
use warnings;

use Test::More;

use Exporter 'import';

our @EXPORT = qw(schedulers scheduler_pid launcher_pid wait_for_schedulers
  wait_for_query waits_for_nothing);

# The databases that have a scheduler which has found the extension, by name.
sub schedulers
{
	my ($node) = @_;

	return $node->safe_psql('postgres', _schedulers());
}

# A scheduler that still looks for the extension shows no state.
sub _schedulers
{
	return q{
		SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), 'none')
		FROM pg_stat_activity
		WHERE backend_type = 'pg_trickle scheduler' AND state IS NOT NULL};
}

sub scheduler_pid
{
	my ($node, $database) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT pid FROM pg_stat_activity WHERE datname = '$database'
			AND backend_type = 'pg_trickle scheduler' AND state IS NOT NULL});
}

sub launcher_pid
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'});
}

# Waits until just these databases have a scheduler: 'one two', or 'none'.
sub wait_for_schedulers
{
	my ($node, $databases, $name) = @_;
	my $fine = $node->poll_query_until('postgres', _schedulers(), $databases);

	ok($fine, $name);
	note('schedulers: ' . schedulers($node)) unless $fine;
	return;
}

# Waits until a query answers so, also while the server restarts.
sub wait_for_query
{
	my ($node, $query, $answer, $name) = @_;

	ok($node->poll_query_until('postgres', $query, $answer), $name);
	return;
}

1;
