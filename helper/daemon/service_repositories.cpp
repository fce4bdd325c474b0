// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/service.h"

#include "helper/base/log.h"
#include "helper/engine/repository_jobs.h"
#include "helper/repository/directory_backend.h"

#include <QCoreApplication>

#include <algorithm>
#include <chrono>

#include <fcntl.h>
#include <poll.h>
#include <sys/statvfs.h>

namespace dormouse {

namespace {

constexpr std::size_t kMaxPassphraseBytes = 1024;
constexpr std::size_t kMaxKeyBytes = 4096;
constexpr std::chrono::seconds kSecretPatience{30};

QString tr(const char* text)
{
    return QCoreApplication::translate("repositories", text);
}

QString text(const std::string& utf8)
{
    return QString::fromStdString(utf8);
}

// Like Secret::readFrom(), but a caller that never closes its end of the pipe
// does not keep one of our threads for ever.
Result<Secret> readPassphrase(int fd)
{
    Secret buffer(kMaxPassphraseBytes + 1);
    std::size_t length = 0;
    const auto deadline = std::chrono::steady_clock::now() + kSecretPatience;
    while (length < buffer.size()) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd waiting{fd, POLLIN, 0};
        const int ready =
            left.count() > 0 ? ::poll(&waiting, 1, static_cast<int>(left.count())) : 0;
        if (ready == 0)
            return fail(Error::Code::Invalid, "The passphrase did not come in time.");
        if (ready < 0 && errno != EINTR)
            return failErrno("cannot read the passphrase");
        if (ready < 0)
            continue;
        const ssize_t got = ::read(fd, buffer.data() + length, buffer.size() - length);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return failErrno("cannot read the passphrase");
        if (got == 0)
            break;
        if (got > 0)
            length += static_cast<std::size_t>(got);
    }
    if (length > kMaxPassphraseBytes)
        return fail(Error::Code::Invalid, "The passphrase is longer than 1024 bytes.");
    if (length > 0 && buffer.data()[length - 1] == '\n')
        --length;
    return Secret::copyOf(ByteView(buffer.data(), length));
}

BusResult<std::shared_ptr<Repository>> openPlain(const std::shared_ptr<Backend>& backend)
{
    auto repository = Repository::open(backend, {});
    if (!repository)
        return busFail(repository.error());
    return std::move(*repository);
}

// What a person knows: the passphrase or the recovery key, we cannot tell which.
BusResult<std::shared_ptr<Repository>> openWith(const std::shared_ptr<Backend>& backend,
                                                const Secret& secret)
{
    Unlock unlock;
    unlock.way = Unlock::Passphrase{secret.clone()};
    auto repository = Repository::open(backend, unlock);
    if (!repository && repository.error().code == Error::Code::WrongKey) {
        unlock.way = Unlock::RecoveryKey{std::string(secret.text())};
        repository = Repository::open(backend, unlock);
        wipe(std::get<Unlock::RecoveryKey>(unlock.way).text);
        if (!repository)
            return busFail("WrongPassphrase", tr("Neither as a passphrase nor as a recovery key "
                                                 "does this open the repository."));
    }
    if (!repository)
        return busFail(repository.error());
    return std::move(*repository);
}

std::uint64_t storedBytes(Catalog& catalog, const std::string& repositoryId)
{
    std::uint64_t sum = 0;
    const auto rows = catalog.backups(repositoryId, {}, {});
    for (const BackupRow& row : rows ? *rows : std::vector<BackupRow>())
        sum += row.storedBytes;
    return sum;
}

} // namespace

