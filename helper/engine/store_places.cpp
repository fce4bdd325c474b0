// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/store_places.h"

#include "helper/snapshot/volume_probe.h"

namespace dormouse {

std::string nameOf(const VolumeRow& row)
{
    return row.label.empty() ? row.lastDevice : row.label;
}

Result<StorePlace> findPlace(const VolumeRow& row)
{
    StorePlace place;
    if (row.storeDevice.empty())
        return place;
    if (row.storeDevice == kWholeDevice) {
        const auto id = Id128::fromHex(row.volumeId);
        if (!id)
            return fail(Error::Code::Corrupt, "the catalog has a volume without an id");
        auto device = findStoreOf(*id);
        if (!device)
            return tl::unexpected(device.error());
        place.device = std::move(*device);
        return place;
    }
    auto volume = findVolume(row.storeDevice);
    if (!volume)
        return addContext(volume.error(), "the disk that its store is on");
    place.volume = std::move(*volume);
    return place;
}

Result<StorePlace> choosePlace(Catalog& catalog, const std::string& storeOn)
{
    StorePlace place;
    if (storeOn.empty())
        return place;
    if (storeOn.front() == '/') {
        auto device = findStoreDevice(storeOn);
        if (!device)
            return tl::unexpected(device.error());
        if (device->volumeId) {
            const auto other = catalog.volume(device->volumeId->hex());
            if (!other)
                return tl::unexpected(other.error());
            if (*other && (*other)->isProtected)
                return fail(Error::Code::Exists, "the store of " + nameOf(**other) + " is on " +
                                                     device->devicePath);
        }
        place.device = std::move(*device);
        return place;
    }
    const auto found = catalog.volume(storeOn);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found || !(*found)->isProtected)
        return fail(Error::Code::NotFound,
                    "only on a volume that is protected itself can another one's store be");
    const VolumeRow* const row = &**found;
    if (!row->storeDevice.empty())
        return fail(Error::Code::Unsupported, nameOf(*row) + " keeps its own store elsewhere; a "
                                                             "store cannot be on it");
    auto volume = findVolume(row->fsUuid);
    if (!volume)
        return addContext(volume.error(), nameOf(*row));
    if (volume->mountPoints.empty())
        return fail(Error::Code::Unsupported, nameOf(*row) + " is not mounted, so a store cannot "
                                                             "be made on it");
    place.volume = std::move(*volume);
    return place;
}

std::string storeDeviceOf(const StorePlace& place)
{
    if (place.device)
        return kWholeDevice;
    return place.volume ? place.volume->fsUuid : std::string();
}

Result<StoreDeviceName> findDeviceOfStore(const ProbedVolume& volume, const VolumeStatus& status)
{
    if (!status.isStoreElsewhere())
        return StoreDeviceName{volume.devicePath, {}};
    const auto all = probeVolumes();
    if (!all)
        return tl::unexpected(all.error());
    for (const ProbedVolume& one : *all) {
        if (one.deviceMajor == status.storeMajor && one.deviceMinor == status.storeMinor)
            return StoreDeviceName{one.devicePath, one.fsUuid};
    }
    const auto device = findStoreOf(status.volumeId);
    if (!device)
        return tl::unexpected(device.error());
    return StoreDeviceName{device->devicePath, kWholeDevice};
}

Result<ExtentList> storesOn(Catalog& catalog, const VolumeRow& row)
{
    ExtentList extents;
    if (row.storeDevice.empty())
        extents = row.storeExtents;
    const auto all = catalog.volumes();
    if (!all)
        return tl::unexpected(all.error());
    for (const VolumeRow& other : *all) {
        if (other.isProtected && other.storeDevice == row.fsUuid)
            extents.insert(extents.end(), other.storeExtents.begin(), other.storeExtents.end());
    }
    return mergeExtents(std::move(extents));
}

} // namespace dormouse
