// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Who may call what: one table from bus method to polkit action.
 *
 * A method without a row may be called by nobody: forgetting to add one closes
 * a door instead of opening it.
 */
#pragma once

#include <QString>

#include <optional>
#include <span>

namespace dormouse {

/// Ordered: a later one asks for more than an earlier one.
enum class Access {
    Look,    ///< free for the active local user
    Change,  ///< an administrator, remembered for a while
    Restore, ///< an administrator, asked every time
    Delete,  ///< an administrator, asked every time
};

struct AccessRow
{
    const char* interface;
    const char* method;
    Access access;
};

/// The whole table, for tests.
[[nodiscard]] std::span<const AccessRow> accessTable();

/// nullopt: nobody may.
[[nodiscard]] std::optional<Access> accessFor(const QString& interface, const QString& method);

/// The polkit action, e.g. "org.dormouse.helper.look".
[[nodiscard]] QString actionId(Access access);

} // namespace dormouse
