#!/bin/bash
#
# run.sh
#	The demo: runs the SQL files of this folder, in the order of their names and
#	in one session of psql, and shows what they print.
#
# tools/with_server.sh calls it (make demo) with a server of its own and PGHOST
# and the like set.  The comment at the top of each file is its title and text.
# $OUT/demo.md gets the same as a page, with the SQL; update_docs.sh makes that
# docs/demo.md.

set -u -o pipefail
cd "$(dirname "$0")" || exit 1
: "${OUT:?is set by tools/with_server.sh}"
page=$OUT/demo.md
bold= plain=
[ -t 1 ] && bold=$'\e[1m' plain=$'\e[0m'

# title FILE, text FILE: the first paragraph of the comment, and the others.
title()
{
	sed -n '2s/^ \* //p' "$1"
}

text()
{
	sed -n '4,/^ \*\/$/{/^ \*\/$/d;s/^ \* \{0,1\}//p}' "$1"
}

statements()
{
	sed '1,/^ \*\/$/d' "$1"
}

# Functions that return nothing print a table of nothing: leave it out.  Nor
# two empty lines in a row, nor spaces at the end of a line.
tidy()
{
	awk '
		function put(line) { if (line != "" || last != "") print line; last = line }
		{ sub(/ +$/, "") }
		void == 2 { void = 0; if ($0 == "") next }
		void == 1 && /^-+$/ { void = 2; next }
		void == 1 { put(name); void = 0 }
		/^ *(create|refresh|drop)_stream_table$/ { name = $0; void = 1; next }
		{ put($0) }'
}

# chapter FILE: what psql printed for it is the standard input.
chapter()
{
	local output heading

	output=$(tidy)
	heading="${1%%_*}. $(title "$1")"
	printf '\n%s%s%s\n\n%s\n' "$bold" "$heading" "$plain" "$(text "$1")"
	[ -z "$output" ] || printf '%s\n' "$output" | sed 's/^\(.\)/    \1/;1i\\'
	{
		printf '\n## %s\n\n%s\n' "$heading" "$(text "$1")"
		printf '\n```sql\n%s\n```\n' "$(statements "$1")"
		[ -z "$output" ] || printf '\n```text\n%s\n```\n' "$output"
	} >> "$page"
}

introduction()
{
	local server

	server=$(psql -X -At -c "SELECT split_part(current_setting('server_version'), ' ', 1)")
	cat > "$page" <<-END
		# Demo

		What \`make demo\` (or \`./run demo\`) does and prints, written by
		\`demo/update_docs.sh\`. The numbers are of one run, PostgreSQL $server on
		$(nproc) processors; look at the ratios. The flights are real:
		[where they come from](../demo/data/README.md).
	END
}

# One session for all, so that its connection and plans are warm from the
# start; a mark in the output says where a file begins.
play()
{
	local file arguments=()

	for file in [0-9]_*.sql
	do
		arguments+=(-c "\\echo @@ $file" -f "$file")
	done
	psql -X -q -v ON_ERROR_STOP=1 -P footer=off -P null=- "${arguments[@]}"
}

# Split at the marks, so that each chapter appears as soon as it is over.
show()
{
	local line file= output=

	while IFS= read -r line
	do
		case $line in
			'@@ '*)
				[ -z "$file" ] || chapter "$file" <<< "$output"
				file=${line#@@ } output= ;;
			*)
				output+=$line$'\n' ;;
		esac
	done
	[ -z "$file" ] || chapter "$file" <<< "$output"
}

psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION pg_trickle' || exit 1
introduction
play 2>&1 | show || exit 1
printf '\n%s\n' "The same as a page, with all SQL: docs/demo.md."