bus::RepositoryInfo Service::describe(Catalog& catalog, const RepositoryRow& row)
{
    bus::RepositoryInfo info;
    info.id = text(row.repositoryId);
    info.name = text(row.name);
    info.location = text(row.fsUuid.empty() ? row.path : "disk " + row.fsUuid + ": /" + row.path);
    info.isEncrypted = row.keyKept != KeyKept::BesideData;
    switch (row.keyKept) {
    case KeyKept::BesideData:
        info.keyPlace = bus::KeyPlace::None;
        break;
    case KeyKept::RootFile:
        info.keyPlace = bus::KeyPlace::RootFile;
        break;
    case KeyKept::Credential:
        info.keyPlace = bus::KeyPlace::Credential;
        break;
    case KeyKept::Nowhere:
        break;
    }
    info.usedBytes = storedBytes(catalog, row.repositoryId);
    if (const auto path = RepositoryPlace::findMounted(row)) {
        info.isReachable = true;
        info.location = text(*path);
        struct statvfs space
        {
        };
        if (::statvfs(path->c_str(), &space) == 0)
            info.freeBytes = static_cast<quint64>(space.f_bavail) * space.f_frsize;
    } else {
        // A disk that is there but not mounted is mounted when it is needed.
        const auto present = devices(false);
        info.isReachable = !row.fsUuid.empty() &&
                           std::any_of(present.begin(), present.end(), [&row](const auto& one) {
                               return one.fsUuid == row.fsUuid && one.mountPoints.empty();
                           });
        if (!info.isReachable)
            info.sentence = text(path.error().message);
    }
    std::vector<std::string> records;
    const auto backups = catalog.backups(row.repositoryId, {}, {});
    for (const BackupRow& backup : backups ? *backups : std::vector<BackupRow>()) {
        if (!backup.isComplete)
            continue;
        records.push_back(backup.recordId);
        info.lastBackupTime = std::max<qint64>(info.lastBackupTime, backup.createdAtMs / 1000);
    }
    std::sort(records.begin(), records.end());
    info.backupCount =
        static_cast<quint32>(std::unique(records.begin(), records.end()) - records.begin());
    const auto checks = catalog.verifications(row.repositoryId, {}, 100);
    for (const VerificationRow& check : checks ? *checks : std::vector<VerificationRow>()) {
        if (check.passed && check.recordId.empty())
            info.lastVerifiedTime =
                std::max<qint64>(info.lastVerifiedTime, check.finishedAtMs / 1000);
    }
    if (checks && !checks->empty() && !checks->front().passed)
        info.sentence = text(checks->front().sentence);
    return info;
}

BusResult<bus::RepositoryInfoList> Service::repositories()
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto rows = catalog->repositories();
    if (!rows)
        return busFail(rows.error());
    bus::RepositoryInfoList list;
    for (const RepositoryRow& row : *rows)
        list.append(describe(*catalog, row));
    return list;
}

Result<void> Service::keepKey(const std::string& repositoryId, const Secret& key)
{
    auto folder = Directory::open(m_paths.keys());
    if (!folder)
        return tl::unexpected(folder.error());
    return folder->writeFile(repositoryId, key.view());
}

Result<Secret> Service::keptKey(const std::string& repositoryId)
{
    const auto folder = Directory::open(m_paths.keys());
    if (!folder)
        return tl::unexpected(folder.error());
    const auto file = folder->openFile(repositoryId);
    if (!file)
        return fail(Error::Code::WrongKey,
                    "The key of this repository is not kept here any more. Open the repository "
                    "again with its passphrase or recovery key.");
    // A key may end with any byte, so nothing may be taken for a line's end.
    Secret key(kMaxKeyBytes);
    const ssize_t length = ::read(file->get(), key.data(), key.size());
    if (length <= 0)
        return failErrno("cannot read the kept key");
    return Secret::copyOf(ByteView(key.data(), static_cast<std::size_t>(length)));
}

void Service::forgetKey(const std::string& repositoryId)
{
    const auto folder = Directory::open(m_paths.keys());
    if (!folder)
        return;
    if (const auto removed = folder->remove(repositoryId);
        !removed && removed.error().code != Error::Code::NotFound)
        logError("a key could not be removed: " + removed.error().message);
}

std::mutex& Service::mutexOf(const std::string& repositoryId)
{
    const std::scoped_lock guard(m_repositoriesLock);
    return m_repositoryLocks[repositoryId]; // stays where it is, and for good
}

std::unique_lock<std::mutex> Service::holdRepository(const std::string& repositoryId)
{
    return std::unique_lock(mutexOf(repositoryId));
}

std::unique_lock<std::mutex> Service::tryHoldRepository(const std::string& repositoryId)
{
    return {mutexOf(repositoryId), std::try_to_lock};
}

