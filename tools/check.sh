#!/bin/bash
#
# check.sh SUITE...
#	Builds, then runs the suites unit, regress, isolation, tap, tools, lint,
#	stress-short, stress and long.
#
# Called by make (see test/check.mk), which passes MAKE, PG_CONFIG, TESTS, MODE,
# KEEP and JOBS in the environment.  What the suites leave in the stage's out/
# is copied to tmp_check/ at the end.

. "$(dirname "$0")/stage.sh"

: "${TESTS:=}" "${MODE:=both}" "${JOBS:=}" "${TEST_TIMEOUT:=300}"

# ------------------------------------------------------------------ results

# result ok|FAILED|skipped SUITE TEST [FILE]
#	Prints one line, and of FILE what a reader without access to it needs.
#	Suites run side by side, so a result is printed in one piece.
result()
{
	(
		flock 9
		printf '%-8s %-18s %s\n' "$1" "$2" "$3" | tee -a "$stage/results"
		[ -z "${4:-}" ] || sed 's/^/    | /' "$4" | head -200
	) 9> "$stage/results.lock"
}

# A backend that crashed may leave a test's output as it should be, and one that
# a sanitizer or valgrind (make ubsan, make valgrind) found fault with always does.
crash='terminated by signal|PANIC:|TRAP:|: runtime error: |VALGRINDERROR-BEGIN'
crash+='|ERROR: AddressSanitizer'

stop_cluster()
{
	local log=$stage/out/$1/server.log crashes=$stage/out/$1/crashes

	if "${as_user[@]}" "$bin/pg_ctl" -D "$stage/run/$1/data" -m fast -w \
		stop > /dev/null &&
		! grep -nE "$crash" "$log" > "$crashes"
	then
		result ok "$1" '(no crash, clean shutdown)'
	else
		tail -30 "$log" >> "$crashes"
		result FAILED "$1" '(crash, or no clean shutdown)' "$crashes"
	fi
}

# ---------------------------------------------------------------- the suites

# The names in TESTS, or those of all the files given.  A name that does not
# exist is passed on, and its test fails.
selected()
{
	local file

	if [ -n "$TESTS" ]
	then
		printf '%s\n' $TESTS
		return
	fi
	for file in "$@"
	do
		[ -f "$file" ] && file=${file##*/} && echo "${file%.*}"
	done
}

# suited MODE TEST...
#	Those of the regression tests that have something to test in that mode: one
#	that begins with "-- only with preload" (or without) has not in the other.
suited()
{
	local test other='without preload'

	[ "$1" = plain ] && other='with preload'
	shift
	for test in "$@"
	do
		head -1 "$stage/test/sql/$test.sql" 2> /dev/null |
			grep -q "^-- only $other" || echo "$test"
	done
}

suite_unit()
{
	local test out=$stage/out/unit log status line

	"${as_user[@]}" mkdir -p "$out"
	for test in $(selected "$stage"/test/unit/test_*.c)
	do
		log=$out/$test.log
		"${as_user[@]}" CMOCKA_MESSAGE_OUTPUT=TAP $VARIANT_ENV \
			timeout "$TEST_TIMEOUT" "$stage/test/unit/$test" > "$log" 2>&1
		status=$?
		while read -r line
		do
			case $line in
				'ok '*) result ok unit "$test: ${line#* - }" ;;
				'not ok '*) result FAILED unit "$test: ${line#* - }" ;;
			esac
		done < "$log"
		# A crash prints no "not ok", an empty test prints nothing at all.
		if ! grep -Eq '^(not )?ok ' "$log"
		then
			result FAILED unit "$test: no result" "$log"
		elif [ $status != 0 ]
		then
			result FAILED unit "$test: exit status $status" "$log"
		fi
	done
}

# run_pg_regress SUITE FOLDER RUNNER DATABASE TEST
#	Each test has a database of its own, always of the same name, so that it
#	depends neither on what another left behind nor on the order.
run_pg_regress()
{
	local suite=$1 folder=$2 runner=$3 db=$4 test=$5
	local out=$stage/out/$suite start=$SECONDS status

	(cd "$folder" && "${as_user[@]}" $VARIANT_ENV PGISOLATIONTIMEOUT=120 \
		timeout "$TEST_TIMEOUT" "$runner" --bindir="$bin" \
		--host="$stage/run/$suite" --port=5432 --user=postgres --dbname="$db" \
		--no-locale --inputdir=. --outputdir="$out" "$test") \
		> "$out/$test.log" 2>&1
	status=$?
	[ $status = 124 ] &&
		printf '\nstill running after %s s\n' "$TEST_TIMEOUT" >> "$out/$test.log"
	if [ -s "$out/regression.diffs" ]
	then
		mv "$out/regression.diffs" "$out/$test.log"
		cat "$out/$test.log" >> "$out/all.diffs"
	fi
	if [ $status = 0 ]
	then
		result ok "$suite" "$test ($((SECONDS - start)) s)"
	else
		result FAILED "$suite" "$test ($((SECONDS - start)) s)" "$out/$test.log"
	fi
	await_server "$suite"
	sql "$suite" "DROP DATABASE IF EXISTS $db WITH (FORCE)" \
		> "$out/drop.log" 2>&1 ||
		result FAILED "$suite" "$test: DROP DATABASE" "$out/drop.log"
}

