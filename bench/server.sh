# server.sh
#	A server to measure: a private copy of the installation with the extension
#	in it, and a cluster in the same folder.  Read by run.sh.
#
# Everything lies in one folder, so that neither root nor write access to the
# system's PostgreSQL is needed.  The server refuses to run as root; then it
# runs as BENCH_USER.

: "${BENCH_USER:=nobody}"
as_user=(env)
stage=

die()
{
	echo "bench: $*" >&2
	exit 1
}

# install_privately: sets "bin", the folder of the programs.
install_privately()
{
	local bindir pkglibdir sharedir

	bindir=$("$PG_CONFIG" --bindir)
	pkglibdir=$("$PG_CONFIG" --pkglibdir)
	sharedir=$("$PG_CONFIG" --sharedir)
	bin=$stage/install$bindir
	mkdir -p "$bin" "$stage/install$pkglibdir" "$stage/install$sharedir"
	# PostgreSQL finds its files relative to its own executable.
	cp -aL "$bindir/." "$bin/"
	cp -as "$pkglibdir/." "$stage/install$pkglibdir/"
	cp -as "$sharedir/." "$stage/install$sharedir/"
	flock "$tree/.build.lock" make -s -C "$tree" PG_CONFIG="$PG_CONFIG" \
		with_llvm=no install DESTDIR="$stage/install" > "$stage/install.log" 2>&1 ||
		{ cat "$stage/install.log" >&2; die 'the installation failed'; }
}

# What is not a default is printed with the results.
write_settings()
{
	cat >> "$stage/data/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$stage/data'
		shared_preload_libraries = '$preload'
		shared_buffers = $shared_buffers
		max_wal_size = 16GB
		synchronous_commit = off
		log_line_prefix = '%m %a[%p] '
	END
}

# start_server [BINDIR]: sets PGHOST and the like.
start_server()
{
	stage=$(mktemp -d "${TMPDIR:-/var/tmp}/pgt_bench.XXXXXX")
	trap stop_server EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	chmod 755 "$stage"
	if [ -n "${1:-}" ]
	then
		bin=$1
	else
		install_privately
	fi
	mkdir "$stage/data"
	if [ "$(id -u)" = 0 ]
	then
		chown "$BENCH_USER:" "$stage/data"
		as_user=(setpriv --reuid="$BENCH_USER" --clear-groups
			--regid="$(id -g "$BENCH_USER")" env HOME="$stage" PWD="$stage")
	fi
	cd "$stage"
	"${as_user[@]}" "$bin/initdb" -D data -U postgres -A trust --locale=C \
		--encoding=UTF8 > initdb.log 2>&1 ||
		{ cat initdb.log >&2; die 'initdb failed'; }
	write_settings
	"${as_user[@]}" "$bin/pg_ctl" -D data -w -l data/server.log start \
		> /dev/null || { cat data/server.log >&2; die 'no server'; }
	export PGHOST=$stage/data PGUSER=postgres PGDATABASE=postgres
	unset PGPORT PGOPTIONS PGSERVICE
}

# restart_server [SETTING=VALUE]: with that setting, and no other given so.
restart_server()
{
	"${as_user[@]}" "$bin/pg_ctl" -D "$stage/data" -w -m fast \
		-l "$stage/data/server.log" -o "${1:+-c $1}" restart > /dev/null ||
		{ cat "$stage/data/server.log" >&2; die 'no server'; }
}

stop_server()
{
	[ -n "$stage" ] || return 0
	"${as_user[@]}" "$bin/pg_ctl" -D "$stage/data" -m immediate stop \
		> /dev/null 2>&1 || :
	cd /
	rm -rf "$stage"
}

sql()
{
	"$bin/psql" -X -q -At -v ON_ERROR_STOP=1 -c "$1"
}

# timed_sql REPETITIONS BEFORE MEASURED
#	Prints the milliseconds of each execution of MEASURED, a transaction of its
#	own, as seen by a client that prepared it, with BEFORE run (in another
#	transaction) before each.  In BEFORE, :i is the number of the repetition.
timed_sql()
{
	local i

	{
		echo "PREPARE measured AS $3;"
		for ((i = 1; i <= $1; i++))
		do
			[ -z "$2" ] || echo "${2//:i/$i};"
			echo '\timing on'
			echo 'EXECUTE measured;'
			echo '\timing off'
		done
	} | "$bin/psql" -X -q -At -v ON_ERROR_STOP=1 -o /dev/null |
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}

# The same for what cannot be prepared.
timed_command()
{
	local i

	{
		for ((i = 1; i <= $1; i++))
		do
			[ -z "$2" ] || echo "${2//:i/$i};"
			echo '\timing on'
			echo "$3;"
			echo '\timing off'
		done
	} | "$bin/psql" -X -q -At -v ON_ERROR_STOP=1 -o /dev/null |
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}

# Of numbers, one per line.
median()
{
	sort -g | awk '{ v[NR] = $1 }
		END { if (NR == 0) exit 1
			print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}

minimum()
{
	sort -g | head -n 1
}

# calculate EXPRESSION [FORMAT]
calculate()
{
	awk "BEGIN { printf \"${2:-%.2f}\", $1 }"
}
