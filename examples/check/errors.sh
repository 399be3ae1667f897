# Proves that exceptions reach the future and the callbacks, and end neither the pool nor the program; that few
# threads and a full disk are told.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/expect.sh"

run 0
same out <<'END'
1. With a future, get() throws what the job threw:
   caught: 'forty' is not an age
2. Without one, nothing happens; the pool and the program go on:
   age 41
3. A callback hears of every job, so that no failure passes unseen:
   log: '151' is not an age
   log: something that is no std::exception
   log: '' is not an age
   1 done, 3 failed
END
[ ! -s err ] || fail "something went to standard error"
fails_to_print
if stacks_are_limited; then
    run_with_stacks 2000000 1
    says err "errors: no thread can be started: Resource temporarily unavailable"
fi
