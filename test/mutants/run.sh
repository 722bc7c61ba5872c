#!/bin/bash
#
# run.sh [NAME...]
#	Runs the tests against mutants of the engine; fails if one survives.
#
# README.md tells what a mutant is.  Everything happens in copies of the tree
# in build/mutants.

set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.."
tree=$PWD
work=$tree/build/mutants
failures=0

die()
{
	echo "mutants: $*" >&2
	exit 1
}

# The names of the mutants to run.
names()
{
	local file

	if [ $# -gt 0 ]
	then
		printf '%s\n' "$@"
		return
	fi
	for file in test/mutants/*.mutant
	do
		basename "$file" .mutant
	done
}

field()
{
	sed -n "/^----\$/q; s/^$1: *//p" "$tree/test/mutants/$2.mutant"
}

# copy_tree FOLDER: without .git, with all that is not ignored.
copy_tree()
{
	rm -rf "$1"
	mkdir -p "$1"
	git ls-files -zco --exclude-standard |
		{ while IFS= read -r -d '' file
			do
				[ ! -e "$file" ] || printf '%s\0' "$file"
			done; } |
		tar c --null -T - | tar x -C "$1"
}

build()
{
	make -s -C "$1" -j"$(nproc)" with_llvm=no all check-build > "$1.log" 2>&1
}

# run_test FOLDER SUITE ARGUMENTS...
run_test()
{
	local folder=$1 suite=$2

	shift 2
	if [ "$suite" = stress ]
	then
		STRESS_FLAGS="--no-coverage --seed=1 $*" \
			make -s -C "$folder" check-stress
	else
		make -s -C "$folder" "check-$suite" TESTS="$*" MODE=preload
	fi >> "$folder.log" 2>&1
}

report()
{
	printf '%-8s %-26s %s\n' "$1" "$2" "$3"
	[ "$1" = caught ] || failures=$((failures + 1))
}

# Each different line "tests:" of the mutants, once.  What fails here would
# fail with every mutant: it is a failure of its own, and catches nothing.
check_unmutated()
{
	local line name

	copy_tree "$work/none"
	build "$work/none" || { tail -n 20 "$work/none.log"; die 'no build'; }
	for name in "$@"
	do
		field tests "$name"
	done | sort -u > "$work/tests"
	: > "$work/usable"
	while read -r line
	do
		if run_test "$work/none" $line < /dev/null
		then
			echo "$line" >> "$work/usable"
		else
			report useless "$line" "fails without a mutant, see $work/none.log"
		fi
	done < "$work/tests"
}

try_mutant()
{
	local name=$1 folder=$work/$1 line

	# Only the mutated file is compiled again.
	rm -rf "$folder"
	cp -a "$work/none" "$folder"
	rm -rf "$folder/tmp_check"
	if ! perl test/mutants/apply.pl "$folder" "test/mutants/$name.mutant"
	then
		report stale "$name" 'does not apply: bring it up to date'
	elif ! build "$folder"
	then
		report stale "$name" "does not compile, see $folder.log"
	else
		while read -r line
		do
			grep -qxF "$line" "$work/usable" || continue
			run_test "$folder" $line < /dev/null && continue
			report caught "$name" "by $line"
			rm -rf "$folder"
			return
		done <<< "$(field tests "$name")"
		report SURVIVED "$name" "$(head -n 1 "test/mutants/$name.mutant")"
	fi
	rm -rf "$folder"
}

mapfile -t mutants < <(names "$@")
for name in "${mutants[@]}"
do
	[ -f "test/mutants/$name.mutant" ] || die "there is no mutant \"$name\""
	[ -n "$(field tests "$name")" ] || die "\"$name\" names no tests"
done
mkdir -p "$work"
check_unmutated "${mutants[@]}"
for name in "${mutants[@]}"
do
	try_mutant "$name"
done
echo "${#mutants[@]} mutants, $failures failures"
[ "$failures" = 0 ]
