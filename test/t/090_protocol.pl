# The statements on stream tables as drivers send them: prepared, described,
# with parameters, in pipelines and in strings of several; their tags, row
# counts and error positions, in several encodings of client and database.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');

$node->init(allows_streaming => 1);
$node->append_conf(
	'postgresql.conf', q{
	shared_preload_libraries = 'pg_trickle'
	pg_trickle.enabled = off
	fsync = off});
$node->start;

# says(DATABASE, LINES, EXPECTED, NAME): protocol.c tells what the lines are,
# and what it answers.
sub says
{
	my ($database, $lines, $expected, $name) = @_;
	my ($out, $error) = ('', '');

	IPC::Run::run([ 'protocol/protocol', $node->connstr($database) ],
		'<', \$lines, '>', \$out, '2>', \$error);
	is("$out$error", $expected, $name);
	return;
}

sub create_database
{
	my ($name, $encoding) = @_;

	$node->safe_psql('postgres',
		"CREATE DATABASE $name TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$node->safe_psql($name, q{
		CREATE EXTENSION pg_trickle;
		CREATE TABLE item (id int PRIMARY KEY, kind text);
		INSERT INTO item VALUES (1, 'a'), (2, 'b'), (3, 'c')});
	return;
}

create_database('utf8', 'UTF8');

# ---- tags and counts ----

says('utf8', <<'END', <<'END', 'tags in the simple protocol');
exec CREATE STREAM TABLE s AS SELECT id FROM item
exec CREATE STREAM TABLE n AS SELECT id FROM item WITH NO DATA
exec CREATE STREAM TABLE IF NOT EXISTS n AS SELECT id FROM item
exec CREATE OR REPLACE STREAM TABLE n AS SELECT id FROM item
exec CREATE OR REPLACE STREAM TABLE o AS SELECT id FROM item
exec CREATE OR REPLACE STREAM TABLE o AS SELECT id FROM item WITH NO DATA
exec REFRESH STREAM TABLE n
exec REFRESH STREAM TABLE s FULL
exec ALTER STREAM TABLE s SET (schedule = '1m')
exec ALTER STREAM TABLE s RESET (schedule)
exec ALTER STREAM TABLE s SUSPEND
exec ALTER STREAM TABLE s RESUME
exec ALTER STREAM TABLE s AS SELECT id FROM item WHERE id > 1
exec ALTER STREAM TABLE n RENAME TO m
exec ALTER STREAM TABLE m SET SCHEMA public
exec ALTER STREAM TABLE m OWNER TO CURRENT_USER
exec DROP STREAM TABLE s, m, o
exec CREATE TABLE s USING stream AS SELECT id FROM item
exec REFRESH MATERIALIZED VIEW s
exec ALTER TABLE s SET (pg_trickle.schedule = '2m')
exec DROP TABLE s
END
SELECT 3
CREATE TABLE AS
CREATE TABLE AS
SELECT 0
SELECT 3
CREATE TABLE AS
REFRESH MATERIALIZED VIEW
REFRESH MATERIALIZED VIEW
ALTER TABLE
ALTER TABLE
ALTER TABLE
ALTER TABLE
ALTER TABLE
ALTER TABLE
ALTER TABLE
ALTER TABLE
DROP TABLE
SELECT 3
REFRESH MATERIALIZED VIEW
ALTER TABLE
DROP TABLE
END

# ---- the extended protocol ----

says('utf8', <<'END', <<'END', 'prepared, described and run again');
prepare c|CREATE STREAM TABLE s AS SELECT id FROM item
prepare a|ALTER STREAM TABLE s SET (schedule = '1m')
prepare r|REFRESH STREAM TABLE s
prepare f|REFRESH STREAM TABLE s FULL
prepare d|DROP STREAM TABLE s
prepare e|EXPLAIN CREATE STREAM TABLE s AS SELECT id FROM item
prepare q|CREATE OR REPLACE STREAM TABLE s AS SELECT id FROM item WHERE id > 1
describe c
describe a
describe r
describe d
describe e
run c
run a
run r
run f
run d
run r
run a
run c
run c
run q
run r
exec SELECT * FROM s ORDER BY 1
run d
END
prepared
prepared
prepared
prepared
prepared
prepared
prepared
0 parameters
0 parameters
0 parameters
0 parameters
0 parameters|QUERY PLAN
SELECT 3
ALTER TABLE
REFRESH MATERIALIZED VIEW
REFRESH MATERIALIZED VIEW
DROP TABLE
ERROR|42P01||relation "s" does not exist
ERROR|42P01||relation "s" does not exist
SELECT 3
ERROR|42P07||relation "s" already exists
SELECT 0
REFRESH MATERIALIZED VIEW
SELECT 2|id|2|3
DROP TABLE
END

