# Proves that jobs may wait for jobs a hundred levels deep with a single slot, and that a bad folder, few threads and a
# full disk are told.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/expect.sh"

folder=tree
level=1
while [ $level -le 100 ]; do
    mkdir -p "$folder/side"
    echo "level $level" >"$folder/file"
    echo x >"$folder/side/file"
    folder=$folder/d
    level=$((level + 1))
done
ln -s .. tree/up
bytes=$(find tree -type f -exec cat {} + | wc -c)
run 0 tree
echo $bytes bytes in 200 files, 101 levels | same out

mkdir empty
run 0 empty
echo 0 bytes in 0 files, 1 levels | same out

run 1 nowhere
says err "nested: nowhere: No such file or directory"
run 1 out
says err "nested: out: Not a directory"
run 2 tree empty
says err "usage: nested [--] [FOLDER]"
run 2 --what
says err "usage: nested [--] [FOLDER]"
run 0 --help
says out "usage: nested [--] [FOLDER]"
mkdir ./--what
run 0 -- --what
echo 0 bytes in 0 files, 1 levels | same out

mkfifo empty/fifo
run 0 empty
echo 0 bytes in 0 files, 1 levels | same out
run 1 empty/fifo
says err "nested: empty/fifo: Not a directory"
run 1 /dev/null
says err "nested: /dev/null: Not a directory"
fails_to_print empty
fails_to_print --help

if stacks_are_limited; then
    run_with_stacks 2000000 1 tree
    says err "nested: no thread can be started: Resource temporarily unavailable"
    run_with_stacks 300000 "0 1" tree # the first thread is there, and jobs that wait ask for more
    [ "$status" -eq 0 ] || says err "nested: no thread can be started: Resource temporarily unavailable"
fi