Result<OpenedRepository> Service::unlock(const RepositoryRow& row)
{
    Unlock unlock;
    if (row.keyKept != KeyKept::BesideData) {
        auto key = keptKey(row.repositoryId);
        if (!key)
            return tl::unexpected(key.error());
        unlock.way = Unlock::StoredKey{std::move(*key)};
    }
    auto place = RepositoryPlace::open(row, m_paths.repositoryMounts());
    if (!place)
        return tl::unexpected(place.error());
    OpenedRepository opened;
    opened.place = std::make_unique<RepositoryPlace>(std::move(*place));
    auto directory = Directory::open(opened.place->path());
    if (!directory)
        return tl::unexpected(directory.error());
    auto repository =
        Repository::open(std::make_shared<DirectoryBackend>(std::move(*directory)), unlock);
    if (!repository)
        return tl::unexpected(repository.error());
    if ((*repository)->id().hex() != row.repositoryId)
        return fail(Error::Code::Gone,
                    "Another repository is at the place of “" + row.name + "”. It was left alone.");
    opened.repository = std::move(*repository);
    return opened;
}

BusResult<QString> Service::createRepository(NewRepository request)
{
    CreateOptions options;
    options.name = request.name;
    if (request.isEncrypted) {
        auto passphrase = readPassphrase(request.passphrase.get());
        if (!passphrase)
            return busFail(passphrase.error());
        if (passphrase->empty())
            return busFail("InvalidArgument", tr("The passphrase is empty."));
        options.passphrase = std::move(*passphrase);
    }
    request.passphrase.reset();
    auto directory = Directory::adopt(std::move(request.directory));
    if (!directory)
        return busFail(directory.error());
    const auto address = RepositoryPlace::addressOf(*directory);
    if (!address)
        return busFail(address.error());
    const auto members = directory->list();
    if (!members)
        return busFail(members.error());
    const bool isEmpty = std::all_of(members->begin(), members->end(), [](const auto& member) {
        return member.name == "lost+found"; // a fresh ext4 has one
    });
    if (!isEmpty)
        return busFail("Refused", tr("The folder is not empty. Choose an empty folder, or open "
                                     "the repository that is there. Nothing was changed."));
    auto created =
        Repository::create(std::make_shared<DirectoryBackend>(std::move(*directory)), options);
    if (!created)
        return busFail(created.error());

    const std::string id = created->repository->id().hex();
    RepositoryRow row;
    row.repositoryId = id;
    row.name = request.name;
    row.fsUuid = address->fsUuid;
    row.path = address->path;
    row.keyKept = request.isEncrypted ? KeyKept::RootFile : KeyKept::BesideData;
    row.addedAtMs = systemClock().nowMs();
    if (request.isEncrypted) {
        // First the person, then us: a repository whose recovery key nobody got
        // would look as safe as any other.
        std::string& key = created->recoveryKeyText;
        std::string line = key + "\n";
        const auto written = writeAll(request.recoveryKey.get(), asBytes(line));
        wipe(line);
        wipe(key);
        if (!written)
            return busFail("Failed", tr("The recovery key could not be handed over. The new "
                                        "repository was made but not added; delete the folder's "
                                        "content and try again."));
        if (const auto kept = keepKey(id, created->repository->exportKey()); !kept)
            return busFail(kept.error());
    }
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    if (const auto put = catalog->putRepository(row); !put)
        return busFail(put.error());
    return text(id);
}

BusResult<QString> Service::openRepository(UniqueFd directoryFd, UniqueFd passphraseFd)
{
    auto secret = readPassphrase(passphraseFd.get());
    if (!secret)
        return busFail(secret.error());
    auto directory = Directory::adopt(std::move(directoryFd));
    if (!directory)
        return busFail(directory.error());
    const auto address = RepositoryPlace::addressOf(*directory);
    if (!address)
        return busFail(address.error());
    auto backend = std::make_shared<DirectoryBackend>(std::move(*directory));
    const auto probed = Repository::probe(*backend);
    if (!probed)
        return busFail(probed.error());

    auto repository = probed->isKeyBesideData ? openPlain(backend) : openWith(backend, *secret);
    if (!repository)
        return tl::unexpected(repository.error());

    const std::string id = (*repository)->id().hex();
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto known = catalog->repository(id);
    if (!known)
        return busFail(known.error());
    RepositoryRow row = known->value_or(RepositoryRow{});
    row.repositoryId = id;
    row.name = (*repository)->name();
    row.fsUuid = address->fsUuid;
    row.path = address->path;
    row.keyKept = probed->isKeyBesideData ? KeyKept::BesideData : KeyKept::RootFile;
    if (!*known)
        row.addedAtMs = systemClock().nowMs();
    if (row.keyKept == KeyKept::RootFile) {
        if (const auto kept = keepKey(id, (*repository)->exportKey()); !kept)
            return busFail(kept.error());
    }
    if (const auto put = catalog->putRepository(row); !put)
        return busFail(put.error());

    const auto session = engine();
    ImportJob import(session->context, *repository);
    const auto imported = import.run({});
    if (!imported)
        return busFail(imported.error());
    for (const std::string& sentence : imported->damaged)
        logWarning("a record could not be imported: " + sentence);
    return text(id);
}

