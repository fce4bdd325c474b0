// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/file_list_model.h"

#include "app/client/format.h"

#include <QCollator>
#include <QFile>

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace dormouse::app {

bool FileEntry::isFolder() const
{
    return S_ISDIR(mode);
}

bool FileEntry::isLink() const
{
    return S_ISLNK(mode);
}

FileListModel::FileListModel(QObject* parent) : QAbstractTableModel(parent)
{
    m_reader.setMaxThreadCount(1);
}

FileListModel::~FileListModel()
{
    m_reader.clear();
    m_reader.waitForDone();
}

void FileListModel::show(const QString& root, const QByteArray& path)
{
    const quint32 generation = ++m_generation;
    if (root.isEmpty()) {
        beginResetModel();
        m_entries.clear();
        m_path.clear();
        endResetModel();
        return;
    }
    const QByteArray folder = QFile::encodeName(root) + '/' + path;
    m_reader.clear(); // what nobody waits for any more
    m_reader.start([this, generation, folder, path] {
        const Listing listing = read(folder);
        QMetaObject::invokeMethod(
            this, [this, generation, path, listing] { take(generation, path, listing); },
            Qt::QueuedConnection);
    });
}

FileListModel::Listing FileListModel::read(const QByteArray& folder)
{
    Listing listing;
    DIR* directory = ::opendir(folder.constData());
    if (!directory) {
        listing.error = errno;
        return listing;
    }
    const int fd = ::dirfd(directory);
    while (const dirent* item = ::readdir(directory)) {
        const QByteArray name(item->d_name);
        struct stat status;
        if (name == "." || name == ".." ||
            ::fstatat(fd, name.constData(), &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        listing.entries.append(
            {name, quint32(status.st_mode), quint64(status.st_size), qint64(status.st_mtime)});
    }
    ::closedir(directory);
    QCollator collator;
    collator.setNumericMode(true);
    collator.setCaseSensitivity(Qt::CaseInsensitive);
    std::sort(listing.entries.begin(), listing.entries.end(),
              [&](const FileEntry& a, const FileEntry& b) {
                  if (a.isFolder() != b.isFolder())
                      return a.isFolder();
                  const int order =
                      collator.compare(QFile::decodeName(a.name), QFile::decodeName(b.name));
                  return order != 0 ? order < 0 : a.name < b.name;
              });
    return listing;
}

void FileListModel::take(quint32 generation, const QByteArray& path, const Listing& listing)
{
    if (generation != m_generation)
        return;
    if (listing.error != 0) {
        emit failed(listing.error != ENOENT && listing.error != ENOTDIR,
                    qt_error_string(listing.error));
        return;
    }
    beginResetModel();
    m_path = path;
    m_entries = listing.entries;
    endResetModel();
    emit loaded();
}

FileEntry FileListModel::entry(const QModelIndex& index) const
{
    return index.isValid() ? m_entries.value(index.row()) : FileEntry();
}

int FileListModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_entries.size());
}

int FileListModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : columnCountValue;
}

QVariant FileListModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= m_entries.size())
        return {};
    const FileEntry& entry = m_entries[index.row()];
    if (role == Qt::TextAlignmentRole && index.column() == Size)
        return int(Qt::AlignRight | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole)
        return QStringLiteral("%1\n%2  %3")
            .arg(QFile::decodeName(entry.name), formatMode(entry.mode),
                 formatMoment(QDateTime::fromSecsSinceEpoch(entry.modifiedTime)));
    if (role != Qt::DisplayRole)
        return {};
    switch (index.column()) {
    case Name:
        return QFile::decodeName(entry.name);
    case Size:
        return S_ISREG(entry.mode) ? formatBytes(entry.sizeBytes) : QString();
    case Modified:
        return formatWhen(QDateTime::fromSecsSinceEpoch(entry.modifiedTime));
    default:
        return {};
    }
}

QVariant FileListModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return int((section == Size ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    switch (section) {
    case Name:
        return tr("Name");
    case Size:
        return tr("Size");
    case Modified:
        return tr("Changed");
    default:
        return {};
    }
}

} // namespace dormouse::app
