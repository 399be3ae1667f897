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

# fails_to_print ARGUMENT...: demands that a full disk behind standard output is told, and ends it with status 1.
fails_to_print() {
    [ -c /dev/full ] || { echo "left out, as there is no /dev/full: $*"; return 0; }
    status=0
    "$program" "$@" >/dev/full 2>err || status=$?
    [ "$status" -eq 1 ] || { cat err; fail "'$*' >/dev/full ends with status $status, not 1"; }
    says err "No space left on device"
}

# run_with_stacks KIB STATUS ARGUMENT...: as run, with 1000 MB of memory and stacks so large: few threads, or none, fit.
run_with_stacks() {
    stacks=$1 expected=$2
    shift 2
    status=0
    (ulimit -s "$stacks" && ulimit -v 1000000 && exec "$program" "$@") >out 2>err || status=$?
    case " $expected " in *" $status "*) ;; *)
        cat out err
        fail "'$*' with few threads ends with status $status, not $expected" ;;
    esac
}
# run_with_files BLOCKS STATUS ARGUMENT...: as run, with files of so many blocks at most. What a full disk says is said
# in other words then.
run_with_files() {
    blocks=$1 expected=$2
    shift 2
    status=0
    (trap '' XFSZ && ulimit -f "$blocks" && exec "$program" "$@") >out 2>err || status=$?
    [ "$status" -eq "$expected" ] || { cat out err; fail "'$*' with short files ends with status $status, not $expected"; }
}
# Whether the system lets one do that, and threads take the stack that the limit says.
stacks_are_limited() {
    (ulimit -s 2000000 && ulimit -v 1000000 && exec sh -c :) >/dev/null 2>&1 &&
        ! ldd "$program" 2>&1 | grep -q musl || { echo "left out: threads cannot be refused here"; return 1; }
}

# interrupt ARGUMENT...: Ctrl-C as soon as the program has made something in $TMPDIR; nothing may be left there. A
# program that was quicker is started again.
interrupt() {
    tries=0 status=0
    while [ "$status" -ne 130 ]; do
        tries=$((tries + 1))
        [ "$tries" -le 50 ] || fail "Ctrl-C does not end '$*' with status 130, but with $status"
        "$program" "$@" >out 2>err &
        process=$!
        until [ -n "$(ls "$TMPDIR")" ] || ! kill -0 $process 2>/dev/null; do :; done
        kill -INT $process 2>/dev/null || :
        status=0
        wait $process || status=$?
        [ -z "$(ls "$TMPDIR")" ] || fail "after Ctrl-C there is left: $(ls "$TMPDIR")"
        case $status in 0 | 130) ;; *) cat out err; fail "'$*' ends with status $status" ;; esac
    done
}
