// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the tests of the helper on its bus share: the real dormoused on a private
 * bus with a mock polkit, one of each for every test function, and the
 * descriptors that callers pass. Needs neither root nor the kernel module.
 */
#pragma once

#include "helper/dbus/types.h"
#include "tests/dbus/mock_polkit.h"
#include "tests/dbus/private_bus.h"

#include <QDBusUnixFileDescriptor>
#include <QObject>

#include <memory>

#include <fcntl.h>

/// An id that nothing has.
inline const QString kUnknownId = QStringLiteral("0123456789abcdef0123456789abcdef");
inline const QString kRoot = QString::fromLatin1(dormouse::bus::kRootPath);

/// Passes `fd` on; ours is closed.
[[nodiscard]] QDBusUnixFileDescriptor passed(int fd);
/// A folder, or with other flags what else is at `path`, opened.
[[nodiscard]] QDBusUnixFileDescriptor folderFd(const QString& path,
                                               int flags = O_RDONLY | O_DIRECTORY);
/// The read end of a pipe that holds `text`.
[[nodiscard]] QDBusUnixFileDescriptor pipeWith(const QByteArray& text);

/// A pipe whose write end is given to the helper.
struct Pipe
{
    int readEnd = -1;
    QDBusUnixFileDescriptor writeEnd;

    Pipe();
    ~Pipe();
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    /// Closes our write end and reads until the helper has closed its own.
    [[nodiscard]] QByteArray readAll();
};

/// Every day at noon.
[[nodiscard]] dormouse::bus::Rhythm daily();

class HelperFixture : public QObject
{
    Q_OBJECT

protected slots:
    void initTestCase();
    /// Everything but the start of the helper.
    void init();
    void cleanup();

protected:
    [[nodiscard]] bool startHelper();
    /// Makes a repository in `folder` and answers its id, empty on failure.
    QString newRepository(const QString& folder, const QByteArray& passphrase,
                          QByteArray* key = {});
    [[nodiscard]] QString catalogPath() const;

    std::unique_ptr<PrivateBus> m_bus;
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<QDBusConnection> m_polkitConnection;
    std::unique_ptr<MockPolkit> m_polkit;
    std::unique_ptr<HelperProcess> m_helper;
    std::unique_ptr<QDBusConnection> m_client;
};
