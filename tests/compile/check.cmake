# One check of tests/compile, run with cmake -P. MODE says which:
#   rejects  SOURCE fails to compile and its first error line contains EXPECTED; with -DCORRECT it compiles
#   accepts  SOURCE compiles without a word at each of LEVELS
#   runs     SOURCE compiles and links without a word, and the program ends with 0
#   mixes    SOURCE and the units of tests/shared, compiled for three standards, one of them by OTHER, link in either
#            order, and the program ends with 0
#   parses   SOURCE has no errors
#   names    HEADER and SOURCE, which uses it, have no errors where all names that occur in HEADER have been declared in
#            the global namespace before, as what FORM says: struct, template, function, variable; but for names that
#            INCLUDES, the headers that it includes, have there themselves
#   symbols  every symbol of SOURCE compiled that names the library names its version, too
#   macros   HEADER defines BACKGROUND_VERSION and no other macro beyond those of SOURCE, the headers that it includes
#   form     HEADER is ASCII without tabs or trailing blanks, at most 1455 lines
# SPDX-License-Identifier: MIT
separate_arguments(FLAGS)
get_filename_component(include "${HEADER}" DIRECTORY)
get_filename_component(generated "${OUTPUT}" DIRECTORY)

# compile(<argument>...): sets `failed` and `output`.
macro(compile)
    execute_process(COMMAND "${CXX}" ${FLAGS} "-I${include}" "-I${generated}" ${ARGN}
        RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
endmacro()

if(MODE STREQUAL "rejects")
    compile(-fsyntax-only "${SOURCE}")
    if(NOT failed)
        message(FATAL_ERROR "${SOURCE} compiles")
    endif()
    string(REGEX MATCH "[^\n]*error: [^\n]*" first "${output}")
    # Clang has words of its own for parentheses where braces belong.
    if(NOT first MATCHES "error: (.*background(: |[.]hpp).*${EXPECTED}|cannot use parentheses when declaring)")
        message(FATAL_ERROR "The first error says nothing of '${EXPECTED}':\n${first}\n\n${output}")
    endif()
    message(STATUS "${first}")
    if(NOT FLAGS MATCHES "-DCORRECT") # what is rejected is the mistake and nothing else
        compile(-fsyntax-only -DCORRECT "${SOURCE}")
        if(failed)
            message(FATAL_ERROR "With the mistake corrected it does not compile either:\n${output}")
        endif()
    endif()

elseif(MODE STREQUAL "accepts")
    separate_arguments(LEVELS)
    foreach(level IN LISTS LEVELS)
        compile(${level} -c "${SOURCE}" -o "${OUTPUT}.o")
        if(failed OR output)
            message(FATAL_ERROR "${level}:\n${output}")
        endif()
    endforeach()

elseif(MODE STREQUAL "runs")
    compile("${SOURCE}" -o "${OUTPUT}.program")
    if(failed OR output)
        message(FATAL_ERROR "${output}")
    endif()
    execute_process(COMMAND "${OUTPUT}.program" RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "The program ended with ${failed}")
    endif()

elseif(MODE STREQUAL "mixes")
    get_filename_component(shared "${CMAKE_CURRENT_LIST_DIR}/../shared" ABSOLUTE)
    # unit(<name> <compiler> <source> <flag>...): compiles one unit.
    function(unit name compiler source)
        set(CXX "${compiler}")
        compile(${ARGN} -pthread -c "${source}" -o "${OUTPUT}.${name}.o")
        if(failed)
            message(FATAL_ERROR "${source}, ${compiler} ${ARGN}:\n${output}")
        endif()
    endfunction()
    unit(main "${CXX}" "${SOURCE}" -std=c++17 -O2)
    unit(a "${OTHER}" "${shared}/a.cpp" -std=c++20 -O0)
    unit(b "${CXX}" "${shared}/b.cpp" -std=c++2b -O1 -DNDEBUG -D_GLIBCXX_DEBUG -fno-rtti -fvisibility=hidden)
    foreach(order IN ITEMS "main;a;b" "b;a;main") # what several units define, the linker takes from the first
        set(objects "")
        foreach(name IN LISTS order)
            list(APPEND objects "${OUTPUT}.${name}.o")
        endforeach()
        compile(${objects} -pthread -o "${OUTPUT}.program")
        if(failed)
            message(FATAL_ERROR "${order}:\n${output}")
        endif()
        execute_process(COMMAND "${OUTPUT}.program" RESULT_VARIABLE failed OUTPUT_VARIABLE output)
        if(failed)
            message(FATAL_ERROR "${order}: the program ended with ${failed}\n${output}")
        endif()
    endforeach()

elseif(MODE STREQUAL "parses")
    compile(-fsyntax-only "${SOURCE}")
    if(failed)
        message(FATAL_ERROR "${output}")
    endif()

elseif(MODE STREQUAL "names")
    file(READ "${HEADER}" text)
    string(REGEX REPLACE "//[^\n]*" "" text "${text}")
    string(REGEX REPLACE "\n *#[^\n]*" "" text "\n${text}")
    string(REGEX REPLACE "\"([^\"\\\\]|\\\\.)*\"" "" text "${text}")
    string(REGEX MATCHALL "[A-Za-z_][A-Za-z_0-9]*" names "${text}")
    list(REMOVE_DUPLICATES names)
    set(keywords alignas alignof and asm auto bitand bitor bool break case catch char char16_t char32_t class compl const
        const_cast constexpr continue decltype default delete do double dynamic_cast else enum explicit export extern
        false float for friend goto if inline int long mutable namespace new noexcept not nullptr operator or private
        protected public register reinterpret_cast return short signed sizeof static static_assert static_cast struct
        switch template this thread_local throw true try typedef typeid typename union unsigned using virtual void
        volatile wchar_t while xor)
    list(REMOVE_ITEM names ${keywords} background std main INT_MAX SIZE_MAX) # the last two are macros
    list(FILTER names EXCLUDE REGEX "__|^_[A-Z]") # are not the user's
    set(struct "struct @;")
    set(template "template<class> class @;")
    set(function "declared_before @(declared_before);")
    set(variable "extern declared_before @;")
    # declare(<rest>): compiles the names, each declared on a line of its own, before the rest.
    macro(declare rest)
        set(unit "#include \"${INCLUDES}\"\nstruct declared_before;\n")
        foreach(name IN LISTS names)
            string(REPLACE "@" "${name}" declaration "${${FORM}}")
            string(APPEND unit "${declaration}\n")
        endforeach()
        file(WRITE "${OUTPUT}.cpp" "${unit}${rest}")
        compile(-fsyntax-only -w -fmax-errors=0 "${OUTPUT}.cpp")
    endmacro()
    declare("")
    set(passes 0)
    while(failed AND passes LESS 10) # of names that the system has already; Clang tells 20; line 3 is the first name's
        math(EXPR passes "${passes} + 1")
        list(LENGTH names count)
        set(others "${names}")
        string(REGEX MATCHALL "[.]cpp:[0-9]+:[0-9]+: error" lines "${output}")
        foreach(line IN LISTS lines)
            string(REGEX REPLACE "[.]cpp:([0-9]+):.*" "\\1" line "${line}")
            math(EXPR index "${line} - 3")
            list(GET names ${index} name)
            list(REMOVE_ITEM others "${name}")
        endforeach()
        set(names "${others}")
        declare("")
    endwhile()
    list(LENGTH names count)
    if(failed OR count LESS 100)
        message(FATAL_ERROR "${count} names:\n${output}")
    endif()
    declare("#include \"${SOURCE}\"\n")
    if(failed)
        message(FATAL_ERROR "${output}")
    endif()
    message(STATUS "${count} names")

elseif(MODE STREQUAL "symbols")
    file(STRINGS "${HEADER}" version REGEX "^#define BACKGROUND_VERSION ")
    string(REGEX REPLACE ".*\"([0-9]+)[.]([0-9]+)[.]([0-9]+)\".*" "v\\1_\\2_\\3" version "${version}")
    compile(-c "${SOURCE}" -o "${OUTPUT}.o")
    if(failed)
        message(FATAL_ERROR "${output}")
    endif()
    execute_process(COMMAND "${NM}" -C "${OUTPUT}.o" RESULT_VARIABLE failed OUTPUT_VARIABLE symbols)
    string(REGEX REPLACE "background::${version}::" "" without "${symbols}")
    if(failed OR without STREQUAL symbols OR without MATCHES "[^\n]*background::[^\n]*")
        message(FATAL_ERROR "not of ${version}, for example: ${CMAKE_MATCH_0}")
    endif()

elseif(MODE STREQUAL "macros")
    # macros(<variable> <file>): the names of all macros that are defined at its end.
    function(macros variable file)
        file(WRITE "${generated}/empty.cpp" "")
        compile(-dM -E -include "${file}" "${generated}/empty.cpp")
        if(failed)
            message(FATAL_ERROR "${output}")
        endif()
        string(REGEX MATCHALL "#define [A-Za-z0-9_]+" names "${output}")
        set(${variable} ${names} PARENT_SCOPE)
    endfunction()
    macros(before "${SOURCE}")
    macros(after "${HEADER}")
    list(REMOVE_ITEM after ${before})
    if(NOT after STREQUAL "#define BACKGROUND_VERSION")
        message(FATAL_ERROR "The header leaves behind: ${after}")
    endif()

elseif(MODE STREQUAL "form")
    file(READ "${HEADER}" text)
    string(REGEX MATCH "[^\n]*[^\n -~][^\n]*" strange "${text}")
    string(REGEX MATCH "[^\n]* \n" trailing "${text}")
    string(REGEX MATCHALL "\n" lines "${text}")
    list(LENGTH lines lines)
    if(strange OR trailing OR lines GREATER 1455)
        message(FATAL_ERROR "${lines} lines; not ASCII: '${strange}'; trailing blank: '${trailing}'")
    endif()
    message(STATUS "${lines} lines")

else()
    message(FATAL_ERROR "unknown MODE '${MODE}'")
endif()
