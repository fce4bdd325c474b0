// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/dbus/mock_polkit.h"

#include <QDBusArgument>
#include <QDBusVariant>
#include <QVariantMap>

namespace {

constexpr char kService[] = "org.freedesktop.PolicyKit1";
constexpr char kPath[] = "/org/freedesktop/PolicyKit1/Authority";

} // namespace

MockPolkit::MockPolkit(QDBusConnection connection) : m_connection(std::move(connection))
{
    m_connection.registerVirtualObject(QString::fromLatin1(kPath), this);
    m_connection.registerService(QString::fromLatin1(kService));
}

MockPolkit::~MockPolkit()
{
    m_connection.unregisterService(QString::fromLatin1(kService));
    m_connection.unregisterObject(QString::fromLatin1(kPath));
}

QStringList MockPolkit::actions() const
{
    QStringList list;
    for (const Question& question : m_questions)
        list.append(question.action);
    return list;
}

void MockPolkit::forget()
{
    m_questions.clear();
    m_cancelled.clear();
}

QString MockPolkit::introspect(const QString&) const
{
    return {};
}

void MockPolkit::answerNow(const Question& question, bool isAuthorized)
{
    QDBusArgument result; // (bba{ss})
    result.beginStructure();
    result << isAuthorized << false;
    result.beginMap(QMetaType::fromType<QString>(), QMetaType::fromType<QString>());
    result.endMap();
    result.endStructure();
    m_connection.send(question.message.createReply(QVariant::fromValue(result)));
}

bool MockPolkit::handleMessage(const QDBusMessage& message, const QDBusConnection& connection)
{
    if (message.member() == QLatin1String("GetAll")) {
        const QVariantMap properties{{QStringLiteral("BackendName"), QStringLiteral("mock")},
                                     {QStringLiteral("BackendVersion"), QStringLiteral("1")},
                                     {QStringLiteral("BackendFeatures"), 0U}};
        return connection.send(message.createReply(properties));
    }
    if (message.member() == QLatin1String("CancelCheckAuthorization")) {
        m_cancelled.append(message.arguments().value(0).toString());
        return connection.send(message.createReply());
    }
    if (message.member() != QLatin1String("CheckAuthorization"))
        return false;

    Question question;
    question.message = message;
    question.action = message.arguments().value(1).toString();
    question.cancellationId = message.arguments().value(4).toString();
    const auto subject = message.arguments().value(0).value<QDBusArgument>();
    QVariantMap details;
    subject.beginStructure();
    subject >> question.subjectKind >> details;
    subject.endStructure();
    question.subjectName = details.value(QStringLiteral("name")).toString();
    m_questions.append(question);
    switch (m_manner) {
    case Manner::Yes:
        answerNow(question, true);
        break;
    case Manner::No:
        answerNow(question, false);
        break;
    case Manner::Never:
        break;
    case Manner::Error:
        connection.send(message.createErrorReply(
            QStringLiteral("org.freedesktop.PolicyKit1.Error.Failed"), QStringLiteral("mock")));
        break;
    }
    return true;
}
