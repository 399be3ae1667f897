# Proves that thumbnails have the right size and place, that bad pictures are named and stop no other one,
# and that nothing half-written is left by whatever goes wrong.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/expect.sh"

# size FILE: height and width out of a JPEG's frame header, in hexadecimal.
size() {
    od -An -v -tx1 "$1" | tr -d ' \n' | sed -n 's/^ffd8ff.*ffc0001108\(....\)\(....\).*$/\1 \2/p'
}

run 0 -n 2 -o made
[ "$(grep -c 'picture[0-5].png: [0-9]* -> [0-9]* bytes' out)" = 6 ] || { cat out; fail "not six pictures"; }
[ -z "$(ls tmp)" ] || fail "the pictures that it made are still there"
for i in 0 1 2 3 4 5; do
    [ "$(size made/picture$i.thumb.jpg)" = "0096 00c8" ] || fail "picture$i.thumb.jpg is not 200 x 150"
    says out "-> $(wc -c <made/picture$i.thumb.jpg | tr -d ' ') bytes"
done

# A PNG of one pixel, and the JPEG files from above.
printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\0\001\0\0\0\001\010\002\0\0\0\220wS\336' >dot.png
printf '\0\0\0\014IDATx\234c\370\317\300\0\0\003\001\001\0\311\376\222\357\0\0\0\0IEND\256B`\202' >>dot.png
cp made/picture0.thumb.jpg photo.jpeg
cp photo.jpeg dot.jpg
echo text >text.png
head -c 300 photo.jpeg >half.jpg
mkdir folder.png
run 1 nowhere.jpg dot.png text.png photo.jpeg folder.png dot.jpg half.jpg
[ "$(wc -l <out)" -eq 2 ] || { cat out; fail "not two thumbnails"; }
[ "$(size dot.thumb.jpg)" = "0001 0001" ] || fail "dot.thumb.jpg is not 1 x 1"
[ "$(size photo.thumb.jpg)" = "0096 00c8" ] || fail "photo.thumb.jpg is not 200 x 150"
says err "process_image: nowhere.jpg: No such file or directory"
says err "process_image: text.png: no PNG or JPEG picture"
says err "process_image: folder.png: it is a directory"
says err "process_image: dot.jpg: dot.thumb.jpg is made from another picture already"
says err "process_image: half.jpg: no PNG or JPEG picture"
[ "$(wc -l <err)" -eq 5 ] || { cat err; fail "not five complaints"; }

run 1 -o text.png photo.jpeg
says err "text.png"
mkdir -p taken/photo.thumb.jpg
run 1 -o taken photo.jpeg
says err "process_image: photo.jpeg: cannot write taken/photo.thumb.jpg: "
[ "$(ls taken)" = photo.thumb.jpg ] || fail "half a thumbnail is left: $(ls taken)"
mkfifo fifo.png
run 1 fifo.png /dev/zero
says err "process_image: fifo.png: it is no regular file"
says err "process_image: /dev/zero: it is no regular file"
run 2 -n 0 photo.jpeg
says err "background::n"
run 2 -n many photo.jpeg
says err "-n takes a number, not 'many'"
run 2 -x
says err "what is '-x'?"
run 2 photo.jpeg -o
says err "usage: process_image"

run 0 --help
says out "usage: process_image [-n JOBS] [-o FOLDER] [--] [PICTURE...]"
says out "EXIF"
cp photo.jpeg ./-x
run 0 -o dashes -- -x
[ "$(size dashes/-x.thumb.jpg)" = "0096 00c8" ] || fail "-x.thumb.jpg is not 200 x 150"
fails_to_print photo.jpeg
fails_to_print --help

if stacks_are_limited; then
    run_with_stacks 2000000 1 photo.jpeg
    says err "process_image: no thread can be started: Resource temporarily unavailable"
    run_with_stacks 2000000 1
    [ -z "$(ls tmp)" ] || fail "the pictures that it made are still there"
fi

# The old thumbnail stays.
mkdir full
echo old >full/photo.thumb.jpg
run_with_files 1 1 -o full photo.jpeg
says err "process_image: photo.jpeg: cannot write full/photo.thumb.jpg: File too large"
[ "$(ls full)" = photo.thumb.jpg ] || fail "half a thumbnail is left: $(ls full)"
echo old | same full/photo.thumb.jpg
run_with_files 1 1
says err "picture0.png: File too large"
[ -z "$(ls tmp)" ] || fail "the pictures that it made are still there"
interrupt

if script -qec true /dev/null >/dev/null 2>&1; then
    script -qec "stty cols 30; '$program' photo.jpeg" /dev/null >terminal </dev/null
    tr '\r' '\n' <terminal | grep '\] [01] of 1' >bars || fail "no bar: $(cat terminal)"
    ! grep '^.\{30\}' bars || fail "a bar of 30 columns or more wraps"
    says terminal "photo.jpeg: "
fi
