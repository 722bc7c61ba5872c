#!/bin/bash
#
# update_docs.sh
#	Runs the demo and makes docs/demo.md what it printed.

set -eu
cd "$(dirname "$0")/.."
make --no-print-directory demo
cp tmp_check/demo/demo.md docs/demo.md