# run_sql_suite SUITE MODE FOLDER RUNNER DATABASE TEST...
run_sql_suite()
{
	local suite=$1 mode=$2 folder=$3 runner=$4 db=$5 test

	shift 5
	"${as_user[@]}" mkdir -p "$stage/out/$suite"
	if [ $# = 0 ]
	then
		result FAILED "$suite" "(no tests)"
		return
	fi
	if ! start_cluster "$suite" "$mode"
	then
		result FAILED "$suite" '(the server did not start)' \
			"$stage/out/$suite/server.log"
		return
	fi
	for test in "$@"
	do
		run_pg_regress "$suite" "$folder" "$runner" "$db" "$test"
	done
	stop_cluster "$suite"
}

suite_regress()
{
	run_sql_suite "regress-$1" "$1" "$stage/test" \
		"$pgxs_src/test/regress/pg_regress" regression \
		$(suited "$1" $(selected "$stage"/test/sql/*.sql))
}

suite_isolation()
{
	run_sql_suite "isolation-$1" "$1" "$stage/test/isolation" \
		"$pgxs_src/test/isolation/pg_isolation_regress" isolation_regression \
		$(selected "$stage"/test/isolation/specs/*.spec)
}

# run_prove SUITE FOLDER/FILE.pl SECONDS
#	A prove of its own for each file, because its exit status can be trusted;
#	what prove prints cannot (a test that bails out may be called "ok").
run_prove()
{
	local suite=$1 test=$2 limit=$3 out=$stage/out/$1 name log status
	local start=$SECONDS

	name=${test##*/}
	name=${name%.pl}
	log=$out/$name.log
	(cd "$stage/test" && "${as_user[@]}" $VARIANT_ENV PATH="$bin:$PATH" \
		TESTDIR="$out" TESTDATADIR="$out/data" TESTLOGDIR="$out/log" \
		PG_TEST_PORT_DIR="$stage/tmp/ports" PGPORT=65432 \
		PG_TEST_TIMEOUT_DEFAULT=120 \
		PG_REGRESS="$pgxs_src/test/regress/pg_regress" \
		timeout -k 30 "$limit" prove -I "$pgxs_src/test/perl" -I perl \
		${PROVE_FLAGS:-} "$test") > "$log" 2>&1
	status=$?
	if [ $status != 0 ]
	then
		[ $status != 124 ] || echo "still running after $limit s" >> "$log"
		tail -80 "$out"/{,tmp_check/}log/regress_log_"$name" >> "$log" 2> /dev/null
		result FAILED "$suite" "$test ($((SECONDS - start)) s)" "$log"
	elif grep -q '^Result: NOTESTS' "$log"
	then
		result skipped "$suite" "$test" "$log"
	else
		result ok "$suite" "$test ($((SECONDS - start)) s)"
	fi
	rm -rf "$out"/{data,tmp_check}/t_"$name"_*_data
}

# Two files at a time.
suite_tap()
{
	local test

	"${as_user[@]}" mkdir -p "$stage/out/tap"
	for test in $(selected "$stage"/test/t/*.pl)
	do
		while [ "$(jobs -pr | wc -l)" -ge 2 ]
		do
			wait -n
		done
		run_prove tap "t/$test.pl" "${TAP_TIMEOUT:-900}" &
	done
	wait
	grep -q '^[^ ]* *tap ' "$stage/results" || result FAILED tap '(no tests)'
}

# The stress driver with the scheduler crashes its server, so it has its own.
suite_automatic()
{
	local out=$stage/out/automatic

	"${as_user[@]}" mkdir -p "$out"
	if (cd "$out" && "${as_user[@]}" $VARIANT_ENV TMPDIR="$stage/run" \
		"$stage/test/stress/stress" --bindir="$bin" --log="$out/server.log" \
		--automatic --minutes=3 ${STRESS_FLAGS:-}) 2>&1 | tee "$out/stress.log"
	then
		result ok stress automatic
	else
		result FAILED stress automatic "$out/server.log"
	fi
}

# stress_driver SUITE SECONDS FLAG...
#	The stress driver gets a running server by libpq's usual variables.
stress_driver()
{
	local suite=$1 limit=$2

	shift 2
	(cd "$stage/out/$suite" && "${as_user[@]}" $VARIANT_ENV \
		PGHOST="$stage/run/$suite" PGPORT=5432 PGUSER=postgres \
		PGDATABASE=postgres timeout "$limit" "$stage/test/stress/stress" "$@") 2>&1
}

# run_stress SUITE SECONDS FLAG...
run_stress()
{
	local suite=$1 log=$stage/out/$1/stress.log start=$SECONDS

	"${as_user[@]}" mkdir -p "$stage/out/$suite"
	if ! start_cluster "$suite" preload
	then
		result FAILED "$suite" '(the server did not start)' \
			"$stage/out/$suite/server.log"
		return
	fi
	# Who asks for a long one wants to watch it.
	if stress_driver "$@" |
		if [ "$suite" = stress ]; then tee "$log"; else cat > "$log"; fi
	then
		result ok "$suite" "stress ($((SECONDS - start)) s)"
	else
		result FAILED "$suite" "stress ($((SECONDS - start)) s)" "$log"
	fi
	stop_cluster "$suite"
}

suite_stress()
{
	run_stress stress 0 ${STRESS_FLAGS:-}
}

# Some seconds of it, too few to demand a coverage.  The seed is fixed: what
# fails is to fail again, and new ones are for long runs.
suite_stress_short()
{
	run_stress stress-short "$TEST_TIMEOUT" --seed=1 --refreshes=300 --no-coverage
}

# The tests of the tools run in the tree, as whoever runs this, and call make:
# what this make was told is not for those.  Exit status 77 says that the system
# lacks what the test needs.
suite_tools()
{
	local test log status

	mkdir -p "$stage/out/tools"
	for test in $(selected "$tree"/tools/test/*.sh)
	do
		log=$stage/out/tools/$test.log
		(cd "$tree" && env -u TESTS -u MODE -u KEEP -u JOBS -u SUITES \
			-u STRESS_FLAGS -u MAKEFLAGS PG_CONFIG="$PG_CONFIG" MAKE="$MAKE" \
			timeout 900 bash "tools/test/$test.sh") > "$log" 2>&1
		status=$?
		case $status in
			0) result ok tools "$test" ;;
			77) result skipped tools "$test" "$log" ;;
			*) result FAILED tools "$test" "$log" ;;
		esac
	done
}

suite_lint()
{
	local log=$stage/out/lint.log target=lint

	"$tree/tools/format.sh" --version > /dev/null 2>&1 || target=lint-code
	if flock "$tree/.build.lock" "$MAKE" -C "$tree" --no-print-directory -s \
		with_llvm=no $target > "$log" 2>&1
	then
		result ok lint "$target"
	else
		result FAILED lint "$target" "$log"
	fi
	[ $target = lint ] ||
		result skipped lint 'layout: this system has no clang-format 14'
}

# ------------------------------------------------------------------ the run

# Each word of $runs is a function with its argument: "regress:preload".
plan()
{
	local suite mode modes

	case $MODE in
		both) modes='preload plain' ;;
		preload | plain) modes=$MODE ;;
		*) die "MODE must be preload, plain or both, not \"$MODE\"" ;;
	esac
	runs=()
	for suite in "$@"
	do
		case $suite in
			regress | isolation)
				for mode in $modes
				do
					runs+=("$suite:$mode")
				done ;;
			long) runs+=(stress: automatic:) ;;
			stress-short) runs+=(stress_short:) ;;
			stress)
				case $STRESS_FLAGS in
					*--automatic*) runs+=(automatic:) ;;
					*) runs+=(stress:) ;;
				esac ;;
			unit | tap | tools | lint) runs+=("$suite:") ;;
			*) die "unknown suite \"$suite\"" ;;
		esac
	done
}

# As many at a time as there are processors: they mostly wait.
run_all()
{
	local run at_once=${JOBS:-$(nproc)}

	[ "$at_once" -ge 2 ] || at_once=2
	for run in "${runs[@]}"
	do
		while [ "$(jobs -pr | wc -l)" -ge "$at_once" ]
		do
			wait -n
		done
		"suite_${run%%:*}" "${run#*:}" < /dev/null &
	done
	wait
}

copy_back()
{
	local folder

	mkdir -p "$tree/tmp_check" || return
	for folder in "$stage"/out/*/
	do
		[ -d "$folder" ] || continue
		folder=$(basename "$folder")
		rm -rf "$tree/tmp_check/$folder"
		cp -r --no-preserve=ownership "$stage/out/$folder" "$tree/tmp_check/"
	done
}

count()
{
	grep -c "^$1 " "$stage/results"
}

# Nothing run is a failure, too.
verdict()
{
	local passed failed skipped

	passed=$(count ok)
	failed=$(count FAILED)
	skipped=$(count skipped)
	if [ "$failed" != 0 ]
	then
		echo
		grep '^FAILED' "$stage/results"
	fi
	echo
	echo "$passed passed, $failed failed, $skipped skipped ($SECONDS s)"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}

plan "$@"
make_stage
build check-build
make_installation
copy_folder test
for folder in docs demo monitoring	# test/t runs what they show
do
	[ ! -d "$tree/$folder" ] || copy_folder "$folder"
done
make_cluster_template
touch "$stage/results"
run_all
copy_back
verdict
