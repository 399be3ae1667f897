# Proves that the counts of several files are brought together, that bad files are named, that samples are removed.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/expect.sh"

echo "The job runs. The worker waits; the JOB runs again" >one
printf 'job' >two
: >empty
run 0 one two empty
head -n 3 out >top
same top <<'END'
3 job
3 the
2 runs
END
says out "3 files;"
says out "same counts"

run 1 nowhere one .
says err "word_count: cannot read 'nowhere': No such file or directory"
says err "word_count: cannot read '.': it is a directory"
says out "3 the"
mkfifo fifo
run 1 one fifo /dev/zero
says err "word_count: cannot read 'fifo': it is no regular file"
says err "word_count: cannot read '/dev/zero': it is no regular file"
says out "2 job"

run 0 --help
says out "usage: word_count [--] [FILE...]"
run 2 -x
says err "word_count: what is '-x'?"
says err "usage: word_count [--] [FILE...]"
cp one ./-x
run 0 -- -x
says out "2 job"
fails_to_print one
fails_to_print --help

if stacks_are_limited; then
    run_with_stacks 2000000 1 one
    says err "word_count: no thread can be started: Resource temporarily unavailable"
    run_with_stacks 2000000 1
    says err "word_count: no thread can be started: Resource temporarily unavailable"
    [ -z "$(ls tmp)" ] || fail "the sample files are still there"
    run_with_stacks 300000 0 one two empty # fewer threads than jobs
    says out "same counts"
fi

run_with_files 100 1
says err "sample0.txt': File too large"
[ -z "$(ls tmp)" ] || fail "the sample files are still there"
interrupt

run 0
says out "8 files;"
says out "same counts"
[ "$(awk 'NF == 2 && $1 ~ /^[0-9]+$/ { sum += $1 } END { print sum }' out)" = 2400000 ] || fail "words are missing"
[ -z "$(ls tmp)" ] || fail "the sample files are still there"
