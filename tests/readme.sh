#!/bin/sh
# Compiles and runs every C++ block of a Markdown page, or compares it with the file that it is taken from.
# SPDX-License-Identifier: MIT
#
#     tests/readme.sh README.md include scratch-directory compiler [flag...]
#
# The rule, for every block fenced by ```cpp:
# - With `int main(` in it, it is a program: it must compile without a warning and end with 0. Where a block fenced by
#   ```text follows directly, the program must print just that; after `<!-- in any order -->`, the same lines.
# - Any other block is the body of a function; one that begins with `namespace`, `template`, `class`, `struct` or the
#   head of a function stands outside of one. All these, each in a namespace of its own, are one program, which runs
#   them in turn.
# - A comment `<!-- cpp CODE -->` directly before the block is compiled in front of it: what the page does not show.
#   #include lines go to the top; what else the page leaves out, for want of space, is in `headers` below.
# - After a comment `<!-- from FILE... -->` the block must stand in these files of the repository, which other tests
#   compile and run: a program as the whole file, else each paragraph as lines that follow each other, however far to
#   the right.
# "Directly" means: with nothing but empty lines between.
set -eu
page=$1 include=$2 scratch=$3
shift 3
root=$(dirname "$page")
headers=$(printf '#include <%s>\n' background.hpp chrono condition_variable cstdio functional future iostream memory \
    mutex queue string thread vector)
export headers

rm -rf "$scratch"
mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)

# N is the line where a block begins. Writes N.cpp and N.text for a program; N.part and N.from for a block that is taken
# from a file; blocks.includes and blocks.bodies for all the others.
awk -v scratch="$scratch" '
    function write(text, file,    lines, count, line) { # without the #include lines, whose place stays empty
        count = split(text, lines, "\n")
        print "#line " start + 1 " \"README.md\"" > file
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
            includes(body, file)
            if (hidden) printf "%s\n%s", ENVIRON["headers"], hidden > file
            write(body, file)
            close(file)
        } else if (!from) {
            outside = body ~ /^(namespace|template|class|struct) / || body ~ /^[a-z_:<>]+ [a-z_]+\([^\n]*\) \{\n/
            file = scratch "/blocks.bodies"
            includes(body, scratch "/blocks.includes")
            printf "namespace block_%d {\n%s", start, hidden > file
            print outside ? "" : "void block() {" > file
            write(body, file)
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
    /^[ \t]*$/                   { next }
    /^```cpp$/                   { state = "cpp"; body = ""; start = NR; next }
    /^```text$/ && program       { state = "text"; file = scratch "/" program ".text"; printf "" > file; next }
    /^<!-- in any order -->$/    { printf "" > (scratch "/" program ".any_order"); next }
    /^```/                       { state = "other"; program = 0; hidden = from = ""; next }
    /^<!-- cpp .* -->$/          { hidden = substr($0, 10, length - 13) "\n"; from = ""; program = 0; next }
    /^<!-- from .* -->$/         { from = substr($0, 11, length - 14); hidden = ""; program = 0; next }
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
    [ -e "$names" ] || continue
    line=$(basename "$names" .from)
    files=$(cat "$names")
    if [ -e "$scratch/$line.whole" ]; then
        diff "$scratch/$line.whole" "$root/$files" || fail "$line" "this is not $files"
        continue
    fi
    # shellcheck disable=SC2086
    (cd "$root" && awk '
        { sub(/^ */, "") }
        NR == FNR { if ($0) part[count + 0] = part[count + 0] "\n" $0; else ++count; next }
                  { whole = whole "\n" $0 }
        END {
            for (i = 0; i <= count; ++i)
                if (!index(whole "\n", part[i] "\n")) { print part[i]; lost = 1 }
            exit lost
        }' "$scratch/$line.part" $files) || fail "$line" "this does not stand in $files"
done

programs=0
for file in "$scratch"/*.cpp; do
    line=$(basename "$file" .cpp)
    output=$scratch/$line.output text=$scratch/$line.text
    programs=$((programs + 1))
    if ! "$@" -std=c++17 -Wall -Wextra -Werror -pthread "-I$include" -o "$scratch/$line" "$file"; then
        fail "$line" "the program does not compile"
        continue
    fi
    "$scratch/$line" >"$output" || fail "$line" "the program fails"
    [ -e "$text" ] || continue
    if [ -e "$scratch/$line.any_order" ]; then
        sort -o "$output" "$output"
        sort -o "$text" "$text"
    fi
    diff "$text" "$output" || fail "$line" "the program prints something else"
done

{
    echo "$headers"
    if [ -e "$scratch/blocks.includes" ]; then cat "$scratch/blocks.includes"; fi
    cat "$scratch/blocks.bodies"
} >"$scratch/blocks.cpp"
if ! "$@" -std=c++17 -pthread "-I$include" -o "$scratch/blocks" "$scratch/blocks.cpp"; then
    fail 1 "a block does not compile"
elif ! "$scratch/blocks" >"$scratch/blocks.output" 2>&1 </dev/null; then
    tail -n 5 "$scratch/blocks.output" # the last line that names the page says where
    fail 1 "a block fails"
fi

blocks=$(grep -c '^namespace block_' "$scratch/blocks.bodies") || :
taken=$(find "$scratch" -name '*.from' | wc -l)
echo "$programs programs, $blocks other blocks, $taken of the page's blocks taken from files, $failures failures"
[ "$failures" -eq 0 ] && [ "$programs" -gt 0 ] && [ "$blocks" -gt 0 ]
