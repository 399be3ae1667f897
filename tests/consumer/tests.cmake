# Registers a ctest test for every way in which another project can use background; see check.cmake.
# SPDX-License-Identifier: MIT

set(prefix "${CMAKE_CURRENT_BINARY_DIR}/consumer/prefix")
find_program(PKG_CONFIG NAMES pkg-config pkgconf)
find_program(DPKG_DEB dpkg-deb)
find_program(BACKGROUND_GZIP gzip)
find_program(LINTIAN lintian)
find_program(RISCV64_CXX riscv64-linux-gnu-g++)
find_program(RISCV64_EMULATOR qemu-riscv64)
set(standard -std=c++17)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(standard "") # whose default will do
endif()

# consumer(<name> <way>): see check.cmake.
function(consumer name way)
    add_test(NAME "consumer: ${name}" COMMAND "${CMAKE_COMMAND}"
        -DWAY=${way} -DVERSION=${PROJECT_VERSION} "-DPREFIX=${prefix}" "-DBACKGROUND=${PROJECT_SOURCE_DIR}"
        "-DBUILD=${PROJECT_BINARY_DIR}" "-DSCRATCH=${CMAKE_CURRENT_BINARY_DIR}/consumer/${way}"
        "-DGENERATOR=${CMAKE_GENERATOR}" "-DCXX=${CMAKE_CXX_COMPILER}"
        "-DFLAGS=${CMAKE_CXX_FLAGS}" "-DSTANDARD=${standard}"
        "-DCPACK=${CMAKE_CPACK_COMMAND}" "-DPKG_CONFIG=${PKG_CONFIG}" "-DDPKG_DEB=${DPKG_DEB}" "-DLINTIAN=${LINTIAN}"
        ${foreign} -P "${CMAKE_CURRENT_SOURCE_DIR}/consumer/check.cmake")
    set_tests_properties("consumer: ${name}" PROPERTIES TIMEOUT 300 LABELS build ${ARGN})
endfunction()

consumer("the packages name the same version, address and licence" packaging)
consumer("add_subdirectory brings the target and nothing else" add_subdirectory)
consumer("FetchContent brings the target and nothing else" FetchContent)
if(NOT MSVC)
    consumer("a copy of the header and one compiler line are enough" copy)
endif()
consumer("a library that exports itself may bring it along in a subdirectory" exporting)
if(BACKGROUND_INSTALL)
    add_test(NAME "consumer: it installs" COMMAND "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --prefix
        "${prefix}" --config $<CONFIG>)
    set_tests_properties("consumer: it installs" PROPERTIES TIMEOUT 300 LABELS build FIXTURES_SETUP installed)
    consumer("find_package finds it where it is installed" find_package FIXTURES_REQUIRED installed)
    consumer("find_package refuses a version that is not there" refusal FIXTURES_REQUIRED installed)
    if(PKG_CONFIG AND NOT MSVC)
        consumer("pkg-config finds it where it is installed" pkg-config FIXTURES_REQUIRED installed)
    endif()
    if(RISCV64_CXX AND RISCV64_EMULATOR)
        set(foreign "-DCXX=${RISCV64_CXX}" -DFLAGS= "-DEMULATOR=${RISCV64_EMULATOR}")
        consumer("find_package links on riscv64" riscv64 FIXTURES_REQUIRED installed)
        set(foreign "")
    endif()
    consumer("the TGZ package works where it is unpacked" TGZ RESOURCE_LOCK cpack)
    if(DPKG_DEB AND BACKGROUND_GZIP)
        consumer("the Debian package is complete" DEB RESOURCE_LOCK cpack)
    endif()
endif()
