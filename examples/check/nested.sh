# Proves that jobs may wait for jobs a hundred levels deep with a single slot, and that a bad folder is named.
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
says err "usage: nested [FOLDER]"
