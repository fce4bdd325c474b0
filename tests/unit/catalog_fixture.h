// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A fresh catalog in a folder of its own, with a volume, two repositories and
 * a plan to each.
 */
#pragma once

#include "helper/catalog/catalog.h"

#include <QTemporaryDir>
#include <QTest>

namespace dormouse::test {

/// 32 hex digits that start with a readable number.
inline std::string id(int number)
{
    std::string hex = std::to_string(number);
    return std::string(32 - hex.size(), '0') + hex;
}

inline VolumeRow sampleVolume(int number)
{
    VolumeRow row;
    row.volumeId = id(number);
    row.fsUuid = "uuid-" + std::to_string(number);
    row.fsType = "ext4";
    row.label = "Größe";
    row.sizeBytes = 1ull << 40;
    row.lastDevice = "/dev/vdb1";
    row.lastMountPoint = "/home";
    row.superblockOffsetBytes = 4096;
    row.superblockOffsetBBytes = 1 << 20;
    row.storePath = ".dormouse/store";
    row.storeExtents = {{4096, 65536}, {1 << 20, 65536}};
    row.isProtected = true;
    row.addedAtMs = 1000 + number;
    return row;
}

inline RepositoryRow sampleRepository(int number)
{
    RepositoryRow row;
    row.repositoryId = id(number);
    row.name = "Disk " + std::to_string(number);
    row.fsUuid = "repo-" + std::to_string(number);
    row.path = "backups";
    row.keyKept = KeyKept::Credential;
    row.headRecordHash = {1, 2, 3};
    row.headSequence = 7;
    row.addedAtMs = 2000 + number;
    return row;
}

inline PlanRow samplePlan(int number, int volume, int repository)
{
    PlanRow row;
    row.planId = id(number);
    row.name = "Every night";
    row.repositoryId = id(repository);
    row.volumeIds = {id(volume)};
    row.rhythm = "daily 02:30";
    row.keepLast = 14;
    row.createdAtMs = 3000 + number;
    return row;
}

inline BackupRow sampleBackup(int record, int volume, int repository, int plan,
                              const std::string& epochId, std::int64_t createdAtMs)
{
    BackupRow row;
    row.recordId = id(record);
    row.volumeId = id(volume);
    row.repositoryId = id(repository);
    row.planId = id(plan);
    row.epochId = epochId;
    row.createdAtMs = createdAtMs;
    return row;
}

/// For calls that must succeed: the value, or the end of the test program.
template <typename T> T must(Result<T> result)
{
    if (!result)
        qFatal("%s", result.error().message.c_str());
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

class CatalogFixture
{
public:
    static constexpr int volume = 1;
    static constexpr int repositoryA = 10, repositoryB = 11;
    static constexpr int planA = 20, planB = 21;

    CatalogFixture() : m_catalog(must(Catalog::open(path())))
    {
        must(m_catalog.putVolume(sampleVolume(volume)));
        must(m_catalog.putRepository(sampleRepository(repositoryA)));
        must(m_catalog.putRepository(sampleRepository(repositoryB)));
        must(m_catalog.putPlan(samplePlan(planA, volume, repositoryA)));
        must(m_catalog.putPlan(samplePlan(planB, volume, repositoryB)));
    }

    Catalog& catalog() { return m_catalog; }
    Catalog* operator->() { return &m_catalog; }
    std::string path() const { return m_folder.filePath("catalog.sqlite").toStdString(); }

private:
    QTemporaryDir m_folder;
    Catalog m_catalog;
};

} // namespace dormouse::test
