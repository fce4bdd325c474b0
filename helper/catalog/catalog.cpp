// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/catalog/catalog_private.h"

#include "helper/base/unique_fd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>

namespace dormouse {

namespace {

std::string utcStamp()
{
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[32];
    const std::size_t length = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
    return {text, length};
}

bool exists(const std::string& path)
{
    struct stat status
    {
    };
    return lstat(path.c_str(), &status) == 0;
}

/// Names that were given or taken are on the disk when it returns.
Result<void> syncDirectoryOf(const std::string& path)
{
    const auto slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || fsync(fd.get()) != 0)
        return failErrno("the folder of the catalog cannot be made durable");
    return {};
}

/// Renames the database with its log files, which belong to it.
Result<std::string> setAside(const std::string& path)
{
    const std::string base = path + ".damaged-" + utcStamp();
    std::string target = base;
    for (int attempt = 2; exists(target); ++attempt)
        target = base + "-" + std::to_string(attempt);
    for (const char* suffix : {"-wal", "-shm", ""})
        if (exists(path + suffix) &&
            rename((path + suffix).c_str(), (target + suffix).c_str()) != 0)
            return failErrno("the damaged catalog " + path + " cannot be set aside");
    if (auto synced = syncDirectoryOf(path); !synced)
        return passOn(synced);
    return target;
}

Result<Database> openAndMigrate(const std::string& path)
{
    auto database = Database::open(path, true);
    if (!database)
        return database;
    if (auto migrated = database->migrate(catalogMigrations()); !migrated)
        return passOn(migrated);
    return database;
}

} // namespace

Result<void> Catalog::Private::prepareStatements()
{
    for (std::size_t i = 0; i < statements.size(); ++i) {
        auto statement = database.prepare(queryText(static_cast<Query>(i)));
        if (!statement)
            return passOn(statement);
        statements[i] = std::move(*statement);
    }
    return {};
}

Catalog::Catalog(std::unique_ptr<Private> d) : d(std::move(d)) {}
Catalog::Catalog(Catalog&&) noexcept = default;
Catalog& Catalog::operator=(Catalog&&) noexcept = default;
Catalog::~Catalog() = default;

Result<Catalog> Catalog::open(const std::string& path, CatalogOpenReport* report)
{
    CatalogOpenReport ignored;
    CatalogOpenReport& told = report != nullptr ? *report : ignored;
    told = {};
    told.wasCreated = !exists(path);

    auto database = openAndMigrate(path);
    if (!database && database.error().code == Error::Code::Corrupt) {
        const std::string reason = database.error().message;
        auto aside = setAside(path);
        if (!aside)
            return passOn(aside);
        told.wasDamaged = true;
        told.wasCreated = true;
        told.setAsidePath = *aside;
        told.sentence = "The catalog was damaged (" + reason + ") and is kept as " + *aside +
                        ". Backups are safe; import their repositories to see them again. The next "
                        "backup of each volume reads and compares everything once.";
        database = openAndMigrate(path);
    }
    if (!database)
        return passOn(database);
    if (told.wasCreated)
        if (auto synced = syncDirectoryOf(path); !synced)
            return passOn(synced);

    auto d = std::make_unique<Private>();
    d->database = std::move(*database);
    if (auto prepared = d->prepareStatements(); !prepared)
        return passOn(prepared);
    return Catalog(std::move(d));
}

Result<Catalog> Catalog::connect(const std::string& path)
{
    if (!exists(path))
        return fail(Error::Code::NotFound, "there is no catalog at " + path);
    auto database = Database::open(path, false);
    if (!database)
        return passOn(database);
    auto d = std::make_unique<Private>();
    d->database = std::move(*database);
    if (auto prepared = d->prepareStatements(); !prepared)
        return passOn(prepared);
    return Catalog(std::move(d));
}

Result<void> Catalog::putSetting(const std::string& key, const std::string& value)
{
    return d->start(Query::PutSetting).bind(key).bind(value).run();
}

Result<std::optional<std::string>> Catalog::setting(const std::string& key)
{
    return readOne(d->start(Query::GetSetting).bind(key),
                   [](const Statement& row) { return row.text(0); });
}

} // namespace dormouse
