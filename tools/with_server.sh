#!/bin/bash
#
# with_server.sh FOLDER [ARGUMENT...]
#	Runs FOLDER/run.sh with a server of its own that has the extension preloaded.
#
# The script runs in a copy of FOLDER, as a user who may run a server.  psql and
# the like find the server by themselves (PGHOST and so on are set), the server's
# programs are on the path, and ./server.conf, if there is one, holds the server's
# settings.  What the script writes to $OUT is copied to tmp_check/FOLDER.

. "$(dirname "$0")/stage.sh"

folder=$1
shift
make_stage
build all
make_installation
copy_folder "$folder"
make_cluster_template
settings=$stage/$folder/server.conf
[ -f "$settings" ] || settings=$tree/test/regress.conf
"${as_user[@]}" mkdir "$stage/out/$folder"
start_cluster "$folder" preload "$settings" ||
	{ tail -30 "$stage/out/$folder/server.log"; die 'the server did not start'; }

cd "$stage/$folder" || exit 1
"${as_user[@]}" PATH="$bin:$PATH" PGHOST="$stage/run/$folder" PGPORT=5432 \
	PGUSER=postgres PGDATABASE=postgres PG_CONFIG="$bin/pg_config" \
	OUT="$stage/out/$folder" bash run.sh "$@" <&0 &
wait $!
status=$?
mkdir -p "$tree/tmp_check" && rm -rf "$tree/tmp_check/$folder" &&
	cp -r --no-preserve=ownership "$stage/out/$folder" "$tree/tmp_check/"
exit $status
