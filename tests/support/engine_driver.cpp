// SPDX-License-Identifier: GPL-3.0-or-later
//
// Drives the engine without the daemon, for scenarios in virtual machines.
//
//   engine_driver STATE protect DEVICE STORE_MIB           prints the volume's id
//   engine_driver STATE forget VOLUME
//   engine_driver STATE attach                             all protected volumes
//   engine_driver STATE repository DIR                     makes or opens it, imports its records
//   engine_driver STATE plan NAME DIR KEEP VOLUME...       in the repository of DIR
//   engine_driver STATE backup PLAN                        prints "record ID", then per volume
//                                                          "volume ID KIND changed N read N new N
//                                                          stored N"
//   engine_driver STATE snapshot VOLUME...                 durable ones; prints "VOLUME EPOCH"
//   engine_driver STATE image RECORD VOLUME FILE           writes the volume of a backup
//   engine_driver STATE browse RECORD VOLUME UID           prints the session, then its path
//   engine_driver STATE browse-local VOLUME EPOCH UID      the same; exposes the snapshot
//   engine_driver STATE restore SOURCE TARGET POLICY PATH...   prints counts and exceptions
//   engine_driver STATE verify DIR
//   engine_driver STATE recover DIR                        after a kill: snapshots and writers
//   engine_driver STATE status                             of each volume
//
// STATE is a folder for the catalog. Repositories have no password. Not installed.
#include "helper/browse/browse_request.h"
#include "helper/catalog/catalog.h"
#include "helper/engine/backup_job.h"
#include "helper/engine/module_snapshots.h"
#include "helper/engine/repository_jobs.h"
#include "helper/engine/restore_files_job.h"
#include "helper/engine/volume_jobs.h"
#include "helper/repository/directory_backend.h"
#include "helper/snapshot/volume_probe.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

using namespace dormouse;

