// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a StoreReader found, as text for people and as JSON for programs.
 *
 * The JSON's keys are stable; new ones may be added. Sizes and offsets are
 * bytes and carry it in their name. Pure functions; any thread.
 */
#pragma once

#include "helper/snapshot/store_reader.h"

#include <string>

namespace dormouse {

/// Superblocks, geometry, epochs, and every record of both rings.
[[nodiscard]] std::string storeAsText(const StoreReader& reader);
[[nodiscard]] std::string storeAsJson(const StoreReader& reader);

/// Only the findings and the verdict.
[[nodiscard]] std::string findingsAsText(const StoreReader& reader);
[[nodiscard]] std::string findingsAsJson(const StoreReader& reader);

[[nodiscard]] std::string extentsAsText(const ExtentList& extents);
[[nodiscard]] std::string extentsAsJson(const ExtentList& extents);

} // namespace dormouse
