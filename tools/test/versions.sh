#!/bin/bash
#
# An unsupported or missing server is told in one clear line, by make as by
# setup.sh.

set -u
cd "$(dirname "$0")/../.." || exit 1
: "${MAKE:=make}" "${PG_CONFIG:=pg_config}"
real=$(type -P "$PG_CONFIG") || exit 1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failures=0

# expect LINE COMMAND...: the command fails and prints this line, and no other.
expect()
{
	local line=$1 output

	shift
	if output=$("$@" 2>&1 < /dev/null)
	then
		echo "FAILED: $* succeeds"
		failures=$((failures + 1))
	elif [[ "$output" != $line ]]
	then
		printf 'FAILED: %s\n expected: %s\n found:    %s\n' "$*" "$line" "$output"
		failures=$((failures + 1))
	else
		echo "ok: $output"
	fi
}

# A pg_config that claims another version.
claim()
{
	printf '#!/bin/sh\n[ "$1" = --version ] && echo "PostgreSQL %s" ||\n\texec %s "$@"\n' \
		"$1" "$real" > "$folder/pg_config"
	chmod +x "$folder/pg_config"
}

run_make()
{
	"$MAKE" -s --no-print-directory PG_CONFIG="$1" -n all
}

for version in 14.19 19beta1 9.6.24
do
	claim $version
	expect "Makefile:*pg_trickle needs PostgreSQL 15 to 18, but \"$folder/pg_config\" belongs to PostgreSQL $version.  Stop." \
		run_make "$folder/pg_config"
	expect "setup: pg_trickle needs PostgreSQL 15 to 18, but \"$folder/pg_config\" belongs to $version" \
		env PG_CONFIG="$folder/pg_config" tools/setup.sh demo
done
for version in 15.0 16.11 17.7 18devel '18.1 (Debian 18.1-1)'
do
	claim "$version"
	run_make "$folder/pg_config" > /dev/null ||
		{ echo "FAILED: $version is refused"; failures=$((failures + 1)); }
done
expect 'Makefile:*cannot run "/nowhere/pg_config": install the server development package*  Stop.' \
	run_make /nowhere/pg_config
expect 'setup: cannot run "/nowhere/pg_config"' \
	env PG_CONFIG=/nowhere/pg_config tools/setup.sh demo

echo "$failures failures"
[ "$failures" = 0 ]
