#!/bin/bash
#
# setup.sh check|demo
#	Installs the Debian packages that are missing, and prints the path of the
#	pg_config to build with: that of the newest installed server of a supported
#	version.  PG_CONFIG, if set, decides instead.  With CHECK_BROWSER set, a browser
#	for the tests that can use one is installed, too.
#
# All else that it has to say goes to the standard error.

set -u
versions='18 17 16 15'	# newest first; the Makefile checks them, too
exec 3>&1 1>&2

die()
{
	echo "setup: $*"
	exit 1
}

# --------------------------------------------------------------- the server

server_is_there()
{
	[ -x "/usr/lib/postgresql/$1/bin/postgres" ]
}

headers_are_there()
{
	[ -x "/usr/lib/postgresql/$1/bin/pg_config" ] &&
		[ -f "$("/usr/lib/postgresql/$1/bin/pg_config" --pgxs)" ]
}

# A complete server is best, then one that lacks only its headers.
installed_version()
{
	local version

	for version in $versions
	do
		server_is_there "$version" && headers_are_there "$version" &&
			echo "$version" && return
	done
	for version in $versions
	do
		server_is_there "$version" && echo "$version" && return
	done
	return 1
}

offered_version()
{
	local version

	for version in $versions
	do
		apt-cache show "postgresql-$version" "postgresql-server-dev-$version" \
			> /dev/null 2>&1 && echo "$version" && return
	done
	return 1
}

check_given_pg_config()
{
	local version

	version=$("$PG_CONFIG" --version 2> /dev/null) ||
		die "cannot run \"$PG_CONFIG\""
	version=${version#PostgreSQL }
	[[ " $versions " == *" ${version%%[^0-9]*} "* ]] ||
		die "pg_trickle needs PostgreSQL 15 to 18, but \"$PG_CONFIG\" belongs" \
			"to $version"
	[ -f "$("$PG_CONFIG" --pgxs)" ] ||
		die "\"$PG_CONFIG\" has no PGXS: install the server's development package"
}

# ------------------------------------------------------------- the packages

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

missing()
{
	local package

	for package in "$@"
	do
		is_installed "$package" || echo "$package"
	done
}

as_root()
{
	if [ "$(id -u)" = 0 ]
	then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		$sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# Without a terminal sudo must not ask for a password.
may_install()
{
	sudo='sudo -n'
	[ "$(id -u)" = 0 ] && return
	command -v sudo > /dev/null || return
	$sudo true 2> /dev/null && return
	sudo=sudo
	[ -t 0 ]
}

# Debian makes and starts a cluster when it installs a server.  We do not want
# one; the setting that says so lives no longer than the installation.
no_main_cluster=/etc/postgresql-common/createcluster.d/pg_trickle.conf

allow_main_cluster()
{
	as_root rm -f "$no_main_cluster"
	[ -n "$had_folder" ] ||
		as_root rmdir --ignore-fail-on-non-empty "${no_main_cluster%/*}"
}

install_packages()
{
	local status

	had_folder=$([ -d "${no_main_cluster%/*}" ] && echo yes)
	trap allow_main_cluster EXIT
	as_root mkdir -p "${no_main_cluster%/*}" &&
		echo 'create_main_cluster = false' |
		as_root tee "$no_main_cluster" > /dev/null || exit 1
	as_root apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-upgrade \
		--no-install-recommends "$@" < /dev/null
	status=$?
	allow_main_cluster
	trap - EXIT
	[ $status = 0 ] || die "could not install: $*"
}

wanted_packages()
{
	echo gcc libc6-dev make perl
	[ -z "$version" ] ||
		echo "postgresql-$version postgresql-server-dev-$version"
	[ "$1" = check ] || return
	echo libipc-run-perl libcmocka-dev libpq-dev
	# The layout is checked where Debian has the version that decides on it.
	apt-cache show clang-format-14 > /dev/null 2>&1 && echo clang-format-14
}

# Not needed, but some tests check more with it.  A browser is large: only who
# asks for it by CHECK_BROWSER gets it, and goes without if that fails.
add_browser()
{
	[ "$1" = check ] && [ -n "${CHECK_BROWSER:-}" ] && may_install || return
	[ -n "$(missing chromium)" ] || return
	as_root apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-upgrade \
		--no-install-recommends chromium < /dev/null ||
		echo 'setup: could not install chromium: its tests are skipped'
}

# With PG_CONFIG the server is the caller's business.
choose_version()
{
	version=
	[ -n "${PG_CONFIG:-}" ] || version=$(installed_version) ||
		version=$(offered_version)
}

add_packages()
{
	local packages

	choose_version
	packages=$(missing $(wanted_packages "$1"))
	if [ -z "$packages" ] && [ -n "${PG_CONFIG:-}$version" ]
	then
		return
	fi
	if ! may_install
	then
		[ -n "${PG_CONFIG:-}$version" ] || packages="postgresql $packages"
		die "missing packages, and neither root nor sudo to install them:" \
			$packages
	fi
	as_root apt-get -q update < /dev/null || echo 'setup: apt-get update failed'
	choose_version
	[ -n "${PG_CONFIG:-}$version" ] ||
		die 'this system offers no PostgreSQL from 15 to 18'
	packages=$(missing $(wanted_packages "$1"))
	[ -z "$packages" ] || install_packages $packages
}

# ------------------------------------------------------------------ the run

[ -z "${PG_CONFIG:-}" ] || check_given_pg_config
if command -v apt-get > /dev/null && command -v dpkg-query > /dev/null
then
	add_packages "$1"
	add_browser "$1"
fi
if [ -z "${PG_CONFIG:-}" ]
then
	version=$(installed_version) && headers_are_there "$version" ||
		die 'found no PostgreSQL from 15 to 18 with its headers: set PG_CONFIG'
	PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
fi
echo "$PG_CONFIG" >&3
