#!/bin/sh
# Compiles and runs every C++ block of a Markdown page, or compares it with the file that it is taken from.
# SPDX-License-Identifier: MIT
#
#     tests/readme.sh README.md include scratch-directory compiler [flag...]
#
# The rule, for every block fenced by ```cpp:
# - With `int main(` in it, it is a program: it must compile without a warning and end with 0. Where a block fenced by
#   ```text follows directly, the program must print just that; if `<!-- in any order -->` stands between, the same lines.
# - Any other block is the body of a function; one that begins with `namespace`, `template`, `class`, `struct` or the name
#   of a type at the end of a declared function's first line stands outside of one. All these blocks, each in a namespace
#   of its own, are one program that runs them in turn.
# - An HTML comment directly before the block that begins with a line `<!-- cpp` and ends with a line `-->` is compiled
#   in front of it: what the page does not show. #include lines go to the top.
# - After a comment `<!-- from FILE -->` the block must stand in that file of the repository: a program as the whole of
#   it, any other as lines that follow each other, however far to the right. Others compile and run the file.
# "Directly" means: with nothing but empty lines between.
set -eu
page=$1 include=$2 scratch=$3
shift 3
root=$(dirname "$page")

rm -rf "$scratch"
mkdir -p "$scratch"

# N is the line where a block begins. Writes N.cpp and N.text for a program; N.part and N.from for a block that is taken
# from a file; blocks.includes and blocks.bodies for all the others.
awk -v scratch="$scratch" '
    function write(text, file, from,    lines, count, line) { # without #include lines, which keep their place
        count = split(text, lines, "\n")
        if (from) print "#line " from " \"README.md\"" > file
        for (line = 1; line < count; ++line) print lines[line] ~ /^#include/ ? "" : lines[line] > file
    }
    function includes(text, file,    lines, count, line) {
        count = split(text, lines, "\n")
        for (line = 1; line < count; ++line) if (lines[line] ~ /^#include/) print lines[line] > file
    }
    function finish(    file, main, outside) {
        main = body ~ /(^|\n)int main\(/
        program = main ? start : 0
        if (from) {
            print from > (scratch "/" start ".from")
            printf "%s", body > (scratch "/" start (main ? ".whole" : ".part"))
        }
        if (main) {
            file = scratch "/" start ".cpp"
            includes(hidden body, file)
            write(hidden, file)
            write(body, file, start + 1)
            close(file)
        } else if (!from) {
            outside = body ~ /^(namespace|template|class|struct) /
            file = scratch "/blocks.bodies"
            includes(hidden body, scratch "/blocks.includes")
            print "namespace block_" start " {" > file
            write(hidden, file)
            print outside ? "" : "void block() {" > file
            write(body, file, start + 1)
            print (outside ? "void block() {}" : "}") "\n}" > file
            blocks = blocks "    std::fputs(\"README.md:" start "\\n\", stderr);\n    block_" start "::block();\n"
        }
        hidden = from = ""
    }
    state == "cpp" && /^```/     { finish(); state = ""; next }
    state == "cpp"               { body = body $0 "\n"; next }
    state == "text" && /^```/    { close(file); state = ""; program = 0; next }
    state == "text"              { print > file; next }
    state == "other" && /^```/   { state = ""; next }
    state == "other"             { next }
    state == "hidden" && /^-->/  { state = ""; next }
    state == "hidden"            { hidden = hidden $0 "\n"; next }
    /^[ \t]*$/                   { next }
    /^```cpp$/                   { state = "cpp"; body = ""; start = NR; next }
    /^```text$/ && program       { state = "text"; file = scratch "/" program ".text"; printf "" > file; next }
    /^<!-- in any order -->$/    { printf "" > (scratch "/" program ".any_order"); next }
    /^```/                       { state = "other"; program = 0; hidden = from = ""; next }
    /^<!-- cpp$/                 { state = "hidden"; hidden = from = ""; program = 0; next }
    /^<!-- from [^ ]* -->$/      { from = $3; hidden = ""; program = 0; next }
                                 { program = 0; hidden = from = "" }
    END {
        if (state != "") { print "the page ends within a block"; exit 1 }
        print "int main() {\n" blocks "    background::wait();\n}" > (scratch "/blocks.bodies")
    }
' "$page"

failures=0
fail() {
    echo "README.md:$1: $2"
    failures=$((failures + 1))
}

for names in "$scratch"/*.from; do
    line=$(basename "$names" .from)
    file=$(cat "$names")
    if [ -e "$scratch/$line.whole" ]; then
        diff "$scratch/$line.whole" "$root/$file" || fail "$line" "this is not $file"
    else
        sed 's/^ *//' "$scratch/$line.part" >"$scratch/$line.left"
        sed 's/^ *//' "$root/$file" | awk -v part="$scratch/$line.left" '
            { file = file "\n" $0 }
            END {
                while ((getline text < part) > 0) wanted = wanted "\n" text
                exit !(wanted != "" && index(file "\n", wanted "\n"))
            }' || fail "$line" "this does not stand in $file"
    fi
done

for file in "$scratch"/*.cpp; do
    line=$(basename "$file" .cpp)
    output=$scratch/$line.output text=$scratch/$line.text
    if ! "$@" -std=c++17 -Wall -Wextra -Werror -pthread "-I$include" -o "$scratch/$line" "$file"; then
        fail "$line" "the program does not compile"
    elif ! "$scratch/$line" >"$output"; then
        fail "$line" "the program fails"
    elif [ -e "$scratch/$line.any_order" ] && sort -o "$output" "$output" && sort -o "$text" "$text" && false; then
        :
    elif [ -e "$text" ] && ! diff "$text" "$output"; then
        fail "$line" "the program prints something else"
    fi
done

all=$scratch/blocks.all.cpp
{
    echo '#include <background.hpp>'
    sort -u "$scratch/blocks.includes"
    for header in chrono cstdio iostream string thread vector; do echo "#include <$header>"; done
    cat "$scratch/blocks.bodies"
} >"$all"
if ! "$@" -std=c++17 -pthread "-I$include" -o "$scratch/blocks" "$all"; then
    fail 1 "a block does not compile"
elif ! "$scratch/blocks" >"$scratch/blocks.output" 2>&1 </dev/null; then
    tail -n 5 "$scratch/blocks.output"
    fail 1 "a block fails"
fi

ls "$scratch" | awk -v failures="$failures" '
    /\.from$/            { ++taken }
    /^[0-9]*\.cpp$/      { ++programs }
    END { print programs + 0 " programs, " taken + 0 " blocks taken from files, " failures " failures" }'
grep -c '^namespace block_' "$scratch/blocks.bodies"
[ "$failures" -eq 0 ] && ls "$scratch"/*.cpp "$scratch"/*.from >/dev/null
