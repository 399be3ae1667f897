# Packages this very checkout: conan create .github/packaging
# SPDX-License-Identifier: MIT
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class BackgroundConan(ConanFile):
    name = "background"
    description = "Run functions in the background: tasks and futures, in one header"
    license = "MIT"
    homepage = "https://example.org/background"
    url = homepage
    topics = ("thread-pool", "tasks", "futures", "concurrency", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        header = load(self, os.path.join(self._root, "include", "background.hpp"))
        self.version = re.search(r'#define BACKGROUND_VERSION "([0-9.]+)"', header).group(1)

    def export_sources(self):
        copy(self, "LICENSE", self._root, self.export_sources_folder)
        copy(self, "include/background.hpp", self._root, self.export_sources_folder)

    def validate(self):
        check_min_cppstd(self, 17)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
        if self.settings.arch == "riscv64":
            self.cpp_info.system_libs.append("atomic")
