#!/bin/bash
#
# run.sh [--quick] [--output=FILE] [--only=PART] [--bindir=FOLDER]
#		[--snapshot-seconds=N]
#	Measures, on a server of its own, what tracking costs a writer, what a
#	refresh costs, and what the syntax costs other statements; prints a table
#	beside the budgets.  PART is capture, refresh, schedule or syntax.  A
#	snapshot stays open for N seconds (600, or 10 with --quick) while single
#	rows are changed and refreshed, which is then measured.
#
# Nothing is asserted: absolute times belong to a machine.  The ratios are of
# measurements of one run.  --quick takes small sizes and few repetitions (two
# minutes); the whole takes about 40 minutes and 10 GB below TMPDIR or
# /var/tmp.  --bindir measures an installation that has the extension; without
# it one is made from the tree.

set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
tree=$PWD
: "${PG_CONFIG:=pg_config}"
. bench/server.sh
. bench/capture.sh
. bench/refresh.sh
. bench/syntax.sh
. bench/schedule.sh

output=
only=
bindir=
preload=pg_trickle
shared_buffers=1GB
bulk_rows=200000
bulk_rounds=7
pgbench_rows=100000
pgbench_rounds=40
pgbench_seconds=1
source_rows='10000 1000000 10000000'
recomputations=3
snapshot_rows=1000000
snapshot_seconds=600
snapshot_rate=100
snapshot_rush=60

set_quick()
{
	shared_buffers=256MB
	bulk_rows=50000
	bulk_rounds=3
	pgbench_rows=10000
	pgbench_rounds=5
	pgbench_seconds=1
	source_rows='10000 100000'
	snapshot_rows=100000
	snapshot_seconds=10
	snapshot_rush=5
	set_quick_schedule
}

for argument
do
	case $argument in
		--quick) set_quick ;;
		--output=*) output=$(realpath "${argument#*=}") ;;
		--only=*) only=${argument#*=} ;;
		--bindir=*) bindir=$(realpath "${argument#*=}") ;;
		--preload=*) preload=${argument#*=} ;;
		--snapshot-seconds=*) snapshot_seconds=${argument#*=} ;;
		*) sed -n '3,18s/^# \{0,1\}//p' "$tree/bench/run.sh"; exit 2 ;;
	esac
done

say()
{
	echo "bench: $* ($(date +%T))" >&2
}

# row WHAT MEASURED BESIDE RATIO BUDGET
row()
{
	printf '| %s | %s | %s | %s | %s |\n' "$@" | tee -a "$stage/table" >&2
}

# Does the server's shared memory lie in huge pages?  (The default is to take
# them if the kernel has some to give.)
huge_pages()
{
	if awk '/^HugePages_(Total|Rsvd):/ { used += $2 }
			/^HugePages_Free:/ { used -= $2 }
			END { exit !(used > 0) }' /proc/meminfo
	then
		echo 'in huge pages'
	else
		echo 'without huge pages'
	fi
}

print_report()
{
	local cpu

	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	echo "# Measurements of $(date +%F)"
	echo
	echo "PostgreSQL $(sql 'SHOW server_version'), ${cpu:-unknown CPU}, \
$(nproc) processors, shared_buffers = $shared_buffers $(huge_pages), synchronous_commit = off, \
otherwise default settings (fsync on). Medians unless said otherwise; times as \
seen by a client on a unix socket, commit included."
	echo
	echo '| what | measured | beside it | ratio | budget |'
	echo '|---|---|---|---|---|'
	cat "$stage/table"
}

start_server "$bindir"
sql 'CREATE EXTENSION pg_trickle'
: > "$stage/table"
for part in capture refresh schedule syntax
do
	[ -n "$only" ] && [ "$only" != "$part" ] || "bench_$part"
done
echo
print_report | if [ -n "$output" ]; then tee "$output"; else cat; fi
