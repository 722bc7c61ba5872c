#!/bin/bash
#
# Every check of tools/lint.pl finds a violation planted for it.
#
# Each violation is one file in a copy of the tree.  What lint says about it is
# compared with what lint says about the copy without it: exactly the expected
# finding must have come, so that neither a check that finds nothing nor one
# that finds everything passes.

set -u
cd "$(dirname "$0")/../.." || exit 1
tree=$PWD
: "${CC:=cc}"
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy"/{src,include/pg_trickle,test}
cp -r src include "$copy"
failures=0

lint()
{
	"$tree/tools/lint.pl" --root="$copy" "$@" | grep -v '^lint: ' | sort
}

# expect FILE FINDING: the file's content is read from stdin.
expect()
{
	local file=$copy/$1 difference

	mkdir -p "$(dirname "$file")"
	cat > "$file"
	difference=$(diff "$copy/before" <(lint) | sed -n 's/^[<>] //p')
	if [ "$difference" = "$2" ]
	then
		echo "ok: ${2:-nothing found in $1}"
	else
		echo "FAILED: expected: $2"
		echo "        found:    $difference"
		failures=$((failures + 1))
	fi
	rm -r "$file"
}

# header NAME LAYER, and the same for a source file by its folder
header()
{
	printf '/*\n * %s\n *\n * Layer: %s\n */\n' "$1" "$2" \
		> "$copy/include/pg_trickle/$1"
}

for layer in base catalog query capture dvm apply refresh schedule command \
	syntax temporal ducklake monitor
do
	header "planted_$layer.h" $layer
	mkdir -p "$copy/src/$layer"
done
mkdir -p "$copy"/src/{attic,dvm/common,dvm/rules}
for folder in "$copy"/src/{*,*/*}/
do
	[ -s "$folder/README.md" ] || echo '# planted' > "$folder/README.md"
done
lint > "$copy/before"

# --- layers: neither upwards nor sideways, by all ways to get there
order='base catalog query dvm refresh schedule command syntax monitor'
lower=
for layer in $order
do
	for below in $lower
	do
		expect "src/$below/planted.c" \
			"src/$below/planted.c:2: layers: $below must not know $layer (pg_trickle/planted_$layer.h)" \
			<<< $'#include "postgres.h"\n#include "pg_trickle/planted_'$layer'.h"'
		expect "src/$layer/planted.c" '' \
			<<< '#include "pg_trickle/planted_'$below'.h"'
	done
	lower+=" $layer"
done
for pair in capture:dvm dvm:capture apply:dvm dvm:apply capture:apply \
	apply:capture syntax:temporal temporal:ducklake ducklake:syntax
do
	expect "src/${pair%:*}/planted.c" \
		"src/${pair%:*}/planted.c:1: layers: ${pair%:*} must not know ${pair#*:} (pg_trickle/planted_${pair#*:}.h)" \
		<<< "#include \"pg_trickle/planted_${pair#*:}.h\""
done
expect src/dvm/rules/planted.c \
	'src/dvm/rules/planted.c:1: layers: dvm must not know refresh (pg_trickle/planted_refresh.h)' \
	<<< '#	include <pg_trickle/planted_refresh.h>'
expect include/pg_trickle/planted.h \
	'include/pg_trickle/planted.h:4: layers: base must not know catalog (pg_trickle/planted_catalog.h)' <<'END'
/*
 * Layer: base
 */
#include "pg_trickle/planted_catalog.h"
END
expect include/pg_trickle/planted.h \
	'include/pg_trickle/planted.h:1: layers: no line " * Layer: name" in the head comment' \
	<<< 'int x; /* * Layer: base */'
expect include/pg_trickle/planted.h \
	'include/pg_trickle/planted.h:1: layers: there is no layer "basement"' <<'END'
/*
 * Layer: basement
 */
END
expect src/attic/planted.c \
	'src/attic/planted.c:1: layers: there is no layer "attic"' <<< ''
expect src/base/planted.c \
	'src/base/planted.c:1: layers: pg_trickle/nowhere.h does not exist' \
	<<< '#include "pg_trickle/nowhere.h"'
expect src/base/planted.c \
	'src/base/planted.c:2: layers: declared by hand instead of by a header' \
	<<< $'\nextern int pgt_from_above(void);'
expect src/base/planted.c '' <<< '/* #include "pg_trickle/planted_dvm.h" */'
mv "$copy/src/init.c" "$copy/init.c.was" 2> /dev/null
lint > "$copy/before"
expect src/init.c '' <<< '#include "pg_trickle/planted_monitor.h"'
mv "$copy/init.c.was" "$copy/src/init.c" 2> /dev/null
lint > "$copy/before"

# --- versions, by any of their macros
macros='PG_VERSION_NUM PG_MAJORVERSION_NUM PG_VERSION PG_VERSION_STR
	PG_MAJORVERSION CATALOG_VERSION_NO'
expect src/base/planted.c "$(i=0
	for macro in $macros
	do
		echo "src/base/planted.c:$((++i)): versions: $macro outside include/pg_trickle/compat.h"
	done)" < <(printf '#if %s >= 160000\n' $macros)
