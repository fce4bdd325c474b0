// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/gui/fake_helper.h"

namespace dormouse::test {

// Worlds that the window must look right in. `folder` is an existing folder
// with files, shown as the content of every restore point.
World emptyWorld();       // no volume at all
World unprotectedWorld(); // volumes, none protected
World protectedWorld(const QString& folder);
World dormantWorld(const QString& folder);
World unverifiedWorld(const QString& folder);
World failedWorld(const QString& folder);
World longNamesWorld(const QString& folder);
World withoutModule(World world);

// Files and folders to browse.
void makeFiles(const QString& folder);

} // namespace dormouse::test
