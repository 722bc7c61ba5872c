#!/bin/bash
#
# "format.sh --check" names a file that is laid out otherwise, with the line,
# and "format.sh" then mends it.

set -eu
cd "$(dirname "$0")/../.."
tools/format.sh --version || exit 77
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy"/{tools,src/base}
cp tools/format.sh "$copy/tools"
cp .clang-format "$copy"

printf 'static int\nfine(int a)\n{\n\treturn a;\n}\n' > "$copy/src/base/fine.c"
"$copy/tools/format.sh" --check

printf 'static int\nplanted(int a)\n{\n  return a;\n}\n' \
	> "$copy/src/base/planted.c"
if found=$("$copy/tools/format.sh" --check)
then
	echo 'FAILED: a planted violation was accepted'
	exit 1
fi
[ "$found" = 'src/base/planted.c:4: format: not as clang-format has it (make format)
format: 1 findings in 2 files' ] || { echo "FAILED: $found"; exit 1; }

"$copy/tools/format.sh"
"$copy/tools/format.sh" --check