expect test/unit/planted.c \
	'test/unit/planted.c:1: versions: PG_VERSION_NUM outside include/pg_trickle/compat.h' \
	<<< '#if PG_VERSION_NUM >= 160000'
expect src/base/planted.c '' <<< '/* see PG_VERSION_NUM */'

# --- names
for name in utils.c row_util.c common.c misc.c helpers.c
do
	expect "src/base/$name" \
		"src/base/$name:1: names: the name says nothing about the content" <<< ''
done
expect src/dvm/common/planted.c \
	'src/dvm/common/planted.c:1: names: the name says nothing about the content' <<< ''
expect test/sql/common_table_expression.sql '' <<< ''

# --- readmes
expect src/planted/planted.c "src/planted/planted.c:1: layers: there is no layer \"planted\"
src/planted:1: readmes: has no README.md" <<< ''

# --- lines: 80 columns with tabs of 4, messages excepted
columns_76=$(printf 'x%.0s' {1..76})
expect src/base/planted.c '' <<< $'\t'"$columns_76"
expect src/base/planted.c \
	'src/base/planted.c:2: lines: 81 columns, allowed are 80' \
	<<< $'\n\t'"${columns_76}x"
expect src/base/planted.c '' <<< $'\t\terrmsg("'"$columns_76"$'")));'
expect src/base/planted.c \
	'src/base/planted.c:1: lines: 95 columns, allowed are 80' \
	<<< $'\tint a = f("x"); '"${columns_76:1}"

# --- sizes
expect src/base/planted.c '' < <(yes '' | head -900)
expect src/base/planted.c \
	'src/base/planted.c:901: sizes: 901 lines, allowed are 900' \
	< <(yes '' | head -901)
expect sql/install/99_planted.sql \
	'sql/install/99_planted.sql:901: sizes: 901 lines, allowed are 900' \
	< <(yes '' | head -901)
body()
{
	printf 'static int\nplanted(int a,\n\tint b)\n{\n'
	yes '	f();' | head -"$1"
	printf '}\n'
}
expect src/base/planted.c '' < <(body 80)
expect src/base/planted.c \
	'src/base/planted.c:3: sizes: planted() has 81 lines, allowed are 80' \
	< <(body 81)
expect src/base/planted.c '' \
	< <(printf 'static int t[] =\n{\n'; yes '	1,' | head -90; printf '};\n')

# --- errors: the findings are given without the name of the planted file
errors()
{
	expect src/base/planted.c "$(sed '/./s!^!src/base/planted.c:!' <<< "$1")"
}
errors '1: errors: ereport without errcode' \
	<<< 'ereport(ERROR, (errmsg("no (such) thing")));'
errors '1: errors: ereport without errcode' \
	<<< 'ereport(FATAL, errmsg("no thing, errcode is missing"));'
# A level that is a variable or a macro may be an error.
levels=(elevel PGT_LEVEL 'level_of(a, ")", WARNING)' 'a ? NOTICE : ERROR'
	'a ? ERROR : b ? LOG : NOTICE' '(ERROR)')
errors "$(printf '%s: errors: ereport without errcode\n' {1..6})" \
	< <(printf 'ereport(%s, errmsg("no thing"));\n' "${levels[@]}")
errors '' < <(printf 'ereport(%s, errcode(X), errmsg("no thing"));\n' "${levels[@]}")
errors '' < <(printf 'ereport(%s, errmsg("no thing"));\n' \
	DEBUG1 LOG WARNING 'f(a, b) ? NOTICE : WARNING')
