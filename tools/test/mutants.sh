#!/bin/bash
#
# Mutants that do not apply are named, and those that do change their file.

set -u
cd "$(dirname "$0")/../.." || exit 1
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/src"
printf 'one\ntwo\ntwo\n' > "$copy/src/a.c"
failures=0

# mutant NAME OLD NEW [TESTS]
mutant()
{
	printf 'Something is wrong.\nfile: src/a.c\ntests: %s\n----\n%s\n----\n%s\n' \
		"${4-regress a}" "$2" "$3" > "$copy/$1.mutant"
}

apply()
{
	perl test/mutants/apply.pl "$@" 2>&1
}

check()
{
	if [ "$2" = "$3" ]
	then
		echo "ok: $1"
	else
		echo "FAILED: $1: $2"
		failures=$((failures + 1))
	fi
}

mutant good one 1
mutant gone three 3
mutant twice two 2
mutant untested one 1 ''
said=$(apply --check "$copy" "$copy"/*.mutant | sed -n 's!^.*/\([a-z]*\).mutant does.*!\1!p')
check 'stale mutants are named' "$(echo $said)" 'gone twice untested'
check 'and nothing is changed' "$(echo $(cat "$copy/src/a.c"))" 'one two two'
apply --check "$copy" "$copy/good.mutant"
check 'a good one passes' $? 0
apply --check "$copy" "$copy/gone.mutant" > /dev/null
check 'a stale one does not' $? 1
apply "$copy" "$copy/good.mutant"
check 'it is applied' "$(echo $(cat "$copy/src/a.c"))" '1 two two'
perl test/mutants/apply.pl --check . test/mutants/*.mutant
check 'all of ours apply' $? 0
[ "$failures" = 0 ]
