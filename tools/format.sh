#!/bin/bash
#
# format.sh [--check | --version]
#	Lays out our C by .clang-format; with --check only reports what is not, and
#	with --version only finds the program.
#
# One version decides, so that two machines never disagree: versions of
# clang-format differ in details.

set -u
cd "$(dirname "$0")/.." || exit 1
version=14

for program in "${CLANG_FORMAT:-}" clang-format-$version clang-format ''
do
	[ -n "$program" ] &&
		"$program" --version 2> /dev/null | grep -q " version $version\." && break
done
if [ -z "$program" ]
then
	echo "format: needs clang-format $version (Debian 12: clang-format)" >&2
	exit 1
fi

[ "${1:-}" != --version ] || { echo "$program"; exit; }

mapfile -t files < <(find src include test bench demo \
	\( -name '*.c' -o -name '*.h' \) -print 2> /dev/null | sort)
[ ${#files[@]} -gt 0 ] || { echo 'format: found no files' >&2; exit 1; }

if [ "${1:-}" != --check ]
then
	exec "$program" -i "${files[@]}"
fi

# One line per finding, as lint.pl prints them: the first that differs.
findings=0
for file in "${files[@]}"
do
	line=$("$program" "$file" | cmp "$file" - 2>&1) && continue
	echo "$file:${line##* }: format: not as clang-format has it (make format)"
	findings=$((findings + 1))
done
echo "format: $findings findings in ${#files[@]} files"
[ $findings = 0 ]
