// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/catalog/database.h"

#include "helper/base/unique_fd.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <utility>

namespace dormouse {

namespace {

constexpr int busyTimeoutMs = 10'000;

Error::Code codeFor(int sqliteResult)
{
    switch (sqliteResult & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return Error::Code::Corrupt;
    case SQLITE_FULL:
        return Error::Code::NoSpace;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return Error::Code::Busy;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return Error::Code::Denied;
    case SQLITE_CONSTRAINT:
        return Error::Code::Invalid;
    case SQLITE_IOERR:
        return Error::Code::Io;
    default:
        return Error::Code::Internal;
    }
}

Failure failure(sqlite3* connection, int sqliteResult, std::string_view step)
{
    std::string message = "the catalog: ";
    message += step;
    message += ": ";
    message += connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(sqliteResult);
    return fail(codeFor(sqliteResult), std::move(message));
}

} // namespace

// Statement ------------------------------------------------------------------

Statement::Statement(sqlite3* connection, sqlite3_stmt* statement)
    : m_connection(connection), m_statement(statement)
{
}

Statement::Statement(Statement&& other) noexcept
    : m_connection(other.m_connection), m_statement(std::exchange(other.m_statement, nullptr)),
      m_bound(other.m_bound), m_bindResult(other.m_bindResult)
{
}

Statement& Statement::operator=(Statement&& other) noexcept
{
    std::swap(m_connection, other.m_connection);
    std::swap(m_statement, other.m_statement);
    std::swap(m_bound, other.m_bound);
    std::swap(m_bindResult, other.m_bindResult);
    return *this;
}

Statement::~Statement()
{
    sqlite3_finalize(m_statement);
}

void Statement::reset()
{
    sqlite3_reset(m_statement); // repeats the last step's error, which was reported
    sqlite3_clear_bindings(m_statement);
    m_bound = 0;
    m_bindResult = SQLITE_OK;
}

int Statement::nextParameter()
{
    return ++m_bound;
}

void Statement::noteBind(int result)
{
    if (m_bindResult == SQLITE_OK)
        m_bindResult = result;
}

Statement& Statement::bind(std::int64_t value)
{
    noteBind(sqlite3_bind_int64(m_statement, nextParameter(), value));
    return *this;
}

Statement& Statement::bind(std::string_view text)
{
    // An empty view may have no data, which SQLite would take for NULL.
    noteBind(sqlite3_bind_text64(m_statement, nextParameter(), text.empty() ? "" : text.data(),
                                 text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind(std::span<const std::uint8_t> blob)
{
    if (blob.empty())
        noteBind(sqlite3_bind_zeroblob(m_statement, nextParameter(), 0));
    else
        noteBind(sqlite3_bind_blob64(m_statement, nextParameter(), blob.data(), blob.size(),
                                     SQLITE_TRANSIENT));
    return *this;
}

Statement& Statement::bindNull()
{
    noteBind(sqlite3_bind_null(m_statement, nextParameter()));
    return *this;
}

Result<bool> Statement::step()
{
    if (m_bindResult != SQLITE_OK) {
        const auto error = failure(m_connection, m_bindResult, "binding a value");
        reset();
        return error;
    }
    const int result = sqlite3_step(m_statement);
    if (result == SQLITE_ROW)
        return true;
    if (result == SQLITE_DONE) {
        reset(); // ends the read transaction, so that the log can be truncated
        return false;
    }
    const auto error = failure(m_connection, sqlite3_extended_errcode(m_connection),
                               sqlite3_stmt_readonly(m_statement) != 0 ? "reading" : "writing");
    reset();
    return error;
}

Result<void> Statement::run()
{
    for (;;) {
        const auto hasRow = step();
        if (!hasRow)
            return tl::make_unexpected(hasRow.error());
        if (!*hasRow)
            return {};
    }
}

bool Statement::isNull(int column) const
{
    return sqlite3_column_type(m_statement, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const
{
    return sqlite3_column_int64(m_statement, column);
}

std::string Statement::text(int column) const
{
    const auto* text = sqlite3_column_text(m_statement, column);
    if (text == nullptr)
        return {};
    return {reinterpret_cast<const char*>(text),
            static_cast<std::size_t>(sqlite3_column_bytes(m_statement, column))};
}

std::vector<std::uint8_t> Statement::blob(int column) const
{
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(m_statement, column));
    if (data == nullptr)
        return {};
    return {data, data + sqlite3_column_bytes(m_statement, column)};
}

std::optional<std::int64_t> Statement::optionalInteger(int column) const
{
    if (isNull(column))
        return std::nullopt;
    return integer(column);
}

// Database -------------------------------------------------------------------

Result<Database> Database::open(const std::string& path, bool checkIntegrity)
{
    // SQLite would create the file with the umask's permissions.
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file)
        return failErrno("the catalog " + path + " cannot be opened");

    sqlite3* connection = nullptr;
    const int opened = sqlite3_open_v2(
        path.c_str(), &connection,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
    Database database(connection); // closes it on every way out; SQLite hands one out on errors too
    if (opened != SQLITE_OK)
        return failure(connection, opened, "opening " + path);

    sqlite3_extended_result_codes(connection, 1);
    sqlite3_busy_timeout(connection, busyTimeoutMs);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);

    auto ready = database.execute("PRAGMA cell_size_check=ON;"
                                  "PRAGMA synchronous=FULL;"
                                  "PRAGMA foreign_keys=ON;");
    if (ready && checkIntegrity)
        ready = database.checkIntegrity();
    if (!ready)
        return tl::make_unexpected(ready.error());
    return database;
}

Database::Database(sqlite3* connection) : m_connection(connection) {}

Database::Database(Database&& other) noexcept
    : m_connection(std::exchange(other.m_connection, nullptr))
{
}

Database& Database::operator=(Database&& other) noexcept
{
    std::swap(m_connection, other.m_connection);
    return *this;
}

Database::~Database()
{
    sqlite3_close_v2(m_connection); // the last statement to go really closes it
}

Result<void> Database::checkIntegrity()
{
    auto check = prepare("PRAGMA integrity_check(1)");
    if (!check)
        return tl::make_unexpected(check.error());
    auto hasRow = check->step();
    if (!hasRow)
        return tl::make_unexpected(hasRow.error());
    if (*hasRow && check->text(0) != "ok")
        return fail(Error::Code::Corrupt, "the catalog is damaged: " + check->text(0));
    return {};
}

Result<void> Database::execute(const char* sql)
{
    const int result = sqlite3_exec(m_connection, sql, nullptr, nullptr, nullptr);
    if (result != SQLITE_OK)
        return failure(m_connection, result, "executing");
    return {};
}

Result<Statement> Database::prepare(const char* sql)
{
    sqlite3_stmt* statement = nullptr;
    const int result =
        sqlite3_prepare_v3(m_connection, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (result != SQLITE_OK)
        return failure(m_connection, result, "preparing a statement");
    return Statement(m_connection, statement);
}

Result<std::int64_t> Database::singleInteger(const char* sql)
{
    auto query = prepare(sql);
    if (!query)
        return tl::make_unexpected(query.error());
    auto hasRow = query->step();
    if (!hasRow)
        return tl::make_unexpected(hasRow.error());
    return *hasRow ? query->integer(0) : 0;
}

Result<void> Database::migrate(std::span<const Migration> migrations)
{
    auto version = singleInteger("PRAGMA user_version");
    if (!version)
        return tl::make_unexpected(version.error());
    const auto known = static_cast<std::int64_t>(migrations.size());
    if (*version > known)
        return fail(Error::Code::Unsupported,
                    "This catalog was written by a newer Dormouse (version " +
                        std::to_string(*version) + ", this one knows " + std::to_string(known) +
                        "). Nothing was changed. Install that version again, or move the catalog "
                        "away to start a new one.");
    if (*version == 0) {
        auto tables = singleInteger("SELECT count(*) FROM sqlite_schema");
        if (!tables)
            return tl::make_unexpected(tables.error());
        if (*tables > 0)
            return fail(Error::Code::Unsupported,
                        "This file is a database of another program. Nothing was changed.");
    }
    // Written into the file, so only now that it is known to be ours; later
    // connections find it there.
    if (auto log = execute("PRAGMA journal_mode=WAL"); !log)
        return log;
    for (std::int64_t step = *version; step < known; ++step) {
        auto transaction = Transaction::begin(*this);
        if (!transaction)
            return tl::make_unexpected(transaction.error());
        auto done = execute(migrations[static_cast<std::size_t>(step)].sql);
        if (done)
            done = execute(("PRAGMA user_version=" + std::to_string(step + 1)).c_str());
        if (done)
            done = transaction->commit();
        if (!done)
            return addContext(done.error(), "upgrading to version " + std::to_string(step + 1));
    }
    return {};
}

std::int64_t Database::lastInsertId() const
{
    return sqlite3_last_insert_rowid(m_connection);
}

int Database::changedRows() const
{
    return sqlite3_changes(m_connection);
}

// Transaction ----------------------------------------------------------------

Transaction::Transaction(Database& database) : m_database(&database) {}

Transaction::Transaction(Transaction&& other) noexcept
    : m_database(std::exchange(other.m_database, nullptr))
{
}

Transaction::~Transaction()
{
    // If this fails, SQLite has rolled back by itself.
    if (m_database != nullptr)
        static_cast<void>(m_database->execute("ROLLBACK"));
}

Result<Transaction> Transaction::start(Database& database, const char* sql)
{
    auto begun = database.execute(sql);
    if (!begun)
        return tl::make_unexpected(begun.error());
    return Transaction(database);
}

Result<Transaction> Transaction::begin(Database& database)
{
    return start(database, "BEGIN IMMEDIATE");
}

Result<Transaction> Transaction::beginReading(Database& database)
{
    return start(database, "BEGIN DEFERRED");
}

Result<void> Transaction::commit()
{
    auto committed = m_database->execute("COMMIT");
    if (committed)
        m_database = nullptr;
    return committed;
}

} // namespace dormouse
