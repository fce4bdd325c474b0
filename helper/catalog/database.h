// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * SQLite behind the thinnest wrapper that still closes everything.
 *
 * The catalog belongs to a root service, so there is no driver plug-in, no SQL
 * extension and no SQL text made at run time: the C API, statements prepared
 * once from constant text, parameters always bound.
 *
 * Every database is opened with WAL, synchronous=FULL (a commit that returned
 * survives a power cut), foreign keys on, and SQLite's defensive settings.
 *
 * Threads: a Database and its Statements belong to one thread at a time. Each
 * thread that needs the catalog opens its own.
 *
 * Errors: Result with a message that names the step and what SQLite said; the
 * code is Corrupt, NoSpace, Busy, Io, Denied or, for a broken constraint, Invalid.
 */
#pragma once

#include "helper/base/result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace dormouse {

class Database;

/// A prepared statement. Reusable: every execution starts by clearing the
/// bindings of the one before. Owned values are copied in and out.
class Statement
{
public:
    Statement() = default;
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&& other) noexcept;
    ~Statement();

    /// Starts a new execution: forgets rows and bindings of the previous one.
    void reset();

    /// Binds the next parameter, left to right; nullopt binds NULL.
    Statement& bind(std::int64_t value);
    Statement& bind(std::string_view text);
    Statement& bind(const char* text) { return bind(std::string_view(text)); }
    Statement& bind(std::span<const std::uint8_t> blob);
    template <typename T> Statement& bind(const std::optional<T>& value)
    {
        return value ? bind(*value) : bindNull();
    }
    Statement& bindNull();

    /// Advances to the next row: true if there is one. Any bind that failed is
    /// reported here.
    [[nodiscard]] Result<bool> step();

    /// Runs to the end, for statements that return no rows.
    [[nodiscard]] Result<void> run();

    /// Columns of the current row, from 0. NULL reads as 0, empty, empty.
    [[nodiscard]] bool isNull(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::vector<std::uint8_t> blob(int column) const;
    [[nodiscard]] std::optional<std::int64_t> optionalInteger(int column) const;

private:
    friend class Database;
    Statement(sqlite3* connection, sqlite3_stmt* statement);
    [[nodiscard]] int nextParameter();
    void noteBind(int result);

    sqlite3* m_connection = nullptr; // not owned
    sqlite3_stmt* m_statement = nullptr;
    int m_bound = 0;
    int m_bindResult = 0;
};

/// One step of a database's life, from user_version i to i + 1 (i = its place
/// in the list). Once released, a migration never changes.
struct Migration
{
    const char* sql;
};

class Database
{
public:
    /// Opens or creates (mode 0600) the file. `checkIntegrity` reads all of it.
    /// Error::Code::Corrupt means that the file is no database or that SQLite
    /// found its content inconsistent; after any other code it may be fine.
    [[nodiscard]] static Result<Database> open(const std::string& path, bool checkIntegrity);

    Database() = default;
    Database(Database&& other) noexcept;
    Database& operator=(Database&& other) noexcept;
    ~Database();

    /// Runs constant SQL text, several statements allowed.
    [[nodiscard]] Result<void> execute(const char* sql);

    /// For constant SQL text; kept by the caller, freed before the Database.
    [[nodiscard]] Result<Statement> prepare(const char* sql);

    /// Applies what is missing of `migrations`, each in one transaction with
    /// its new user_version: a crash between two leaves a valid older database.
    /// Refuses, untouched, a database that is newer than the list or not ours.
    /// Also switches a new database to WAL: call it on every first opening.
    [[nodiscard]] Result<void> migrate(std::span<const Migration> migrations);

    [[nodiscard]] std::int64_t lastInsertId() const;
    [[nodiscard]] int changedRows() const;

private:
    explicit Database(sqlite3* connection);
    [[nodiscard]] Result<void> checkIntegrity();
    [[nodiscard]] Result<std::int64_t> singleInteger(const char* sql);

    sqlite3* m_connection = nullptr;
};

/// BEGIN ... COMMIT, as the only writer from the start; rolled back when it goes out of scope
/// uncommitted.
class Transaction
{
public:
    [[nodiscard]] static Result<Transaction> begin(Database& database);
    /// For several reads of one state; keeps no writer waiting.
    [[nodiscard]] static Result<Transaction> beginReading(Database& database);
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    /// When it returns, the changes are on the disk.
    [[nodiscard]] Result<void> commit();

private:
    [[nodiscard]] static Result<Transaction> start(Database& database, const char* sql);
    explicit Transaction(Database& database);
    Database* m_database = nullptr;
};

} // namespace dormouse
