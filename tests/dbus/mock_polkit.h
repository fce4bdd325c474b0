// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Stands in for polkitd: answers yes, no, later or never, and remembers what it
 * was asked. Lives in the test's event loop on a connection of its own.
 */
#pragma once

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusVirtualObject>
#include <QList>
#include <QStringList>

class MockPolkit : public QDBusVirtualObject
{
    Q_OBJECT

public:
    enum class Manner { Yes, No, Never, Error };

    struct Question
    {
        QString subjectKind; ///< "system-bus-name"
        QString subjectName;
        QString action;
        QString cancellationId;
        QDBusMessage message;
    };

    explicit MockPolkit(QDBusConnection connection);
    ~MockPolkit() override;

    void setManner(Manner manner) { m_manner = manner; }
    [[nodiscard]] const QList<Question>& questions() const { return m_questions; }
    [[nodiscard]] QStringList actions() const;
    [[nodiscard]] const QStringList& cancelled() const { return m_cancelled; }
    void forget();

    /// Answers a question that was left open with Never.
    void answerNow(const Question& question, bool isAuthorized);

    QString introspect(const QString& path) const override;
    bool handleMessage(const QDBusMessage& message, const QDBusConnection& connection) override;

private:
    QDBusConnection m_connection;
    Manner m_manner = Manner::Yes;
    QList<Question> m_questions;
    QStringList m_cancelled;
};
