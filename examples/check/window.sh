# Proves what check/window.cpp says, and that window says what is wrong with its command line.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/expect.sh"
export QT_QPA_PLATFORM=offscreen
unset QT_SCALE_FACTOR QT_STYLE_OVERRIDE

mkdir pictures many more one
CHECK=show run 0 pictures
says out "a hundred times"
says out "the window says so in words"
CHECK=cancel run 0 many
says out "the one that runs finishes, the others are cancelled"
CHECK=outlive run 0 more
says out "the application is there until the last job ends"
export MALLOC_PERTURB_=165 # what is freed is of no use any more
CHECK=late run 0 one
says out "reaches no dead window"

run 0 --help
says out "usage: window [FOLDER]"
run 2 one two
says err "usage: window [FOLDER]"
run 2 --what
says err "usage: window [FOLDER]"
run 1 nowhere
says err "window: there is no folder 'nowhere'"
run 1 -- --what
says err "window: there is no folder '--what'"