BusResult<void> Service::setPassphrase(const std::string& repositoryId, NewPassphrase request)
{
    const auto current = readPassphrase(request.current.get());
    const auto wanted = readPassphrase(request.passphrase.get());
    if (!current || !wanted)
        return busFail(!current ? current.error() : wanted.error());
    if (wanted->empty())
        return busFail("InvalidArgument", tr("The passphrase is empty."));
    auto row = repositoryRow(repositoryId);
    if (!row)
        return tl::unexpected(row.error());
    const auto opened = unlock(*row);
    if (!opened)
        return busFail(opened.error());
    const bool wasPlain = opened->repository->isKeyBesideData();
    if (!wasPlain) {
        auto directory = Directory::open(opened->place->path());
        if (!directory)
            return busFail(directory.error());
        const auto known =
            openWith(std::make_shared<DirectoryBackend>(std::move(*directory)), *current);
        if (!known)
            return tl::unexpected(known.error());
    } else if (const auto kept = keepKey(repositoryId, opened->repository->exportKey()); !kept) {
        // Before the key beside the data goes: plans run without anybody being asked.
        return busFail(kept.error());
    }
    auto recoveryKey = opened->repository->setPassphrase(*wanted);
    if (!recoveryKey)
        return busFail(recoveryKey.error());
    if (!wasPlain)
        return {};
    std::string line = *recoveryKey + "\n";
    const auto written = writeAll(request.recoveryKey.get(), asBytes(line));
    wipe(line);
    wipe(*recoveryKey);
    row->keyKept = KeyKept::RootFile;
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    if (const auto put = catalog->putRepository(*row); !put)
        return busFail(put.error());
    if (!written)
        return busFail("Failed", tr("The passphrase is set, but the recovery key could not be "
                                    "handed over. Keep the passphrase safe: nothing else opens "
                                    "the repository."));
    return {};
}

BusResult<void> Service::forgetRepository(const std::string& repositoryId)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto row = repositoryRow(repositoryId);
    if (!row)
        return tl::unexpected(row.error());
    const auto plans = catalog->plans();
    if (!plans)
        return busFail(plans.error());
    for (const PlanRow& plan : *plans) {
        if (plan.repositoryId == repositoryId)
            return busFail("Refused", tr("The plan “%1” uses this repository. Remove the plan or "
                                         "give it another one first.")
                                          .arg(text(plan.name)));
    }
    if (const auto removed = catalog->removeRepository(repositoryId); !removed)
        return busFail(removed.error());
    forgetKey(repositoryId);
    return {};
}

BusResult<void> Service::forgetBackup(const std::string& repositoryId, const std::string& recordId)
{
    const auto row = repositoryRow(repositoryId);
    if (!row)
        return tl::unexpected(row.error());
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto known = catalog->backups(repositoryId, {}, {});
    if (!known)
        return busFail(known.error());
    if (std::none_of(known->begin(), known->end(),
                     [&recordId](const BackupRow& one) { return one.recordId == recordId; }))
        return busFail("NotFound", tr("There is no such backup (any more)."));
    const auto hold = tryHoldRepository(repositoryId);
    if (!hold.owns_lock())
        return busFail("Busy", tr("A job is using this repository. Nothing was removed; try again "
                                  "when it is done."));
    auto opened = unlock(*row);
    if (!opened)
        return busFail(opened.error());
    // A clean-up that was killed would keep this one from giving room back.
    if (const auto withdrawn = opened->repository->withdrawWriters(m_machineId); !withdrawn)
        return busFail(withdrawn.error());
    const auto session = engine();
    const auto done = dormouse::forgetBackup(session->context, *opened->repository, recordId, {});
    if (!done)
        return busFail(done.error());
    return {};
}

} // namespace dormouse