says('utf8', <<'END', <<'END', 'parameters are refused as CREATE TABLE AS does');
params 1|CREATE TABLE p AS SELECT id FROM item WHERE id = $1
params 1|CREATE STREAM TABLE p AS SELECT id FROM item WHERE id = $1
params CREATE STREAM TABLE p AS SELECT id FROM item WHERE id = $1
params 1|ALTER STREAM TABLE p SET (schedule = $1)
params SELECT 1; CREATE STREAM TABLE p AS SELECT 1 AS n
exec SELECT to_regclass('p') IS NULL AS none
END
SELECT 1
ERROR|0A000||stream tables may not be defined using bound parameters
ERROR|08P01||bind message supplies 0 parameters, but prepared statement "" requires 1
ERROR|42601|38|syntax error at or near "$1"
ERROR|42601||cannot insert multiple commands into a prepared statement
SELECT 1|none|f
END
$node->safe_psql('utf8', 'DROP TABLE p');

says('utf8', <<'END', <<'END', 'a pipeline goes on as far as it can');
pipeline CREATE STREAM TABLE s AS SELECT id FROM item|SELECT count(*) FROM s|REFRESH STREAM TABLE s|DROP STREAM TABLE s
pipeline CREATE STREAM TABLE s AS SELECT id FROM item|CREATE STREAM TABLE AS SELECT 1|SELECT 1
exec SELECT to_regclass('s') IS NULL AS none
END
SELECT 3
SELECT 1|count|3
REFRESH MATERIALIZED VIEW
DROP TABLE
SELECT 3
ERROR|42601|21|syntax error at or near "AS"
PGRES_PIPELINE_ABORTED
SELECT 1|none|t
END

# ---- strings of statements ----

says('utf8', <<'END', <<'END', 'a string is one transaction');
exec INSERT INTO item VALUES (4, 'd'); CREATE STREAM TABLE s AS SELECT id FROM item; REFRESH STREAM TABLE s; SELECT count(*) FROM s; DROP STREAM TABLE s
exec CREATE STREAM TABLE s AS SELECT id FROM item; SELECT 1 / 0
exec SELECT to_regclass('s') IS NULL AS none
exec CREATE STREAM TABLE s AS SELECT id FROM item; DROP STREAM TABLE stream s
exec ;; CREATE STREAM TABLE s AS SELECT id FROM item;; DROP STREAM TABLE s;
END
INSERT 0 1
SELECT 4
REFRESH MATERIALIZED VIEW
SELECT 1|count|4
DROP TABLE
SELECT 4
ERROR|22012||division by zero
SELECT 1|none|t
ERROR|42601|72|syntax error at or near "s"
SELECT 4
DROP TABLE
END

says('utf8', <<'END', <<'END', 'aborted transactions');
exec BEGIN
exec SELECT 1 / 0
exec CREATE STREAM TABLE s AS SELECT id FROM item
exec REFRESH STREAM TABLE s x
exec DROP STREAM TABLE s; ROLLBACK
exec ROLLBACK; CREATE STREAM TABLE s AS SELECT id FROM item; DROP STREAM TABLE s
END
BEGIN
ERROR|22012||division by zero
ERROR|25P02||current transaction is aborted, commands ignored until end of transaction block
ERROR|42601|24|syntax error at or near "x"
ERROR|25P02||current transaction is aborted, commands ignored until end of transaction block
ROLLBACK
SELECT 4
DROP TABLE
END

# ---- prepared statements and cursors over what changes ----

says('utf8', <<'END', <<'END', 'plans follow the definition');
exec CREATE STREAM TABLE s AS SELECT id FROM item
prepare q|SELECT * FROM s ORDER BY 1 LIMIT 1
run q
exec ALTER STREAM TABLE s AS SELECT id FROM item WHERE id > 2
exec REFRESH STREAM TABLE s
run q
exec DROP STREAM TABLE s
run q
exec CREATE STREAM TABLE s AS SELECT id, kind FROM item
run q
exec DROP STREAM TABLE s
exec CREATE STREAM TABLE s AS SELECT id FROM item
run q
exec BEGIN; DECLARE c CURSOR FOR SELECT id FROM s ORDER BY 1; FETCH 1 FROM c
exec DROP STREAM TABLE s
exec ROLLBACK
exec BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM s ORDER BY 1; COMMIT
exec INSERT INTO item VALUES (0, 'z')
exec REFRESH STREAM TABLE s
exec FETCH 1 FROM c; CLOSE c
exec PREPARE p AS CREATE STREAM TABLE t AS SELECT id FROM item
exec DECLARE c CURSOR FOR CREATE STREAM TABLE t AS SELECT id FROM item
exec DELETE FROM item WHERE id = 0; DROP STREAM TABLE s
END
SELECT 4
prepared
SELECT 1|id|1
ALTER TABLE
REFRESH MATERIALIZED VIEW
SELECT 1|id|3
DROP TABLE
ERROR|42P01|15|relation "s" does not exist
SELECT 4
ERROR|0A000||cached plan must not change result type
DROP TABLE
SELECT 4
SELECT 1|id|1
BEGIN
DECLARE CURSOR
FETCH 1|id|1
ERROR|55006||cannot DROP TABLE "s" because it is being used by active queries in this session
ROLLBACK
BEGIN
DECLARE CURSOR
COMMIT
INSERT 0 1
REFRESH MATERIALIZED VIEW
FETCH 1|id|1
CLOSE CURSOR
ERROR|42601|14|syntax error at or near "CREATE"
ERROR|42601|22|syntax error at or near "CREATE"
DELETE 1
DROP TABLE
END

