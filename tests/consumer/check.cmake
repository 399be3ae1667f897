# One way into another project, run with cmake -P: WAY says which, PREFIX where a copy is installed, BACKGROUND where
# the sources are. The consumer is configured, built in SCRATCH and run; it must print VERSION.
# SPDX-License-Identifier: MIT

# do(<command> <argument>...): sets `output`, or ends the check.
function(do)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(failed)
        message(FATAL_ERROR "${ARGN}: ${failed}\n${output}")
    endif()
    set(output "${output}" PARENT_SCOPE)
endfunction()

# configure(<argument>...): sets `failed` and `output`.
macro(configure)
    execute_process(RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output
        COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}" -B "${SCRATCH}" -G "${GENERATOR}" -DWAY=${WAY}
            "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${FLAGS}" "-DCMAKE_PREFIX_PATH=${PREFIX}"
            "-DBACKGROUND=${BACKGROUND}" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON ${ARGN})
endmacro()

file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}")
set(sources "${CMAKE_CURRENT_LIST_DIR}/main.cpp" "${CMAKE_CURRENT_LIST_DIR}/other.cpp")
separate_arguments(flags NATIVE_COMMAND "${FLAGS}")

if(WAY STREQUAL "pkg-config")
    set(ENV{PKG_CONFIG_PATH} "${PREFIX}/share/pkgconfig")
    do("${PKG_CONFIG}" --exact-version=${VERSION} background)
    do("${PKG_CONFIG}" --cflags --libs background)
    separate_arguments(given NATIVE_COMMAND "${output}")
    do("${CXX}" ${flags} ${STANDARD} ${sources} -o "${SCRATCH}/consumer" ${given})

elseif(WAY STREQUAL "copy")
    file(COPY "${BACKGROUND}/include/background.hpp" ${sources} DESTINATION "${SCRATCH}")
    do("${CXX}" ${flags} ${STANDARD} -pthread -I. main.cpp other.cpp -o consumer WORKING_DIRECTORY "${SCRATCH}")

elseif(WAY STREQUAL "refusal") # of a version that is not there; the one that is there is the counter-proof
    set(WAY find_package)
    foreach(version IN ITEMS 1.999 2 0.9)
        configure(-DREQUIRED=${version})
        if(NOT failed OR NOT output MATCHES "version: ${VERSION}")
            message(FATAL_ERROR "Version ${version} was not refused:\n${output}")
        endif()
    endforeach()

elseif(WAY STREQUAL "DEB")
    do("${CPACK}" -G DEB --config "${BUILD}/CPackConfig.cmake" -B "${SCRATCH}")
    file(GLOB package "${SCRATCH}/libbackground-dev-${VERSION}.deb")
    do("${DPKG_DEB}" --contents "${package}")
    foreach(file IN ITEMS include/background.hpp share/cmake/background/background-config.cmake
            share/pkgconfig/background.pc share/doc/libbackground-dev/copyright)
        if(NOT output MATCHES " ./usr/${file}\n")
            message(FATAL_ERROR "The package lacks ${file}:\n${output}")
        endif()
    endforeach()
    do("${DPKG_DEB}" --field "${package}" Package Version Architecture)
    if(NOT output STREQUAL "Package: libbackground-dev\nVersion: ${VERSION}\nArchitecture: all\n")
        message(FATAL_ERROR "${output}")
    endif()
    return()

elseif(WAY STREQUAL "TGZ")
    do("${CPACK}" -G TGZ --config "${BUILD}/CPackConfig.cmake" -B "${SCRATCH}/packed")
    do("${CMAKE_COMMAND}" -E tar xzf "${SCRATCH}/packed/libbackground-dev-${VERSION}.tar.gz"
        WORKING_DIRECTORY "${SCRATCH}")
    set(PREFIX "${SCRATCH}/libbackground-dev-${VERSION}")
    set(WAY find_package)
endif()

if(NOT EXISTS "${SCRATCH}/consumer")
    configure(-DREQUIRED=${VERSION})
    if(failed)
        message(FATAL_ERROR "${output}")
    endif()
    do("${CMAKE_COMMAND}" --build "${SCRATCH}" --config Release)
    if(EXISTS "${SCRATCH}/compile_commands.json")
        file(READ "${SCRATCH}/compile_commands.json" commands)
        if(commands MATCHES " -(W|f|O|g)[^ ]*" AND NOT FLAGS)
            message(FATAL_ERROR "${CMAKE_MATCH_0} came along with the library:\n${commands}")
        endif()
    endif()
endif()
do("${SCRATCH}/consumer" ${VERSION})
message(STATUS "${output}")
