// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/repository.h"

#include "helper/base/log.h"
#include "helper/repository/backup_view_p.h"
#include "helper/repository/backup_writer_p.h"
#include "helper/repository/keyring.h"

#include <algorithm>

namespace dormouse {

namespace {

constexpr std::int64_t pruneIntentCountsMs = 24 * 3600 * 1000;

Result<Bytes> readConfigFile(Backend& backend)
{
    auto file = getWhole(backend, std::string(format::configName), format::maxSmallFileBytes);
    if (!file && file.error().code == Error::Code::NotFound)
        return fail(Error::Code::NotFound, "there is no Dormouse repository in this place");
    return file;
}

Result<Secret> openSlotFile(Backend& backend, std::string_view name, format::SlotKind kind,
                            const Id128& repositoryId, const Secret& knowledge)
{
    const auto file = getWhole(backend, std::string(name), format::maxSmallFileBytes);
    if (!file && file.error().code == Error::Code::NotFound)
        return fail(Error::Code::WrongKey, "the repository cannot be opened in this way");
    if (!file)
        return addContext(file.error(), "cannot read the key file");
    return openSlot(*file, kind, repositoryId, knowledge);
}

Result<Secret> findMasterKey(Backend& backend, const Id128& repositoryId, const Unlock& unlock)
{
    using format::SlotKind;
    if (const auto* passphrase = std::get_if<Unlock::Passphrase>(&unlock.way))
        return openSlotFile(backend, format::passphraseSlotName, SlotKind::Passphrase, repositoryId,
                            passphrase->text);
    if (const auto* recovery = std::get_if<Unlock::RecoveryKey>(&unlock.way)) {
        const auto key = parseRecoveryKey(recovery->text);
        if (!key)
            return Failure(key.error());
        return openSlotFile(backend, format::recoverySlotName, SlotKind::Recovery, repositoryId,
                            *key);
    }
    if (const auto* stored = std::get_if<Unlock::StoredKey>(&unlock.way)) {
        if (stored->key.size() != format::keyBytes)
            return fail(Error::Code::WrongKey, "the stored key has a wrong size");
        return stored->key.clone();
    }
    return openSlotFile(backend, format::plainSlotName, SlotKind::Plain, repositoryId, Secret());
}

Result<void> putSlot(Backend& backend, std::string_view name, ByteView file)
{
    auto put = backend.put(std::string(name), file);
    if (!put)
        return addContext(put.error(), "cannot store the key file");
    return put;
}

} // namespace

Repository::Repository(std::shared_ptr<RepositoryCore> core) : m_core(std::move(core)) {}

Repository::~Repository() = default;

Result<Repository::Created> Repository::create(std::shared_ptr<Backend> backend,
                                               const CreateOptions& options, Clock& clock)
{
    const auto config = backend->stat(std::string(format::configName));
    if (config)
        return fail(Error::Code::Exists, "there already is a repository in this place");
    if (config.error().code != Error::Code::NotFound)
        return addContext(config.error(), "cannot look for a repository");
    for (const auto prefix : {format::packsPrefix, format::recordsPrefix}) {
        const auto listed = backend->list(std::string(prefix));
        if (!listed)
            return Failure(listed.error());
        if (!listed->empty())
            return fail(Error::Code::Invalid,
                        "this place holds the data of a repository whose configuration is missing; "
                        "nothing was changed");
    }
    if (options.passphrase && options.passphrase->empty())
        return fail(Error::Code::Invalid, "the passphrase is empty");

    const Secret master = Secret::random(format::keyBytes);
    RepositoryConfig fresh;
    fresh.repositoryId = Id128::random();
    fresh.isKeyBesideData = !options.passphrase.has_value();
    fresh.name = options.name;
    fresh.createdMs = clock.nowMs();

    Created created;
    if (options.passphrase) {
        const auto slot =
            encodePassphraseSlot(fresh.repositoryId, master, *options.passphrase, options.cost);
        if (!slot)
            return Failure(slot.error());
        const Secret recovery = Secret::random(recoveryKeyBytes);
        auto put = putSlot(*backend, format::passphraseSlotName, *slot);
        if (put)
            put = putSlot(*backend, format::recoverySlotName,
                          encodeRecoverySlot(fresh.repositoryId, master, recovery));
        if (!put)
            return Failure(put.error());
        created.recoveryKeyText = printRecoveryKey(recovery);
    } else if (auto put = putSlot(*backend, format::plainSlotName,
                                  encodePlainSlot(fresh.repositoryId, master));
               !put) {
        return Failure(put.error());
    }
    // Last: from here on the place is a repository.
    if (auto put = backend->put(std::string(format::configName), encodeConfig(fresh, Keys(master)));
        !put)
        return addContext(put.error(), "cannot store the repository's configuration");
    auto opened = open(backend, Unlock{Unlock::StoredKey{master.clone()}}, clock);
    if (!opened)
        return Failure(opened.error());
    created.repository = std::move(*opened);
    return created;
}

Result<std::shared_ptr<Repository>> Repository::open(std::shared_ptr<Backend> backend,
                                                     const Unlock& unlock, Clock& clock)
{
    const auto file = readConfigFile(*backend);
    if (!file)
        return Failure(file.error());
    const auto info = probeConfig(*file);
    if (!info)
        return Failure(info.error());
    auto master = findMasterKey(*backend, info->repositoryId, unlock);
    if (!master)
        return Failure(master.error());
    const auto config = decodeConfig(*file, Keys(*master));
    if (!config)
        return Failure(config.error());

    auto core = std::make_shared<RepositoryCore>(std::move(backend), std::move(*master),
                                                 config->repositoryId, config->name,
                                                 config->isKeyBesideData, clock);
    if (auto loaded = core->index.load(); !loaded)
        return addContext(loaded.error(), "cannot read the index");
    if (core->index.runs().empty() && core->index.damagedRuns().empty()) {
        // An index that is lost as a whole is made again from the packs; one that
        // never was costs one look at two empty folders.
        const auto records = core->backend->list(std::string(format::recordsPrefix));
        if (records && !records->empty()) {
            logWarning("the repository's index is missing and is made anew");
            if (auto rebuilt = core->rebuildIndex({}); !rebuilt)
                return addContext(rebuilt.error(), "cannot make the missing index anew");
        }
    }
    return std::shared_ptr<Repository>(new Repository(std::move(core)));
}

Result<RepositoryInfo> Repository::probe(Backend& backend)
{
    const auto file = readConfigFile(backend);
    if (!file)
        return Failure(file.error());
    return probeConfig(*file);
}

Id128 Repository::id() const
{
    return m_core->id;
}

const std::string& Repository::name() const
{
    return m_core->name;
}

bool Repository::isKeyBesideData() const
{
    return m_core->isKeyBesideData;
}

Secret Repository::exportKey() const
{
    return m_core->master.clone();
}

Result<std::string> Repository::setPassphrase(const Secret& passphrase, PassphraseCost cost)
{
    if (passphrase.empty())
        return fail(Error::Code::Invalid, "the passphrase is empty");
    Backend& backend = *m_core->backend;
    const auto slot = encodePassphraseSlot(m_core->id, m_core->master, passphrase, cost);
    if (!slot)
        return Failure(slot.error());
    std::string recoveryText;
    if (m_core->isKeyBesideData) {
        const Secret recovery = Secret::random(recoveryKeyBytes);
        if (auto put = putSlot(backend, format::recoverySlotName,
                               encodeRecoverySlot(m_core->id, m_core->master, recovery));
            !put)
            return Failure(put.error());
        recoveryText = printRecoveryKey(recovery);
    }
    if (auto put = putSlot(backend, format::passphraseSlotName, *slot); !put)
        return Failure(put.error());
    if (!m_core->isKeyBesideData)
        return recoveryText;

    const auto file = readConfigFile(backend);
    if (!file)
        return Failure(file.error());
    auto config = decodeConfig(*file, m_core->keys);
    if (!config)
        return Failure(config.error());
    config->isKeyBesideData = false;
    if (auto put =
            backend.put(std::string(format::configName), encodeConfig(*config, m_core->keys));
        !put)
        return Failure(put.error());
    auto removed = backend.remove(std::string(format::plainSlotName));
    if (!removed && removed.error().code != Error::Code::NotFound)
        return addContext(removed.error(), "the key beside the data could not be removed");
    m_core->isKeyBesideData = false;
    return recoveryText;
}

Result<RecordList> Repository::listRecords() const
{
    auto files = m_core->readRecordFiles();
    if (!files)
        return Failure(files.error());
    RecordList list;
    for (RepositoryCore::RecordFile& file : files->files)
        if (!file.record.isIncomplete)
            list.records.push_back(std::move(file.record));
    list.damaged = std::move(files->damaged);
    return list;
}

Result<BackupRecord> Repository::readRecord(const Id128& recordId) const
{
    auto file = m_core->readRecordFile(recordId);
    if (!file && file.error().code == Error::Code::NotFound)
        return fail(Error::Code::NotFound, "the repository has no such backup (any more)");
    if (!file)
        return Failure(file.error());
    return std::move(file->record);
}

Result<void> Repository::removeRecord(const Id128& recordId)
{
    auto removed = m_core->backend->remove(format::recordName(recordId));
    if (!removed && removed.error().code == Error::Code::NotFound)
        return fail(Error::Code::NotFound, "the repository has no such backup (any more)");
    return removed;
}

Result<std::unique_ptr<BackupWriter>> Repository::beginBackup(const RunInfo& run,
                                                              WriterOptions options)
{
    WriterIntent intent;
    intent.writerId = Id128::random();
    intent.machineId = run.machineId;
    intent.runId = run.runId;
    intent.startedMs = m_core->clock.nowMs();
    if (auto put = m_core->putIntent(format::IntentKind::Writer, intent); !put)
        return addContext(put.error(), "cannot announce the backup in the repository");
    const auto giveUp = [&](Error error) {
        [[maybe_unused]] const auto removed =
            m_core->backend->remove(format::intentName(intent.writerId));
        return Failure(std::move(error));
    };

    const auto intents = m_core->listIntents();
    if (!intents)
        return giveUp(intents.error());
    for (const IntentFile& file : *intents) {
        const bool isPrune = file.kind == format::IntentKind::Prune || !file.isReadable;
        if (isPrune && intent.startedMs - file.intent.startedMs <= pruneIntentCountsMs)
            return giveUp({Error::Code::Busy, "the repository is being cleaned up. The backup can "
                                              "start when that has finished."});
    }
    if (auto loaded = m_core->index.load(); !loaded)
        return giveUp(loaded.error());
    auto packs = m_core->listPacks();
    if (!packs)
        return giveUp(packs.error());
    auto data = std::make_unique<BackupWriter::Private>(m_core, run, std::move(options),
                                                        intent.writerId, std::move(*packs));
    return std::unique_ptr<BackupWriter>(new BackupWriter(std::move(data)));
}

Result<std::unique_ptr<BackupView>> Repository::openView(const BackupRecord& record,
                                                         const Id128& volumeId,
                                                         BackupView::Options options) const
{
    if (record.repositoryId != m_core->id)
        return fail(Error::Code::Invalid, "the backup is of another repository");
    const auto index = record.findVolume(volumeId);
    if (!index)
        return fail(Error::Code::NotFound, "the backup has no such volume");
    auto data = std::make_unique<BackupView::Private>(m_core, record.volumes[*index], options);
    return std::unique_ptr<BackupView>(new BackupView(std::move(data)));
}

Result<std::vector<WriterIntent>> Repository::listWriters() const
{
    const auto files = m_core->listIntents();
    if (!files)
        return Failure(files.error());
    std::vector<WriterIntent> writers;
    for (const IntentFile& file : *files)
        if (file.kind == format::IntentKind::Writer)
            writers.push_back(file.intent);
    return writers;
}

Result<void> Repository::withdrawWriters(const Id128& machineId)
{
    const auto files = m_core->listIntents();
    if (!files)
        return Failure(files.error());
    for (const IntentFile& file : *files) {
        if (!file.isReadable || file.intent.machineId != machineId)
            continue;
        auto removed = m_core->backend->remove(format::intentName(file.intent.writerId));
        if (!removed && removed.error().code != Error::Code::NotFound)
            return removed;
    }
    return {};
}

Result<void> Repository::rebuildIndex(const PruneOptions& options)
{
    auto lock = PruneLock::take(*m_core, options);
    if (!lock)
        return Failure(lock.error());
    return m_core->rebuildIndex(options.progress);
}

Result<std::uint64_t> Repository::freeSpaceBytes() const
{
    return m_core->backend->freeSpaceBytes();
}

} // namespace dormouse
