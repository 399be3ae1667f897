#!/bin/sh
# Compiles every C++ block of a Markdown page, and runs the programs among them.
# SPDX-License-Identifier: MIT
#
#     tests/readme.sh README.md include scratch-directory compiler [flag...]
#
# The rule, for every block fenced by ```cpp:
# - With `int main(` in it, it is a program: it must compile without a warning and end with 0. Where a block fenced by
#   ```text follows directly, the program must print just that.
# - Any other block must compile as the body of a function, after all #include lines of the block and the declarations,
#   if any, of an HTML comment directly before the block that begins with a line `<!-- cpp` and ends with a line `-->`.
#   A block that begins with `namespace`, `template`, `class` or `struct` stands outside of a function.
# "Directly" means: with nothing but empty lines between.
set -eu
page=$1 include=$2 scratch=$3
shift 3

rm -rf "$scratch"
mkdir -p "$scratch"

# Writes N.cpp for each block, and N.text for the text that follows a program; N is the line where the block begins.
awk -v scratch="$scratch" '
    function finish(    file, line, count, lines, main, outside) {
        file = scratch "/" start ".cpp"
        main = body ~ /(^|\n)int main\(/
        outside = main || body ~ /^(namespace|template|class|struct) /
        count = split(body, lines, "\n")
        if (!main) print "#include <background.hpp>" > file
        for (line = 1; line <= count; ++line)
            if (lines[line] ~ /^#include/) print lines[line] > file
        if (!main) printf "#include <chrono>\n#include <cstdio>\n#include <iostream>\n#include <string>\n" \
            "#include <thread>\n#include <vector>\n%s", hidden > file
        if (!outside) print "void block();\nvoid block()\n{" > file
        print "#line " start + 1 " \"README.md\"" > file
        for (line = 1; line < count; ++line)
            print lines[line] ~ /^#include/ ? "" : lines[line] > file
        if (!outside) print "}" > file
        close(file)
        program = main ? start : 0
        hidden = ""
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
    /^```/                       { state = "other"; program = 0; hidden = ""; next }
    /^<!-- cpp$/                 { state = "hidden"; hidden = ""; program = 0; next }
                                 { program = 0; hidden = "" }
    END                          { if (state != "") { print "the page ends within a block"; exit 1 } }
' "$page"

blocks=0 programs=0 failures=0
fail() {
    echo "README.md:$line: $1"
    failures=$((failures + 1))
}
for file in "$scratch"/*.cpp; do
    line=$(basename "$file" .cpp)
    blocks=$((blocks + 1))
    if ! grep -q '^int main(' "$file"; then
        "$@" -std=c++17 -pthread "-I$include" -fsyntax-only "$file" || fail "the block does not compile"
        continue
    fi
    programs=$((programs + 1))
    if ! "$@" -std=c++17 -Wall -Wextra -Werror -pthread "-I$include" -o "$scratch/$line" "$file"; then
        fail "the program does not compile"
    elif ! "$scratch/$line" >"$scratch/$line.output"; then
        fail "the program fails"
    elif [ -e "$scratch/$line.text" ] && ! diff "$scratch/$line.text" "$scratch/$line.output"; then
        fail "the program prints something else"
    fi
done
echo "$blocks blocks, $programs of them programs, $failures failures"
[ "$failures" -eq 0 ] && [ "$programs" -gt 0 ]