errors '' <<< 'ereport(ERROR, errcode_for_file_access(), errmsg("no thing"));'
errors '3: errors: a primary message begins in lower case' <<'END'
ereport(ERROR,
		errcode(ERRCODE_X),
		errmsg("No thing"));
END
errors '' <<< 'ereport(ERROR, errcode(X), errmsg("SQL is one, \"%s\" another", a));'
errors '1: errors: a primary message has no full stop' \
	<<< 'ereport(NOTICE, errmsg("no" " thing."));'
errors '1: errors: a primary message begins in lower case
2: errors: a primary message has no full stop
3: errors: "unable" says too little: see CONTRIBUTING.md on messages' <<'END'
elog(ERROR, "No thing %u", a);
elog(f(a, b) ? ERROR : LOG, "no thing " INT64_FORMAT ".", a);
elog(ERROR, "unable to do that");
END
errors '' <<< 'elog(ERROR, "SQL has no \"%s\" here", "Thing.");'
errors '1: errors: a primary message is one line' \
	<<< 'ereport(NOTICE, errmsg("no\nthing"));'
for word in unable bad illegal unknown invalid
do
	errors "1: errors: \"$word\" says too little: see CONTRIBUTING.md on messages" \
		<<< "ereport(NOTICE, errmsg(\"$word thing\"));"
done
errors '1: errors: a detail or hint begins with a capital' \
	<<< 'ereport(NOTICE, errmsg("no thing"), errdetail("there is none."));'
errors '1: errors: a detail or hint ends with a full stop' \
	<<< 'ereport(NOTICE, errmsg("no thing"), errdetail("There is none"));'
errors '1: errors: a detail or hint ends with a full stop' \
	<<< 'ereport(NOTICE, errmsg("no thing"), errhint("Make" " one"));'
errors '' \
	<<< 'ereport(NOTICE, errmsg("no thing"), errhint("Make " "one (now)."));'
errors '' <<< '/* ereport(ERROR, errmsg("Bad.")) */'

# --- hashes
expect src/base/planted.c \
	'src/base/planted.c:1: hashes: hash_create without HASH_CONTEXT' \
	<<< 'x = hash_create("a", 1, &ctl, HASH_ELEM | HASH_BLOBS);'
expect src/base/planted.c '' \
	<<< 'x = hash_create("a", 1, &ctl, HASH_ELEM | HASH_CONTEXT);'

# --- symbols, from a real object file
cat > "$copy/planted.c" <<'END'
int pgt_missing(void);
int pgt_fine, planted_data = 1;
static int unseen(void) { return 1; }
int planted(void);
int planted(void) { return unseen() + pgt_missing(); }
void _PG_init(void);
void _PG_init(void) { }
END
"$CC" -c -o "$copy/planted.o" "$copy/planted.c" || exit 1
found=$("$tree/tools/lint.pl" --root="$copy" --only=symbols planted.o |
	sed 's/ without.*//')
expected='planted.c:1: symbols: "planted" is exported
planted.c:1: symbols: "planted_data" is exported
planted.c:1: symbols: "pgt_missing" is not defined anywhere
lint: 3 findings in'
if [ "${found% in *} in" = "$expected" ]
then
	echo "ok: symbols"
else
	printf 'FAILED: expected: %s\n        found:    %s\n' "$expected" "$found"
	failures=$((failures + 1))
fi

# --- the exit status, which is all that make sees
rm -rf "$copy"/{src,include,test,sql,planted.*}
mkdir -p "$copy/src/base"
echo 'int pgt_a;' > "$copy/src/base/clean.c"
echo '# base' > "$copy/src/base/README.md"
"$tree/tools/lint.pl" --root="$copy" > /dev/null ||
	{ echo 'FAILED: lint refuses a clean tree'; failures=$((failures + 1)); }
echo 'PG_VERSION_NUM' > "$copy/src/base/planted.c"
"$tree/tools/lint.pl" --root="$copy" > /dev/null &&
	{ echo 'FAILED: lint exits with 0'; failures=$((failures + 1)); }
rm -rf "$copy/src"
"$tree/tools/lint.pl" --root="$copy" > /dev/null 2>&1 &&
	{ echo 'FAILED: lint accepts an empty tree'; failures=$((failures + 1)); }

echo "$failures failures"
[ "$failures" = 0 ]
