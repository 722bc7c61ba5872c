#!/bin/bash
#
# A failing test of each kind fails the run and is named; so does a test that
# crashes the server, one that hangs, and a run without any test.
#
# The runs happen in a copy of the tree below a folder that nobody else may
# enter: as root this is also the test of running from such a place.

set -u
cd "$(dirname "$0")/../.." || exit 1
: "${MAKE:=make}" "${PG_CONFIG:=pg_config}"
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
failures=0

# A small extension of the same name: this is not a test of the engine.
mkdir -p "$copy"/{src,sql/install,test/unit,test/t} \
	"$copy"/test/{sql,expected,isolation/specs,isolation/expected}
cp -r Makefile pg_trickle.control tools "$copy"
cp test/check.mk test/regress.conf "$copy/test"
cat > "$copy/src/init.c" <<'END'
#include "postgres.h"
#include "fmgr.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(pgt_crash);

Datum
pgt_crash(PG_FUNCTION_ARGS)
{
	abort();
}
END
cat > "$copy/sql/install/00_planted.sql" <<'END'
CREATE FUNCTION crash() RETURNS int LANGUAGE c
	AS 'MODULE_PATHNAME', 'pgt_crash';
END

# expect_run STATUS TARGET LINE...: each LINE begins a line of the report.
expect_run()
{
	local status=$1 target=$2 report line

	shift 2
	report=$("$MAKE" -s -C "$copy" --no-print-directory PG_CONFIG="$PG_CONFIG" \
		$target 2>&1)
	if [ $? != "$status" ]
	then
		printf 'FAILED: make %s should exit with %s\n%s\n' \
			"$target" "$status" "$report"
		failures=$((failures + 1))
		return
	fi
	for line in "$@"
	do
		if ! sed 's/  */ /g' <<< "$report" | grep -qE "^$line"
		then
			printf 'FAILED: make %s should report: %s\n%s\n' \
				"$target" "$line" "$report"
			failures=$((failures + 1))
		fi
	done
}

regress()
{
	printf '%s\n' "$2" > "$copy/test/sql/$1.sql"
	printf '%s\n' "${3-$2}" > "$copy/test/expected/$1.out"
}

spec()
{
	printf 'session s\nstep a { %s }\n' "$2" \
		> "$copy/test/isolation/specs/$1.spec"
	printf '%s\n' 'Parsed test spec with 1 sessions' '' \
		'starting permutation: a' "step a: $3" \
		> "$copy/test/isolation/expected/$1.out"
}

tap()
{
	printf 'use strict;\nuse warnings;\nuse Test::More;\n%s\n' "$2" \
		> "$copy/test/t/$1.pl"
}

unit()
{
	cat > "$copy/test/unit/test_$1.c" <<-END
		#include <stdarg.h>
		#include <stddef.h>
		#include <setjmp.h>
		#include <stdlib.h>
		#include <cmocka.h>

		static void
		case_of_$1(void **state)
		{
			$2;
		}

		int
		main(void)
		{
			const struct CMUnitTest tests[] = {cmocka_unit_test(case_of_$1)};

			return $3;
		}
	END
}

# Nothing to run is no success.
for suite in unit regress isolation tap
do
	expect_run 2 check-$suite '0 passed,'
done

regress good '-- nothing'
spec good 'SELECT;' 'SELECT;'
tap good 'ok(1); done_testing();'
unit good 'assert_true(1)' 'cmocka_run_group_tests(tests, NULL, NULL)'
expect_run 0 check-regress 'ok regress-preload good' 'ok regress-plain good' \
	'4 passed, 0 failed'
expect_run 0 check-isolation 'ok isolation-preload good' \
	'ok isolation-plain good' '4 passed, 0 failed'
expect_run 0 check-tap 'ok tap t/good' '1 passed, 0 failed'
expect_run 0 check-unit 'ok unit test_good: case_of_good' '1 passed, 0 failed'
expect_run 0 'check-regress TESTS=good MODE=plain' '2 passed, 0 failed'
expect_run 2 'check-regress TESTS=nothere MODE=plain' \
	'FAILED regress-plain nothere' '1 passed, 1 failed'

