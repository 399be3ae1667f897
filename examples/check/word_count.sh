# Proves that the counts of several files are brought together, that bad files are named, and that samples are removed.
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
says err "word_count: cannot read 'nowhere'"
says err "word_count: cannot read '.'"
says out "3 the"

run 0
says out "8 files;"
says out "same counts"
[ "$(awk 'NF == 2 && $1 ~ /^[0-9]+$/ { sum += $1 } END { print sum }' out)" = 2400000 ] || fail "words are missing"
[ -z "$(ls tmp)" ] || fail "the sample files are still there"
