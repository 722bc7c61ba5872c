# What ends a failure on request ends it for the scheduler, too: a fuse, a
# suspension, a wait after errors, guards that were off.  With a scheduler that
# were not told, the changes that follow would not show before the test gives up.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Processes;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	log_min_messages = debug1
	autovacuum = off});
$node->start;

my $pages = 'SELECT page, count(*) AS n FROM visit GROUP BY page';

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

sql(qq{
	CREATE EXTENSION pg_trickle;
	CREATE TABLE visit (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, page text);
	CREATE TABLE other (id int PRIMARY KEY);
	SELECT pgtrickle.create_stream_table('pages', '$pages', '0s', fuse_ceiling => 10);
	SELECT pgtrickle.create_stream_table('others', 'SELECT count(*) AS n FROM other', '0s')});

sub is_fresh
{
	my ($name) = @_;

	wait_for_query($node, qq{
		SELECT count(*) FROM (
			((TABLE pages) EXCEPT ALL ($pages)) UNION ALL
			(($pages) EXCEPT ALL (TABLE pages))) d}, '0', $name);
	return;
}

# The scheduler has seen to everything that was due when this began.
my $noted = 0;

sub scheduler_goes_round
{
	sql('INSERT INTO other VALUES (' . ++$noted . ')');
	wait_for_query($node, 'TABLE others', "$noted", 'the scheduler goes round');
	return;
}

# ---- ways to stop it ----

sub blow_fuse
{
	sql(q{INSERT INTO visit (page) SELECT 'burst' FROM generate_series(1, 50)});
	wait_for_query($node,
		q{SELECT is_blown FROM pgtrickle.fuse_status() WHERE name ~ 'pages'},
		't', 'its fuse blows');
	scheduler_goes_round();
	return;
}

sub suspend
{
	sql(q{SELECT pgtrickle.alter_stream_table('pages', status => 'SUSPENDED')});
	scheduler_goes_round();
	return;
}

# As if errors had just happened; the last statement tells the scheduler.
sub fail
{
	sql(q{
		UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = 2,
			last_error_message = 'nothing fits', retry_at = now() + interval '1 h'
		WHERE pgt_relid = 'pages'::regclass;
		SELECT pgtrickle.alter_stream_table('others', schedule => 'calculated');
		SELECT pgtrickle.alter_stream_table('others', schedule => '0s')});
	scheduler_goes_round();
	return;
}

sub disable_guards
{
	sql('ALTER TABLE pages DISABLE TRIGGER USER');
	scheduler_goes_round();
	return;
}

# ---- and to end that ----

my @cases = (
	[ 'REFRESH FULL after a fuse', \&blow_fuse, 'REFRESH STREAM TABLE pages FULL' ],
	[ 'repair after a fuse', \&blow_fuse, q{SELECT pgtrickle.repair_stream_table('pages')} ],
	[ 'reset_fuse()', \&blow_fuse, q{SELECT pgtrickle.reset_fuse('pages')} ],
	[ 'a higher fuse_ceiling', \&blow_fuse, q{SELECT pgtrickle.alter_stream_table('pages', fuse_ceiling => 100)} ],
	[ 'repair of a suspended one', \&suspend, q{SELECT pgtrickle.repair_stream_table('pages')} ],
	[ 'resume', \&suspend, q{SELECT pgtrickle.resume_stream_table('pages')} ],
	[ 'status => ACTIVE', \&suspend, q{SELECT pgtrickle.alter_stream_table('pages', status => 'ACTIVE')} ],
	[ 'a refresh on request after errors', \&fail, 'REFRESH STREAM TABLE pages' ],
	[ 'repair after errors', \&fail, q{SELECT pgtrickle.repair_stream_table('pages')} ],
	[ 'resume after errors', \&fail, q{SELECT pgtrickle.resume_stream_table('pages')} ],
	[ 'guards enabled again', \&disable_guards, 'ALTER TABLE pages ENABLE TRIGGER USER' ],
);

foreach my $case (@cases)
{
	my ($name, $stop, $end) = @$case;

	$stop->();
	sql($end);
	sql(q{INSERT INTO visit (page) VALUES ('after')});
	is_fresh($name);
}

# Nobody writes after it: what was off is on again, and that is all.
disable_guards();
sql('ALTER TABLE pages ENABLE TRIGGER USER');
wait_for_query($node,
	q{SELECT status, is_populated FROM pgtrickle.pgt_stream_tables
		WHERE pgt_relid = 'pages'::regclass}, 'ACTIVE|t',
	'guards that are on again, without a change of a source');

# ---- refreshes without a past do not have the schedules read again ----

sub times_read
{
	my $log = slurp_file($node->logfile);

	return scalar(() = $log =~ /read the schedules of/g);
}

is_fresh('all is well');
scheduler_goes_round();

my $before = times_read();

ok($before > scalar(@cases), 'the schedules were read after each');
for my $i (1 .. 20)
{
	sql("INSERT INTO visit (page) VALUES ('page $i')");
	is_fresh("refresh $i");
}
sql('REFRESH STREAM TABLE pages; REFRESH STREAM TABLE pages FULL');
scheduler_goes_round();
is(times_read(), $before, 'not after refreshes that had no error before them');

# ---- whose failure it is ----

# A trigger asks for the refresh of another stream table, bears that it fails,
# and then fails itself.
$node->append_conf('postgresql.conf', 'pg_trickle.max_consecutive_errors = 1');
$node->reload;
sql(q{
	CREATE TABLE divisor (id int PRIMARY KEY);
	INSERT INTO divisor VALUES (1);
	CREATE TABLE noise (id int PRIMARY KEY);
	SELECT pgtrickle.create_stream_table('quotients', 'SELECT id, 1 / id AS q FROM divisor', 'manual');
	SELECT pgtrickle.create_stream_table('loud', 'SELECT id FROM noise', '0s');
	CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			PERFORM pgtrickle.refresh_stream_table('public.quotients');
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
		RAISE 'the trigger';
	END $$;
	CREATE TRIGGER complain AFTER INSERT ON loud FOR EACH ROW EXECUTE FUNCTION complain();
	INSERT INTO divisor VALUES (0);
	INSERT INTO noise VALUES (1)});
wait_for_query($node,
	q{SELECT status, last_error_message FROM pgtrickle.pgt_stream_tables
		WHERE pgt_relid = 'loud'::regclass},
	'SUSPENDED|the trigger (SQLSTATE P0001)', 'the one whose trigger fails is suspended');
is(sql(q{SELECT status, consecutive_errors, last_error_message IS NULL
		FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'quotients'::regclass}),
	'ACTIVE|0|t', 'the other one is not');

$node->stop;
done_testing();
