// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the parts of Catalog's implementation share. Private to the library.
 */
#pragma once

#include "helper/catalog/catalog.h"
#include "helper/catalog/catalog_schema.h"
#include "helper/catalog/database.h"

#include <array>
#include <utility>

namespace dormouse {

struct Catalog::Private
{
    Database database;
    // After the database: statements must go before their connection.
    std::array<Statement, static_cast<std::size_t>(Query::Count)> statements;

    [[nodiscard]] Result<void> prepareStatements();

    /// The statement, ready to be bound.
    [[nodiscard]] Statement& start(Query query)
    {
        Statement& statement = statements[static_cast<std::size_t>(query)];
        statement.reset();
        return statement;
    }
};

template <typename T> [[nodiscard]] tl::unexpected<Error> passOn(const Result<T>& failed)
{
    return tl::make_unexpected(failed.error());
}

/// All rows of a bound statement, each read by `read(statement) -> Result<Row>`
/// or `-> Row`.
template <typename Read> [[nodiscard]] auto readAll(Statement& statement, Read read)
{
    using Row = decltype(read(statement));
    std::vector<Row> rows;
    for (;;) {
        const auto hasRow = statement.step();
        if (!hasRow)
            return Result<std::vector<Row>>(passOn(hasRow));
        if (!*hasRow)
            return Result<std::vector<Row>>(std::move(rows));
        rows.push_back(read(statement));
    }
}

/// The first row, or nullopt.
template <typename Read> [[nodiscard]] auto readOne(Statement& statement, Read read)
{
    using Row = decltype(read(statement));
    auto rows = readAll(statement, read);
    if (!rows)
        return Result<std::optional<Row>>(passOn(rows));
    if (rows->empty())
        return Result<std::optional<Row>>(std::nullopt);
    return Result<std::optional<Row>>(std::move(rows->front()));
}

} // namespace dormouse
