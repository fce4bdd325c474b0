// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Whoever answers "may the owner of this bus name do that?".
 *
 * check() never blocks; the answer comes as the signal answered(), in the
 * thread of the object, exactly once for each request unless it is cancelled.
 */
#pragma once

#include <QObject>
#include <QString>

namespace dormouse {

class Authority : public QObject
{
    Q_OBJECT

public:
    enum class Answer {
        Yes,
        No,
        Unavailable, ///< nobody could be asked: treated as No, said differently
    };
    Q_ENUM(Answer)

    using QObject::QObject;

    /// `request` is the caller's own number, unique among those under way.
    /// May ask the user for a password, so the answer may take minutes.
    virtual void check(quint64 request, const QString& busName, const QString& action) = 0;

    /// No answer is wanted any more; a dialog that is open is taken away.
    virtual void cancel(quint64 request) = 0;

signals:
    void answered(quint64 request, dormouse::Authority::Answer answer);
};

} // namespace dormouse
