# What cpack makes: libbackground-dev as a .deb, where there is gzip, and as a .tar.gz.
# Whoever publishes a package says who answers for it: -DCPACK_PACKAGE_CONTACT="Name <name@their.domain>"
# SPDX-License-Identifier: MIT

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # a header needs no tests and examples built before it is installed
set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME libbackground-dev)
set(CPACK_PACKAGE_FILE_NAME "libbackground-dev-${PROJECT_VERSION}")
if(NOT CPACK_PACKAGE_CONTACT)
    set(CPACK_PACKAGE_CONTACT "The background authors <background@example.org>")
endif()
set(CPACK_PACKAGE_HOMEPAGE_URL "${PROJECT_HOMEPAGE_URL}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")

find_program(BACKGROUND_GZIP gzip)
mark_as_advanced(BACKGROUND_GZIP)
if(BACKGROUND_GZIP)
    list(APPEND CPACK_GENERATOR DEB)
    set(changelog "${PROJECT_BINARY_DIR}/changelog.gz")
    execute_process(COMMAND "${BACKGROUND_GZIP}" -9nc "${CMAKE_CURRENT_LIST_DIR}/changelog" OUTPUT_FILE "${changelog}")
    install(FILES "${changelog}" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libbackground-dev")
endif()
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE) # whatever the umask is
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT) # libbackground-dev_<version>_all.deb
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SOURCE background)
set(CPACK_PACKAGE_DESCRIPTION
    "One header, one global pool of worker threads, plain futures: a task is any
callable, and a call of it returns a std::future at once. Jobs may wait for
jobs, and every submitted job finishes before the process ends.
.
This package contains the header, and what CMake and pkg-config need to find
it. It wants C++17.")
include(CPack)
