# Proves that main says "All emails queued." before any email is sent, and that all three are sent nevertheless.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/expect.sh"

run 0
[ "$(head -n 1 out)" = "All emails queued." ] || { cat out; fail "the first line is another one"; }
tail -n +2 out | sort >sent
same sent <<'END'
Sent 'Welcome' to alice@example.com
Sent 'Welcome' to bob@example.com
Sent 'Welcome' to carol@example.com
END
[ ! -s err ] || fail "something went to standard error"
