#!/bin/bash
#
# build-server.sh SOURCE FOLDER [cassert|valgrind|asan]
#	Builds a server that checks itself and what it has loaded: with assertions,
#	or with those and what tells valgrind of palloc'ed memory, or with those and
#	the address and undefined behaviour sanitizers.  SOURCE is an
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

[ $# -ge 2 ] || die 'usage: build-server.sh SOURCE FOLDER [cassert|valgrind|asan]'
source=$1 folder=$2 kind=${3:-cassert} cppflags='' cflags=''
[ -x "$source/configure" ] || die "\"$source\" is no source of PostgreSQL"
case $kind in
	cassert) ;;
	valgrind) cppflags=-DUSE_VALGRIND ;;
	asan) cflags=' -fsanitize=address,undefined -fno-sanitize-recover=undefined' ;;
	*) die "a server is \"cassert\", \"valgrind\" or \"asan\", not \"$kind\"" ;;
esac
[[ "$folder" = /* ]] || folder=$PWD/$folder

# The path of the sources is in the debugging information; they stay readable.
mkdir -p "$folder" && cp -a "$source/." "$folder/src/" || exit 1
cd "$folder/src" || exit 1
log=$folder/build.log

# The sanitizer sees the blocks that come from malloc.  Where palloc tells
# valgrind of the chunks in them, let it tell the sanitizer.
tell_of_palloc()
{
	cat > "$folder/chunks.h" <<-'END'
		#include <sanitizer/asan_interface.h>
		#define VALGRIND_CHECK_MEM_IS_DEFINED(addr, size) ((void) 0)
		#define VALGRIND_CREATE_MEMPOOL(context, redzones, zeroed) ((void) 0)
		#define VALGRIND_DESTROY_MEMPOOL(context) ((void) 0)
		#define VALGRIND_MAKE_MEM_DEFINED(addr, size) \
			ASAN_UNPOISON_MEMORY_REGION(addr, size)
		#define VALGRIND_MAKE_MEM_UNDEFINED(addr, size) \
			ASAN_UNPOISON_MEMORY_REGION(addr, size)
		#define VALGRIND_MAKE_MEM_NOACCESS(addr, size) \
			ASAN_POISON_MEMORY_REGION(addr, size)
		#define VALGRIND_MEMPOOL_ALLOC(context, addr, size) \
			ASAN_UNPOISON_MEMORY_REGION(addr, size)
		#define VALGRIND_MEMPOOL_FREE(context, addr) ((void) 0)
		#define VALGRIND_MEMPOOL_CHANGE(context, before, addr, size) \
			ASAN_UNPOISON_MEMORY_REGION(addr, size)
		#define VALGRIND_MEMPOOL_TRIM(context, addr, size) ((void) 0)
	END
	sed -i -e 's/^#ifdef USE_VALGRIND$/#if 1/' \
		-e 's|^#include <valgrind/memcheck.h>$|#include "chunks.h"|' \
		src/include/utils/memdebug.h && cp "$folder/chunks.h" src/include/
}

# What the sanitizers may not ask of PostgreSQL, which leaves to the system what
# it has not freed and measures the stack's depth by addresses.
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0

[ "$kind" != asan ] || tell_of_palloc
{
	# Some tests need ICU or XML; IPC::Run decides whether PostgreSQL's modules
	# for TAP tests are installed.
	options=(--without-readline --without-zlib --without-icu)
	perl -MIPC::Run -e1 2> /dev/null && options+=(--enable-tap-tests)
	pkg-config --exists icu-uc icu-i18n && options+=(--with-icu)
	pkg-config --exists libxml-2.0 && options+=(--with-libxml)
	./configure --prefix="$folder" --enable-cassert --enable-debug \
		"${options[@]}" \
		CPPFLAGS="$cppflags" CFLAGS="-Og -g3 -fno-omit-frame-pointer$cflags" &&
		make -s -j"$(nproc)" && make -s install &&
		make -s -j"$(nproc)" -C contrib install
} < /dev/null > "$log" 2>&1 || { tail -20 "$log" >&2; die "see $log"; }
echo "$folder/bin/pg_config"
