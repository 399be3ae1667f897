#!/bin/sh
# Prints what a hundred functions with one call each cost: seconds to compile, and bytes of code and constants.
#
#   tests/cost.sh [COUNT [COMPILER [FLAG...]]]     by default: 100 c++ -O2
#
# SPDX-License-Identifier: MIT
set -eu
include=$(cd "$(dirname "$0")/../include" && pwd)
count=${1:-100}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- c++ -O2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure NAME HEADER CALL COMPILER [FLAG...]: CALL stands before the callable.
measure() {
    name=$1 header=$2 call=$3
    shift 3
    {
        echo "#include <$header>"
        for i in $(seq "$count"); do
            echo "std::future<int> f$i(int x) { return $call[x] { return x + $i; }); }"
        done
    } >"$work/many.cpp"
    before=$(date +%s%N)
    "$@" -std=c++17 -pthread "-I$include" -c "$work/many.cpp" -o "$work/many.o"
    after=$(date +%s%N)
    size "$work/many.o" | awk -v name="$name" -v ms=$(((after - before) / 1000000)) \
        'NR == 2 { printf "%-16s %5.1f s %8d bytes\n", name, ms / 1000, $1 }'
}
measure background::run background.hpp 'background::run(' "$@"
measure std::async future 'std::async(std::launch::async, ' "$@"
