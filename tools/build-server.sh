#!/bin/bash
#
# build-server.sh SOURCE FOLDER [cassert|valgrind]
#	Builds a server that checks itself and what it has loaded: with assertions,
#	or with those and what tells valgrind of palloc'ed memory.  SOURCE is an
#	unpacked PostgreSQL of a supported version, and stays as it is; FOLDER becomes
#	the installation.  Prints the path of its pg_config at the end.
#
#	tools/build-server.sh ~/postgresql-15.18 /var/tmp/pg15-cassert
#	make check PG_CONFIG=/var/tmp/pg15-cassert/bin/pg_config
#
# The user who runs the tests must be able to read FOLDER.  What each server is
# good for is in CONTRIBUTING.md.

set -u -o pipefail

die()
{
	echo "build-server: $*" >&2
	exit 1
}

[ $# -ge 2 ] || die 'usage: build-server.sh SOURCE FOLDER [cassert|valgrind]'
source=$1 folder=$2 kind=${3:-cassert} cppflags=''
[ -x "$source/configure" ] || die "\"$source\" is no source of PostgreSQL"
case $kind in
	cassert) ;;
	valgrind) cppflags=-DUSE_VALGRIND ;;
	*) die "a server is \"cassert\" or \"valgrind\", not \"$kind\"" ;;
esac
[[ "$folder" = /* ]] || folder=$PWD/$folder

# The path of the sources is in the debugging information; they stay readable.
mkdir -p "$folder" && cp -a "$source/." "$folder/src/" || exit 1
cd "$folder/src" || exit 1
log=$folder/build.log
{
	# Some tests need ICU or XML; IPC::Run decides whether PostgreSQL's modules
	# for TAP tests are installed.
	options=(--without-readline --without-zlib --without-icu)
	perl -MIPC::Run -e1 2> /dev/null && options+=(--enable-tap-tests)
	pkg-config --exists icu-uc icu-i18n && options+=(--with-icu)
	pkg-config --exists libxml-2.0 && options+=(--with-libxml)
	./configure --prefix="$folder" --enable-cassert --enable-debug \
		"${options[@]}" \
		CPPFLAGS="$cppflags" CFLAGS='-Og -g3 -fno-omit-frame-pointer' &&
		make -s -j"$(nproc)" && make -s install &&
		make -s -j"$(nproc)" -C contrib install
} < /dev/null > "$log" 2>&1 || { tail -20 "$log" >&2; die "see $log"; }
echo "$folder/bin/pg_config"