# ---- positions and encodings ----

# Positions count characters of the database's encoding, from the string's
# start; \x are bytes of the client's.
sub check_positions
{
	my ($database, $encoding, $word, $characters) = @_;
	my $start = 17 + $characters;

	says($database, <<"END", <<"END", "$database, client $encoding");
encoding $encoding
exec SELECT '$word' AS a; CREATE STREAM TABLE s x AS SELECT 1
exec SELECT '$word' AS a; CREATE STREAM TABLE s AS SELECT nothing FROM item
exec SELECT '$word' AS a; ALTER STREAM TABLE s SUSPEND '$word'
exec CREATE STREAM TABLE "$word" AS SELECT id, '$word' AS "${word}2" FROM item
exec SELECT octet_length(convert_to(relname, '$encoding')) FROM pg_class WHERE oid = 'public."$word"'::regclass
exec INSERT INTO item VALUES (5, '$word'); REFRESH STREAM TABLE "$word"; SELECT id FROM "$word" WHERE "${word}2" = '$word' ORDER BY id DESC LIMIT 1
exec CREATE STREAM TABLE s AS SELECT id, '$word', nothing FROM item
exec DROP STREAM TABLE "$word"; DELETE FROM item WHERE id = 5
END
ERROR|42601|@{[ $start + 22 ]}|syntax error at or near "x"
SELECT 1|a|@{[ unescaped($word) ]}
ERROR|42703|@{[ $start + 32 ]}|column "nothing" does not exist
ERROR|42601|@{[ $start + 29 ]}|syntax error at or near "'@{[ unescaped($word) ]}'"
SELECT 4
SELECT 1|octet_length|@{[ length unescaped($word) ]}
INSERT 0 1
REFRESH MATERIALIZED VIEW
SELECT 1|id|5
ERROR|42703|@{[ 41 + $characters ]}|column "nothing" does not exist
DROP TABLE
DELETE 1
END
	return;
}

sub unescaped
{
	my ($text) = @_;

	return $text =~ s/\\x(..)/chr hex $1/ger;
}

create_database('latin1', 'LATIN1');
create_database('euc_jp', 'EUC_JP');
create_database('sql_ascii', 'SQL_ASCII');
$node->safe_psql($_, q{INSERT INTO item VALUES (4, 'd')})
  for qw(latin1 euc_jp sql_ascii);
check_positions('utf8', 'UTF8', '\xc3\xa4\xe6\x97\xa5', 2);
check_positions('utf8', 'LATIN1', '\xe4\xf6', 2);
check_positions('utf8', 'SJIS', '\x93\xfa\x96\x7b', 2);

# Characters that have a byte like a backslash, a digit or a quote's neighbour.
check_positions('utf8', 'SJIS', '\x95\x5c', 1);
check_positions('utf8', 'GB18030', '\x81\x5c\x81\x30\x84\x36', 2);
check_positions('sql_ascii', 'SQL_ASCII', '\xff\xc3', 2);
check_positions('latin1', 'LATIN1', '\xe4\xf6', 2);
check_positions('latin1', 'UTF8', '\xc3\xa4', 1);
check_positions('euc_jp', 'EUC_JP', '\xc6\xfc\xcb\xdc', 2);
check_positions('euc_jp', 'UTF8', '\xe6\x97\xa5\xe6\x9c\xac', 2);

# ---- connections of other kinds ----

# A WAL sender of a database takes SQL; one of none does not.
my ($status, $out, $error) = $node->psql('utf8', q{
	CREATE STREAM TABLE s AS SELECT id FROM item;
	REFRESH STREAM TABLE s;
	SELECT count(*) FROM s;
	DROP STREAM TABLE s;
	CREATE STREAM TABLE s x AS SELECT 1}, replication => 'database');
is($out, '4', 'a WAL sender takes the statements');
like($error, qr/syntax error at or near "x"\nLINE 1: CREATE STREAM TABLE s x/,
	'and finds errors');
(undef, undef, $error) = $node->psql('utf8', 'DROP STREAM TABLE s',
	replication => 'true');
like($error, qr/cannot execute SQL commands in WAL sender for physical replication/,
	'one for physical replication does not');
$node->stop;

# A server without a postmaster reads its statements line by line.
my $statements = "CREATE STREAM TABLE s AS SELECT id FROM item\n"
  . "INSERT INTO item VALUES (9, 'z')\nREFRESH STREAM TABLE s\n"
  . "SELECT max(id) FROM s\nDROP STREAM TABLE s\n";
IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'utf8' ],
	'<', \$statements, '>', \$out, '2>', \$error);
like($out, qr/max = "9"/, 'single-user mode takes the statements');
unlike($error, qr/ERROR/, 'without an error');
done_testing();
