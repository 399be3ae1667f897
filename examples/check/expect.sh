# What the checks share: $program is what they judge, and they stand in a fresh folder of their own.
# SPDX-License-Identifier: MIT
set -eu
program=$1
rm -rf "$2"
mkdir -p "$2/tmp"
cd "$2"
export TMPDIR="$2/tmp" LC_ALL=C

fail() {
    echo "BROKEN: $*" >&2
    exit 1
}

# run STATUS ARGUMENT...: runs the program, keeps what it prints in the files out and err, demands the exit status.
run() {
    expected=$1
    shift
    status=0
    "$program" "$@" >out 2>err || status=$?
    [ "$status" -eq "$expected" ] || { cat out err; fail "'$*' ends with status $status, not $expected"; }
}

# says FILE TEXT: demands a line of the file that has the text.
says() {
    grep -qF -e "$2" "$1" || { cat "$1"; fail "'$1' has no line with '$2'"; }
}

# same FILE: demands that the file is what comes on standard input.
same() {
    diff - "$1" || fail "'$1' is not what was expected"
}
