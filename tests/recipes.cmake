# Builds and runs the README's recipes, those with other libraries where these are found.
# SPDX-License-Identifier: MIT

background_test(recipes recipes/recipes.cpp)

# recipe(<name> <what the test says> <library>...): builds recipes/<name>.cpp, which must end with 0.
function(recipe name says)
    add_executable(recipe_${name} recipes/${name}.cpp)
    target_link_libraries(recipe_${name} PRIVATE background::background ${ARGN})
    add_test(NAME "recipes: ${says}" COMMAND recipe_${name})
    set_tests_properties("recipes: ${says}" PROPERTIES ${BACKGROUND_PROPERTIES})
endfunction()

# A foreign processor's libraries are not these, and libraries without instrumentation mislead the sanitizers.
if(CMAKE_CROSSCOMPILING OR BACKGROUND_SANITIZE OR CMAKE_CXX_FLAGS MATCHES "-stdlib=libc\\+\\+")
    return()
endif()

find_package(Qt6 QUIET COMPONENTS Core)
if(NOT TARGET Qt6::Core)
    find_package(Qt5 QUIET COMPONENTS Core)
endif()
if(TARGET Qt6::Core)
    recipe(qt "results come back to Qt's event loop" Qt6::Core)
elseif(TARGET Qt5::Core)
    recipe(qt "results come back to Qt's event loop" Qt5::Core)
else()
    message(STATUS "Qt is not there (qtbase5-dev): its recipe is left out")
endif()

find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(BACKGROUND_GLIB QUIET IMPORTED_TARGET glib-2.0)
endif()
if(BACKGROUND_GLIB_FOUND)
    recipe(glib "results come back to GLib's main loop" PkgConfig::BACKGROUND_GLIB)
else()
    message(STATUS "GLib is not there (libglib2.0-dev): its recipe is left out")
endif()

find_path(BACKGROUND_BOOST_ASIO boost/asio.hpp)
find_path(BACKGROUND_ASIO asio.hpp)
if(BACKGROUND_BOOST_ASIO)
    recipe(asio "results come back to Boost.Asio's loop")
    target_include_directories(recipe_asio SYSTEM PRIVATE "${BACKGROUND_BOOST_ASIO}")
elseif(BACKGROUND_ASIO)
    recipe(asio "results come back to Asio's loop")
    target_compile_definitions(recipe_asio PRIVATE ASIO_STANDALONE)
    target_include_directories(recipe_asio SYSTEM PRIVATE "${BACKGROUND_ASIO}")
else()
    message(STATUS "Asio is not there (libboost-dev or libasio-dev): its recipe is left out")
endif()
