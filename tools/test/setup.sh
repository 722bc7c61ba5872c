#!/bin/bash
#
# What is missing and cannot be installed is told in one line; what is installed
# brings no cluster of its own.
#
# The programs that know and change the system are fakes, found through PATH, so
# that nothing is installed: sudo writes below a folder of the test.

set -u
cd "$(dirname "$0")/../.." || exit 1
: "${PG_CONFIG:=pg_config}"
real=$(type -P "$PG_CONFIG") || exit 1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
mkdir "$folder"/{bin,root}
failures=0
conf=/etc/postgresql-common/createcluster.d/pg_trickle.conf

# fake NAME: its body is read from stdin.
fake()
{
	{ echo '#!/bin/bash'; cat; } > "$folder/bin/$1"
	chmod +x "$folder/bin/$1"
}

# setup FAKED_PACKAGES ARGUMENT...: in $output what it says, and its status.
setup()
{
	local present=$1

	shift
	rm -rf "$folder"/{root,apt-get.log}
	mkdir "$folder/root"
	output=$(PATH="$folder/bin:$PATH" FOLDER="$folder" PRESENT="$present" \
		tools/setup.sh "$@" 2>&1 < /dev/null)
}

expect()
{
	if [[ "$2" == $3 ]]
	then
		echo "ok: $1"
	else
		printf 'FAILED: %s\n expected: %s\n found:    %s\n' "$1" "$3" "$2"
		failures=$((failures + 1))
	fi
}

fake id <<< 'echo 1000'
fake dpkg-query <<< '[[ " $PRESENT " == *" ${!#} "* ]] && echo -n installed'
fake apt-cache <<< 'exit 0'
# What it finds when it is called to install is what the packages would find.
fake apt-get <<END
[[ " \$* " == *' install '* ]] || exit 0
echo "\$*" > "\$FOLDER/apt-get.log"
cp "\$FOLDER/root$conf" "\$FOLDER/conf"
exit "\${INSTALL_STATUS:-0}"
END

# --- nobody may install
without_server='gcc libc6-dev make perl'
unset CHECK_BROWSER
fake sudo <<< 'echo "sudo: a password is required" >&2; exit 1'
unset PG_CONFIG
setup '' demo
expect 'missing packages are one line, and an error' "$?: $output" \
	"1: setup: missing packages, and neither root nor sudo to install them: $without_server postgresql-1[5-8] postgresql-server-dev-1[5-8]"
setup 'gcc libc6-dev make' demo
expect 'the line names what is missing' "$?: $output" \
	'1: setup: missing packages, *: perl postgresql-1[5-8] postgresql-server-dev-1[5-8]'
export PG_CONFIG=$real
setup 'gcc libc6-dev perl' demo
expect 'with PG_CONFIG the server is not asked for' "$?: $output" \
	'1: setup: missing packages, *: make'
setup "$without_server" demo
expect 'and if nothing is missing nobody asks' "$?: $output" "0: $real"
setup "$without_server" check
expect 'the tests need more' "$?: $output" \
	'1: setup: missing packages, *: libipc-run-perl libcmocka-dev libpq-dev*'

# --- sudo may: it does what it is told below $folder/root
fake sudo <<'END'
for argument
do
	case $argument in
		-n | DEBIAN_FRONTEND=* | env) ;;
		/etc/*) command+=("$FOLDER/root$argument") ;;
		*) command+=("$argument") ;;
	esac
done
exec "${command[@]}"
END
for INSTALL_STATUS in 0 100
do
	export INSTALL_STATUS
	setup 'gcc libc6-dev perl' demo
	if [ $INSTALL_STATUS = 0 ]
	then
		expect 'packages are installed' "$?: $output" "0: $real"
	else
		expect 'or not, which is an error' "$?: $output" \
			'1: setup: could not install: make'
	fi
	expect 'only those that were missing' \
		"$(cat "$folder/apt-get.log")" '*--no-install-recommends make'
	expect 'while that lasts no cluster is made' "$(cat "$folder/conf")" \
		'create_main_cluster = false'
	expect 'the setting is gone afterwards' \
		"$(find "$folder/root" -type f)" ''
done

# What Debian's maintainer scripts ask before they make a cluster.
template=/usr/share/postgresql-common/createcluster.conf
if type -P pg_conftool > /dev/null && [ -f "$template" ]
then
	mkdir "$folder/read"
	cp "$folder/conf" "$folder/read/${conf##*/}"
	sed "s!${conf%/*}!$folder/read!" "$template" > "$folder/createcluster.conf"
	expect 'they understand it' "$(pg_conftool "$folder/createcluster.conf" \
		show -bs create_main_cluster)" off
fi

echo "$failures failures"
[ "$failures" = 0 ]
