// The header after the real ones of Qt, with all the macros that they bring.
// SPDX-License-Identifier: MIT
#include <QtCore/QObject>
#include <QtCore/QtGlobal>

#include "uses_all.hpp"
