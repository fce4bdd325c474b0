// SPDX-License-Identifier: GPL-3.0-or-later
//
// Runs the engine on an image file that stands for a volume, for ./dev bench engine.
//
//   engine_bench STATE init REPOSITORY
//   engine_bench STATE backup IMAGE REPOSITORY FREE CHANGED   prints "record ID KIND read N stored N"
//   engine_bench STATE restore REPOSITORY RECORD FILE
//   engine_bench STATE verify REPOSITORY
//   engine_bench STATE random REPOSITORY RECORD SECONDS       4 KiB reads a second, warm
//
// FREE and CHANGED are files with lines "offset length", in bytes: what the image's file
// system calls free, and what was written since the last backup (what the kernel module's
// change map would say). The repository is encrypted; its key is kept in STATE. Not installed.
#include "helper/catalog/catalog.h"
#include "helper/engine/backup_job.h"
#include "helper/repository/directory_backend.h"
#include "helper/repository/repository.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace dormouse;

namespace {

const std::string kVolume = "00112233445566778899aabbccddeeff";

template <typename T> T need(Result<T> result)
{
    if (!result) {
        std::fprintf(stderr, "engine_bench: %s\n", result.error().message.c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

ExtentList extentsIn(const std::string& path)
{
    ExtentList extents;
    std::ifstream file(path);
    for (Extent one; file >> one.offsetBytes >> one.lengthBytes;)
        extents.push_back(one);
    return mergeExtents(std::move(extents));
}

std::string wordIn(const std::string& path)
{
    std::string word;
    std::ifstream(path) >> word;
    return word;
}

class ImageVolume : public FrozenVolume
{
public:
    ImageVolume(const std::string& image, ExtentList free, Id128 epochId)
        : m_fd(::open(image.c_str(), O_RDONLY | O_CLOEXEC)), m_free(std::move(free)),
          m_epochId(epochId)
    {
        struct stat info
        {
        };
        if (!m_fd || ::fstat(m_fd.get(), &info) != 0)
            need(Result<void>(failErrno(image)));
        m_sizeBytes = static_cast<std::uint64_t>(info.st_size);
    }
    [[nodiscard]] int fd() const override { return m_fd.get(); }
    [[nodiscard]] std::uint64_t sizeBytes() const override { return m_sizeBytes; }
    [[nodiscard]] Id128 epochId() const override { return m_epochId; }
    [[nodiscard]] ExtentList storeExtents() const override { return {}; }
    [[nodiscard]] Allocation allocation() override { return {true, {}, m_free, {}, {}}; }
    [[nodiscard]] std::vector<SampleFile> sampleFiles(std::uint64_t, std::stop_token) override
    {
        return {};
    }

private:
    UniqueFd m_fd;
    ExtentList m_free;
    Id128 m_epochId;
    std::uint64_t m_sizeBytes = 0;
};

class ImageMoment : public FrozenMoment
{
public:
    explicit ImageMoment(ImageVolume volume) : m_volume(std::move(volume)) {}
    [[nodiscard]] std::size_t count() const override { return 1; }
    [[nodiscard]] FrozenVolume& volume(std::size_t) override { return m_volume; }
    [[nodiscard]] std::int64_t createdMs() const override { return systemClock().nowMs(); }
    [[nodiscard]] Result<void> release() override { return {}; }

private:
    ImageVolume m_volume;
};

/// What the kernel module and the collector would do.
class ImageSnapshots : public SnapshotProvider
{
public:
    ImageSnapshots(std::string state, std::string image, ExtentList free, ExtentList changed)
        : m_state(std::move(state)), m_image(std::move(image)), m_free(std::move(free)),
          m_changed(std::move(changed))
    {
    }
    [[nodiscard]] Result<std::unique_ptr<FrozenMoment>>
    take(const std::vector<std::string>&) override
    {
        auto catalog = need(Catalog::connect(m_state + "/catalog"));
        const std::string before = wordIn(m_state + "/epoch");
        const Id128 now = Id128::random();
        need(catalog.recordEpoch({kVolume, now.hex(), before, 1, 0}));
        if (!before.empty())
            need(catalog.storeChangeSet({kVolume, before, now.hex(), false, "", m_changed, 0}));
        std::ofstream(m_state + "/epoch") << now.hex();
        return std::make_unique<ImageMoment>(ImageVolume(m_image, m_free, now));
    }

private:
    std::string m_state, m_image;
    ExtentList m_free, m_changed;
};

std::shared_ptr<Repository> openRepository(const std::string& state, const std::string& path)
{
    auto backend = std::make_shared<DirectoryBackend>(need(Directory::open(path)));
    const auto folder = need(Directory::open(state));
    if (const auto key = folder.readFile("key", 4096)) {
        Unlock unlock;
        unlock.way = Unlock::StoredKey{Secret::copyOf(*key)};
        return need(Repository::open(backend, unlock));
    }
    CreateOptions options;
    options.passphrase = Secret::copyOf("hazel and oak");
    auto created = need(Repository::create(backend, options)).repository;
    need(folder.writeFile("key", created->exportKey().view()));
    return created;
}

void backUp(EngineContext& context, const std::string& state, char** words)
{
    const auto repository = openRepository(state, words[1]);
    auto catalog = need(Catalog::connect(context.catalogPath));
    VolumeRow volume;
    volume.volumeId = kVolume;
    volume.fsUuid = "bench";
    volume.fsType = "ext4";
    need(catalog.putVolume(volume));
    RepositoryRow row;
    row.repositoryId = repository->id().hex();
    row.name = "bench";
    row.path = words[1];
    if (!need(catalog.repository(row.repositoryId)))
        need(catalog.putRepository(row));
    BackupJob::Request request;
    request.plan.planId = "bench";
    request.plan.name = "bench";
    request.plan.repositoryId = row.repositoryId;
    request.plan.volumeIds = {kVolume};
    request.plan.rhythm = "daily 12:00";
    need(catalog.putPlan(request.plan));
    ImageSnapshots snapshots(state, words[0], extentsIn(words[2]), extentsIn(words[3]));
    const auto report = need(BackupJob(context, request, repository, snapshots).run({}));
    const char* kinds[] = {"full", "incremental", "compared"};
    std::printf("record %s %s read %llu stored %llu\n", report.recordId.c_str(),
                kinds[static_cast<int>(report.volumes.at(0).kind)],
                static_cast<unsigned long long>(report.readBytes()),
                static_cast<unsigned long long>(report.storedBytes()));
}

std::unique_ptr<BackupView> viewOf(const std::string& state, char** words)
{
    const auto repository = openRepository(state, words[0]);
    const auto record = need(repository->readRecord(Id128::fromHex(words[1]).value()));
    return need(repository->openView(record, Id128::fromHex(kVolume).value()));
}

void restore(const std::string& state, char** words)
{
    const auto view = viewOf(state, words);
    const UniqueFd fd(::open(words[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(view->size())) != 0)
        need(Result<void>(failErrno(words[2])));
    Bytes piece(4u << 20);
    need(view->forEachAllocated([&](const Extent& extent) {
        for (std::uint64_t at = extent.offsetBytes; at < extent.endBytes();) {
            const auto part = std::min<std::uint64_t>(piece.size(), extent.endBytes() - at);
            need(view->read(at, MutableByteView(piece.data(), part)));
            if (::pwrite(fd.get(), piece.data(), part, static_cast<off_t>(at)) !=
                static_cast<ssize_t>(part))
                need(Result<void>(failErrno("writing")));
            at += part;
        }
        return true;
    }));
}

void readAtRandom(const std::string& state, char** words)
{
    const auto view = viewOf(state, words);
    std::mt19937_64 random(1);
    Bytes piece(4096);
    // 64 MiB are read again and again: warm.
    const std::uint64_t pages = std::min<std::uint64_t>(view->size(), 64u << 20) / 4096;
    for (std::uint64_t page = 0; page < pages; ++page)
        need(view->read(page * 4096, piece));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(words[2]));
    unsigned long reads = 0;
    for (; std::chrono::steady_clock::now() < end; ++reads)
        need(view->read(random() % pages * 4096, piece));
    std::printf("reads %lu\n", reads / static_cast<unsigned long>(std::atoi(words[2])));
}

} // namespace

int main(int argc, char** argv)
{
    const std::string verb = argc > 2 ? argv[2] : "";
    if (!(verb == "init" && argc == 4) && !(verb == "backup" && argc == 7) &&
        !(verb == "restore" && argc == 6) && !(verb == "verify" && argc == 4) &&
        !(verb == "random" && argc == 6)) {
        std::fprintf(stderr, "usage: engine_bench STATE init|backup|restore|verify|random ...\n");
        return 2;
    }
    const std::string state = argv[1];
    EngineContext context;
    context.catalogPath = state + "/catalog";
    context.clock = &systemClock();
    context.machineId = Id128::fromHex("ffeeddccbbaa99887766554433221100").value();
    context.machineName = "bench";
    (void)need(Catalog::open(context.catalogPath));
    if (verb == "init")
        (void)openRepository(state, argv[3]);
    else if (verb == "backup")
        backUp(context, state, argv + 3);
    else if (verb == "restore")
        restore(state, argv + 3);
    else if (verb == "random")
        readAtRandom(state, argv + 3);
    else if (const auto report = need(openRepository(state, argv[3])
                                          ->verify({VerifyScope::Everything, {}, {}}));
             !report.isHealthy())
        return 1;
    return 0;
}
