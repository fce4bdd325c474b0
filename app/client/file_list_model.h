// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <QByteArray>
#include <QDateTime>
#include <QList>
#include <QThreadPool>

namespace dormouse::app {

// One entry of a folder as it was at a moment.
struct FileEntry
{
    QByteArray name; // as on disk: bytes
    quint32 mode = 0;
    quint64 sizeBytes = 0;
    qint64 modifiedTime = 0;

    [[nodiscard]] bool isFolder() const;
    [[nodiscard]] bool isLink() const;
};

// A folder of a mounted restore point. Folders are read in a thread of their
// own, because a backup's files come through FUSE from a disk that may be slow;
// the old folder stays until the new one is there. Folders first, then by name.
class FileListModel : public QAbstractTableModel
{
    Q_OBJECT

public:
    enum Column { Name, Size, Modified, columnCountValue };

    explicit FileListModel(QObject* parent = nullptr);
    ~FileListModel() override;

    // `root` is where the restore point is mounted, `path` is below it ("" = the
    // root itself). An empty root empties the list.
    void show(const QString& root, const QByteArray& path);
    [[nodiscard]] QByteArray path() const { return m_path; }
    [[nodiscard]] FileEntry entry(const QModelIndex& index) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

signals:
    void loaded();
    // The folder cannot be read; `wasThere` is false if there was none.
    void failed(bool wasThere, const QString& reason);

private:
    struct Listing
    {
        QList<FileEntry> entries;
        int error = 0; // errno
    };
    static Listing read(const QByteArray& folder);
    void take(quint32 generation, const QByteArray& path, const Listing& listing);

    QThreadPool m_reader; // one thread
    quint32 m_generation = 0;
    QByteArray m_path;
    QList<FileEntry> m_entries;
};

} // namespace dormouse::app
