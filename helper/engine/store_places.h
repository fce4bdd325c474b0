// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where the stores of volumes are: on the volume itself, in a file on another protected
 * volume, or on a device of their own; between what the catalog remembers, what a
 * caller wishes, and what is connected now.
 *
 * Threads: any, with a Catalog of their own.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/catalog/catalog.h"
#include "helper/snapshot/store_setup.h"

namespace dormouse {

/// What the catalog says. NotFound: the device is not connected.
[[nodiscard]] Result<StorePlace> findPlace(const VolumeRow& row);

/// What ProtectJob::Request::storeOn names; an error tells why it cannot be there.
[[nodiscard]] Result<StorePlace> choosePlace(Catalog& catalog, const std::string& storeOn);

/// VolumeRow::storeDevice for a place.
[[nodiscard]] std::string storeDeviceOf(const StorePlace& place);

/// Of a store that only the module knows: its device, and VolumeRow::storeDevice.
struct StoreDeviceName
{
    std::string devicePath;
    std::string storeDevice;
};
[[nodiscard]] Result<StoreDeviceName> findDeviceOfStore(const ProbedVolume& volume,
                                                        const VolumeStatus& status);

/// Where on this volume stores lie, its own and those of others: no backup has that, and
/// it is no part of what the volume shows.
[[nodiscard]] Result<ExtentList> storesOn(Catalog& catalog, const VolumeRow& row);

/// What people know a volume by.
[[nodiscard]] std::string nameOf(const VolumeRow& row);

} // namespace dormouse