# Failures of every kind, beside the good ones, which still pass.
regress bad 'SELECT 1;' 'SELECT 2;'
regress crash 'CREATE EXTENSION pg_trickle; SELECT crash();'
regress hang 'SELECT pg_sleep(1000);'
spec bad 'SELECT;' 'something else'
tap bad 'ok(0, "planted"); done_testing();'
tap dies 'ok(1); exit 3;'
tap bails 'BAIL_OUT("planted");'
tap bails_late 'ok(1); BAIL_OUT("planted");'
tap empty ''
tap hangs 'ok(1); sleep 1000;'
tap skips 'plan skip_all => "planted";'
unit bad 'assert_true(0)' 'cmocka_run_group_tests(tests, NULL, NULL)'
unit crash 'abort()' 'cmocka_run_group_tests(tests, NULL, NULL)'
unit empty '(void) 0' '(int) (sizeof(tests) == 0)'
export TEST_TIMEOUT=5 TAP_TIMEOUT=5
expect_run 2 'check-regress MODE=plain' 'ok regress-plain good' \
	'FAILED regress-plain bad' 'FAILED regress-plain crash' \
	'FAILED regress-plain hang' ' \| still running after 5 s' \
	' \| -SELECT 2' 'FAILED regress-plain .crash, or' '1 passed, 4 failed'
expect_run 2 'check-isolation MODE=preload' 'FAILED isolation-preload bad' \
	'ok isolation-preload good' '2 passed, 1 failed'
expect_run 2 check-tap 'FAILED tap t/bad' 'FAILED tap t/dies' \
	'FAILED tap t/bails' 'FAILED tap t/bails_late' 'FAILED tap t/empty' \
	'FAILED tap t/hangs' \
	'ok tap t/good' 'skipped tap t/skips' '1 passed, 6 failed, 1 skipped'
expect_run 2 check-unit 'FAILED unit test_bad: case_of_bad' \
	'FAILED unit test_crash' 'FAILED unit test_empty' \
	'ok unit test_good: case_of_good'
expect_run 2 'check SUITES=unit' 'FAILED unit test_bad: case_of_bad'

# The stress driver: none, one that finds a difference, one that hangs.
expect_run 2 check-long 'FAILED stress ' 'FAILED stress automatic'
mkdir "$copy/test/stress"
stress()
{
	printf '#include <unistd.h>\nint\nmain(int argc, char **argv)\n{\n\t%s;\n}\n' \
		"$1" > "$copy/test/stress/stress.c"
}
stress 'return argc < 4'
expect_run 0 'check SUITES=stress-short' 'ok stress-short stress'
expect_run 2 check-stress 'FAILED stress stress'
stress 'sleep(1000)'
expect_run 2 'check SUITES=stress-short' 'FAILED stress-short stress'

# A test whose output is right in spite of a crash.
rm "$copy"/test/sql/{bad,hang}.sql
printf '%s\n' 'CREATE EXTENSION pg_trickle;' \
	'\! psql -d regression -c "SELECT crash()" > /dev/null 2>&1' \
	> "$copy/test/sql/crash.sql"
cp "$copy/test/sql/crash.sql" "$copy/test/expected/crash.out"
expect_run 2 'check-regress MODE=plain' 'ok regress-plain good' \
	'FAILED regress-plain .crash, or'

# The demonstration finds a server with the extension, the benchmark finds what
# it measures in the tree; their failure is ours.
expect_run 2 demo 'demo/run.sh does not exist'
expect_run 2 bench 'bench/run.sh does not exist'
mkdir "$copy"/{demo,bench}
cat > "$copy/demo/run.sh" <<'END'
psql -qAt -c 'CREATE EXTENSION pg_trickle' \
	-c 'SHOW shared_preload_libraries' || exit
echo written > "$OUT/result"
exit $(cat status)
END
echo 0 > "$copy/demo/status"
expect_run 0 demo pg_trickle
grep -q written "$copy/tmp_check/demo/result" || failures=$((failures + 1))
echo 3 > "$copy/demo/status"
expect_run 2 demo pg_trickle
echo 'test -f pg_trickle.so && [ "$1" = --quick ] && echo measured' \
	> "$copy/bench/run.sh"
expect_run 0 'bench BENCH_FLAGS=--quick' measured
expect_run 2 bench

# Code that does not compile is not tested in an older build.
echo 'int planted' >> "$copy/src/init.c"
expect_run 2 'check-regress MODE=plain' 'check.sh: the build failed'

echo "$failures failures"
[ "$failures" = 0 ]