namespace {

using Words = std::vector<std::string>;

template <typename T> T need(Result<T> result)
{
    if (!result) {
        std::fprintf(stderr, "engine_driver: %s\n", result.error().message.c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

struct State
{
    EngineContext context;
    std::optional<Module> module;

    [[nodiscard]] Catalog catalog() const { return need(Catalog::connect(context.catalogPath)); }
};

JobControl control()
{
    JobControl control;
    control.note = [](const std::string& line) { std::printf("note %s\n", line.c_str()); };
    return control;
}

std::shared_ptr<Repository> openRepository(const std::string& path)
{
    auto backend = std::make_shared<DirectoryBackend>(need(Directory::open(path)));
    auto opened = Repository::open(backend, {});
    if (opened || opened.error().code != Error::Code::NotFound)
        return need(std::move(opened));
    return need(Repository::create(backend, {})).repository;
}

Id128 idOf(const std::string& text)
{
    const auto id = Id128::fromHex(text);
    if (!id) {
        std::fprintf(stderr, "engine_driver: not an id: %s\n", text.c_str());
        std::exit(2);
    }
    return *id;
}

void protect(State& state, const Words& words)
{
    for (const ProbedVolume& volume : need(probeVolumes())) {
        if (volume.devicePath != words.at(0))
            continue;
        ProtectJob job(state.context, {volume.fsUuid, std::stoull(words.at(1)) << 20, {}});
        std::printf("%s\n", need(job.run(control())).volumeId.c_str());
        return;
    }
    need(Result<void>(fail(Error::Code::NotFound, "there is no volume " + words.at(0))));
}

void attach(State& state)
{
    for (const VolumeRow& row : need(state.catalog().volumes())) {
        if (row.isProtected)
            need(attachVolume(state.context, row));
    }
}

void addRepository(State& state, const Words& words)
{
    const auto repository = openRepository(words.at(0));
    RepositoryRow row;
    row.repositoryId = repository->id().hex();
    row.name = "scenario";
    row.path = words.at(0);
    need(state.catalog().putRepository(row));
    const auto report = need(ImportJob(state.context, repository).run(control()));
    std::printf("imported %zu records\n", report.recordCount);
}

void addPlan(State& state, const Words& words)
{
    PlanRow row;
    row.planId = words.at(0);
    row.name = words.at(0);
    row.repositoryId = openRepository(words.at(1))->id().hex();
    row.keepLast = static_cast<std::uint32_t>(std::stoul(words.at(2)));
    row.volumeIds.assign(words.begin() + 3, words.end());
    row.rhythm = "daily 12:00";
    need(state.catalog().putPlan(row));
}

void backUp(State& state, const Words& words)
{
    auto catalog = state.catalog();
    BackupJob::Request request;
    request.plan = need(catalog.plan(words.at(0))).value();
    const auto path = need(catalog.repository(request.plan.repositoryId)).value().path;
    const auto repository = openRepository(path);
    ModuleSnapshots snapshots(state.context);
    const auto report =
        need(BackupJob(state.context, request, repository, snapshots).run(control()));
    std::printf("record %s\n", report.recordId.c_str());
    const char* kinds[] = {"full", "incremental", "compared"};
    for (const BackupVolumeReport& volume : report.volumes)
        std::printf("volume %s %s changed %llu read %llu new %llu stored %llu\n",
                    volume.volumeId.c_str(), kinds[static_cast<int>(volume.kind)],
                    static_cast<unsigned long long>(volume.changedBytes),
                    static_cast<unsigned long long>(volume.readBytes),
                    static_cast<unsigned long long>(volume.newBytes),
                    static_cast<unsigned long long>(volume.storedBytes));
    need(applyRetention(state.context, request.plan, *repository, control()));
}

/// A repository that has this record, and the record.
std::pair<std::shared_ptr<Repository>, BackupRecord> findRecord(State& state,
                                                                const std::string& recordId)
{
    for (const RepositoryRow& row : need(state.catalog().repositories())) {
        auto repository = openRepository(row.path);
        auto record = repository->readRecord(idOf(recordId));
        if (record)
            return {std::move(repository), std::move(*record)};
    }
    need(Result<void>(fail(Error::Code::NotFound, "there is no such record")));
    std::abort();
}

void writeImage(State& state, const Words& words)
{
    const auto [repository, record] = findRecord(state, words.at(0));
    const auto view = need(repository->openView(record, idOf(words.at(1))));
    const UniqueFd fd(::open(words.at(2).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(view->size())) != 0)
        need(Result<void>(failErrno(words.at(2))));
    Bytes piece(1u << 20);
    need(view->forEachAllocated([&](const Extent& extent) {
        for (std::uint64_t at = extent.offsetBytes; at < extent.endBytes();) {
            const auto part = std::min<std::uint64_t>(piece.size(), extent.endBytes() - at);
            need(view->read(at, MutableByteView(piece.data(), part)));
            ::lseek(fd.get(), static_cast<off_t>(at), SEEK_SET);
            need(writeAll(fd.get(), ByteView(piece.data(), part)));
            at += part;
        }
        return true;
    }));
}

void startSession(BrowseRequest request)
{
    request.sessionId = Id128::random();
    need(writeBrowseRequest(request));
    std::printf("%s\n%s\n", request.sessionId.hex().c_str(),
                browseMountPath(request.uid, request.sessionId).c_str());
}

void browse(State& state, const Words& words)
{
    const auto [repository, record] = findRecord(state, words.at(0));
    BrowseRequest request;
    request.uid = static_cast<uid_t>(std::stoul(words.at(2)));
    request.gid = request.uid;
    const auto index = record.findVolume(idOf(words.at(1))).value();
    request.fsType = record.volumes[index].details.fsType;
    const auto row = need(state.catalog().repository(repository->id().hex())).value();
    request.backup = BrowseRequest::Backup{row.path, repository->exportKey(), record.recordId,
                                           idOf(words.at(1))};
    startSession(std::move(request));
}

void browseLocal(State& state, const Words& words)
{
    auto catalog = state.catalog();
    const auto attached = need(findAttached(state.context, catalog, words.at(0)));
    const auto disk = need(state.module->expose(attached.status.handle, std::stoull(words.at(1))));
    BrowseRequest request;
    request.uid = static_cast<uid_t>(std::stoul(words.at(2)));
    request.gid = request.uid;
    request.fsType = attached.row.fsType;
    request.devicePath = disk.devicePath();
    startSession(std::move(request));
}

void restore(const Words& words)
{
    RestoreFilesJob::Request request;
    request.source.reset(::open(words.at(0).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    request.target.reset(::open(words.at(1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    request.conflict = words.at(2) == "overwrite" ? ConflictPolicy::Overwrite
                       : words.at(2) == "skip"    ? ConflictPolicy::Skip
                                                  : ConflictPolicy::Beside;
    request.paths.assign(words.begin() + 3, words.end());
    const auto report = need(RestoreFilesJob(std::move(request)).run(control()));
    std::printf("files %llu directories %llu others %llu bytes %llu exceptions %llu\n",
                static_cast<unsigned long long>(report.files),
                static_cast<unsigned long long>(report.directories),
                static_cast<unsigned long long>(report.others),
                static_cast<unsigned long long>(report.bytes),
                static_cast<unsigned long long>(report.exceptionCount));
}

void takeSnapshots(State& state, const Words& words)
{
    for (const LocalSnapshot& snapshot :
         need(SnapshotJob(state.context, words, true).run(control())))
        std::printf("%s %llu\n", snapshot.volumeId.c_str(),
                    static_cast<unsigned long long>(snapshot.epoch));
}

void showStatus(State& state)
{
    const char* states[] = {"", "active", "dormant", "unverified", "failed", "gone"};
    for (const VolumeStatus& status : need(state.module->statuses()))
        std::printf("%s %s snapshots %u changed %llu undo %llu of %llu %s\n",
                    status.volumeId.hex().c_str(), states[static_cast<unsigned>(status.state) % 6],
                    status.snapshotCount, static_cast<unsigned long long>(status.changedBytes),
                    static_cast<unsigned long long>(status.undoUsedBytes),
                    static_cast<unsigned long long>(status.undoBytes), status.reason.c_str());
}

void recover(State& state, const Words& words)
{
    std::printf("released %d\n", need(releaseOrphanSnapshots(*state.module)));
    need(openRepository(words.at(0))->withdrawWriters(state.context.machineId));
}

void verify(State& state, const Words& words)
{
    const auto report =
        need(VerifyJob(state.context, openRepository(words.at(0)), VerifyScope::Everything)
                 .run(control()));
    std::printf("%s\n", report.isHealthy() ? "healthy" : "damaged");
    if (!report.isHealthy())
        std::exit(1);
}

int run(State& state, const std::string& verb, const Words& words)
{
    if (verb == "protect")
        protect(state, words);
    else if (verb == "forget")
        need(ForgetJob(state.context, words.at(0)).run(control()));
    else if (verb == "attach")
        attach(state);
    else if (verb == "repository")
        addRepository(state, words);
    else if (verb == "plan")
        addPlan(state, words);
    else if (verb == "backup")
        backUp(state, words);
    else if (verb == "snapshot")
        takeSnapshots(state, words);
    else if (verb == "image")
        writeImage(state, words);
    else if (verb == "browse")
        browse(state, words);
    else if (verb == "browse-local")
        browseLocal(state, words);
    else if (verb == "restore")
        restore(words);
    else if (verb == "verify")
        verify(state, words);
    else if (verb == "recover")
        recover(state, words);
    else if (verb == "status")
        showStatus(state);
    else
        return 2;
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3) {
        std::fprintf(stderr, "usage: engine_driver STATE VERB ...\n");
        return 2;
    }
    ::umask(077);
    (void)::mkdir(argv[1], 0700);
    State state;
    state.context.catalogPath = std::string(argv[1]) + "/catalog";
    state.context.clock = &systemClock();
    state.context.machineId = Id128::fromHex("00112233445566778899aabbccddeeff").value();
    state.context.machineName = "scenario";
    (void)need(Catalog::open(state.context.catalogPath));
    if (auto module = Module::open()) {
        state.module = std::move(*module);
        state.context.module = &*state.module;
    }
    try {
        return run(state, argv[2], Words(argv + 3, argv + argc));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "engine_driver: wrong arguments (%s)\n", error.what());
        return 2;
    }
}
