# Proves that web_server says what is wrong with its command line, its database and its port.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/expect.sh"

run 0 --help
says out "usage: web_server MAILHOST:PORT DATABASE [PORT]"
run 2
says err "usage: web_server MAILHOST:PORT DATABASE [PORT]"
run 2 localhost database
says err "needs MAILHOST:PORT and a database"
run 2 localhost:mail database
says err "'mail' is not a port"
run 2 localhost:25 database 65536
says err "'65536' is not a port"
run 2 localhost:25 database 80 more
says err "usage:"
run 1 localhost:25 nowhere/database
says err "cannot use the database 'nowhere/database': unable to open database file"
echo "this is a text of more than a hundred characters, so that nobody takes it for an empty database: $program" >text
run 1 localhost:25 text
says err "cannot use the database 'text': file is not a database"

mkfifo started
"$program" localhost:25 database >started &
first=$!
trap 'kill -KILL $first 2>/dev/null || :' EXIT
read -r url <started
run 1 localhost:25 another "${url##*:}"
says err "cannot listen on port ${url##*:}"
kill -TERM $first
wait $first || fail "SIGTERM does not end it with status 0"
