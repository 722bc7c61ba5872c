# stage.sh: a place to run servers of our own; sourced by check.sh and
# with_server.sh.
#
# Everything happens in one folder, the stage, made for this run below TMPDIR
# or /var/tmp.  It holds
#
#	install/	a private copy of the server's installation with ours added;
#			PostgreSQL finds its files relative to its own executable,
#			so bin/ is copied and all else is linked to
#	test/		or another folder of the tree: a copy
#	run/		a fresh cluster, and copies of it for who needs one
#	out/		what is written
#
# The server refuses to run as root.  Then everything in the stage runs as
# CHECK_USER, who may be unable to enter the source tree; that is one reason for
# the stage.  The other is that two runs must not disturb each other.  Clusters
# listen on unix sockets only, each in a folder of its own, so no port has to be
# free.

set -u -o pipefail
umask 022
cd "$(dirname "$0")/.." || exit 1
tree=$PWD
stage=

: "${MAKE:=make}" "${PG_CONFIG:=pg_config}" "${CHECK_USER:=nobody}"
: "${VARIANT_ENV:=}" "${KEEP:=}"

# The caller's connection defaults are none of our business.
for name in ${!PG@}
do
	[ "$name" = PG_CONFIG ] || unset "$name"
done
export LC_ALL=C
unset LANGUAGE

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# ---------------------------------------------------------------- the stage

as_user=(env)
if [ "$(id -u)" = 0 ]
then
	group=$(id -g "$CHECK_USER") || die "user \"$CHECK_USER\" does not exist"
	as_user=(setpriv --reuid="$CHECK_USER" --regid="$group" --clear-groups env)
fi

bindir=$("$PG_CONFIG" --bindir) || die "cannot run \"$PG_CONFIG\""
pkglibdir=$("$PG_CONFIG" --pkglibdir)
sharedir=$("$PG_CONFIG" --sharedir)
pgxs_src=$(dirname "$("$PG_CONFIG" --pgxs)")/..
pgxs_src=$(cd "$pgxs_src" && pwd)

# Somewhere the test user may enter and run programs, with a path short enough
# for the name of a socket.
make_stage()
{
	local folder

	trap 'clean_up' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	for folder in "${TMPDIR:-}" /var/tmp /tmp
	do
		[ -n "$folder" ] && [ ${#folder} -le 40 ] &&
			stage=$(mktemp -d "$folder/pgt_check.XXXXXX") || continue
		chmod 755 "$stage"
		cp "$(type -P true)" "$stage/true"
		cd "$stage" && "${as_user[@]}" "$stage/true" 2> /dev/null && break
		cd /
		rm -rf "$stage"
		stage=
	done
	[ -n "$stage" ] ||
		die "found no folder where user \"$CHECK_USER\" may run programs: set TMPDIR"
	mkdir "$stage"/{out,home,tmp,run}
	as_user+=(HOME="$stage/home" TMPDIR="$stage/tmp")
}

# build TARGET...
#	Two runs in one tree must not compile the same file at the same time.
build()
{
	local jobs=-j$(nproc)

	[[ ${MAKEFLAGS:-} == *jobserver* ]] && jobs=
	flock "$tree/.build.lock" "$MAKE" -C "$tree" --no-print-directory -s \
		$jobs with_llvm=no "$@" || die 'the build failed'
}

make_installation()
{
	local root=$stage/install link=-s

	bin=$root$bindir
	mkdir -p "$bin" "$root$pkglibdir" "$root$sharedir"
	# Link, unless the test user cannot follow the links.
	"${as_user[@]}" test -r "$sharedir/postgres.bki" \
		-a -r "$pkglibdir/plpgsql.so" || link=-L
	cp -aL "$bindir/." "$bin/" &&
		cp -a $link "$pkglibdir/." "$root$pkglibdir/" &&
		cp -a $link "$sharedir/." "$root$sharedir/" ||
		die 'cannot copy the installation'
	flock "$tree/.build.lock" "$MAKE" -C "$tree" --no-print-directory \
		with_llvm=no install DESTDIR="$root" > "$stage/out/install.log" ||
		{ cat "$stage/out/install.log"; die 'the installation failed'; }
	# Extensions that only the tests use.
	if compgen -G "$tree/test/extension/*.control" > /dev/null
	then
		cp "$tree"/test/extension/* "$root$sharedir/extension/"
	fi
}

# What runs in the stage belongs to who runs it.
copy_folder()
{
	cp -a "$tree/$1" "$stage/" || die "cannot copy $1/"
	[ "$(id -u)" != 0 ] ||
		chown -R "$CHECK_USER:" "$stage"/{out,home,tmp,run,"$1"} || exit 1
}

kill_tree()
{
	local child

	for child in $(cat /proc/"$1"/task/*/children 2> /dev/null)
	do
		kill_tree "$child"
	done
	kill "$1" 2> /dev/null
}

# Stops what this run started, and nothing else.
clean_up()
{
	local job pidfile

	trap '' INT TERM HUP
	[ -n "$stage" ] || return
	for job in $(jobs -p)
	do
		kill_tree "$job"
	done
	wait
	find "$stage/run" "$stage/out" -name postmaster.pid 2> /dev/null |
		while read -r pidfile
		do
			"${as_user[@]}" "$bin/pg_ctl" -D "$(dirname "$pidfile")" \
				-m immediate stop > /dev/null 2>&1
		done
	cd /
	if [ -n "$KEEP" ]
	then
		echo "left behind: $stage"
	else
		rm -rf "$stage"
	fi
}

# -------------------------------------------------------------- the clusters

make_cluster_template()
{
	"${as_user[@]}" "$bin/initdb" -D "$stage/run/data" -U postgres -A trust \
		--no-sync --locale=C --encoding=UTF8 > "$stage/out/initdb.log" 2>&1 ||
		{ cat "$stage/out/initdb.log"; die 'initdb failed'; }
}

# start_cluster NAME preload|plain [SETTINGS]
#	Its socket is in run/NAME, its log in out/NAME.
start_cluster()
{
	local dir=$stage/run/$1 preload=''

	[ "$2" = preload ] && preload=pg_trickle
	"${as_user[@]}" mkdir "$dir" &&
		"${as_user[@]}" cp -a "$stage/run/data" "$dir/data" || return 1
	cat "${3:-$tree/test/regress.conf}" - >> "$dir/data/postgresql.conf" <<-END
		shared_preload_libraries = '$preload'
		unix_socket_directories = '$dir'
	END
	"${as_user[@]}" $VARIANT_ENV "$bin/pg_ctl" -D "$dir/data" -w -t 60 \
		-l "$stage/out/$1/server.log" start > /dev/null || return 1
	# The suite must have run in the mode it claims.
	[ "$(sql "$1" 'SHOW shared_preload_libraries')" = "$preload" ]
}

sql()
{
	"${as_user[@]}" "$bin/psql" -X -At -h "$stage/run/$1" -U postgres \
		-d postgres -c "$2"
}

# After a crash the server needs a moment; the next test shall have its chance.
await_server()
{
	local i

	for i in {1..300}
	do
		sql "$1" 'SELECT' > /dev/null 2>&1 && return
		sleep 0.2
	done
}
