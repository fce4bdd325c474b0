// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/pages/page.h"

class QComboBox;
class QLabel;
class QPushButton;
class QStackedWidget;
class QTreeView;

namespace dormouse::app {

class Card;
class EmptyState;
class FileListModel;
class PathBar;
class RestorePointsModel;
class TextLabel;
class TimelineView;

// Left the moments, right the files as they were. The folder stays the same
// while the moment changes. Opening a moment mounts it (read-only, in the
// helper); leaving it gives it back.
class RestorePage : public Page
{
    Q_OBJECT

public:
    explicit RestorePage(HelperState* state, QWidget* parent = nullptr);
    ~RestorePage() override;

    void showVolume(const QString& volumeId);

protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    enum class Side { NoMoment, Opening, Files, Missing, Failed };

    void refreshVolumes();
    void pointsLoaded();
    void momentChosen();
    void openMoment(const bus::RestorePoint& point);
    void closeMoment();
    void goTo(const QByteArray& path);
    void activate(const QModelIndex& index);
    void showSide(Side side, const QString& reason = {});
    void restoreSelected();
    void updateButtons();
    [[nodiscard]] QByteArrayList selectedPaths() const;

    QString m_wantedVolume; // asked for before the list of volumes was there
    bus::RestorePoint m_point;
    BrowseSession m_browse;
    quint32 m_opening = 0; // counts questions: an answer to an older one is given back
    QByteArray m_path;     // the folder that is wanted, also while it is missing

    RestorePointsModel* m_points;
    FileListModel* m_files;
    QComboBox* m_volume;
    TimelineView* m_timeline;
    QStackedWidget* m_whole;
    EmptyState* m_nothing;
    QStackedWidget* m_side;
    EmptyState* m_sideText;
    TextLabel* m_momentTitle;
    TextLabel* m_momentDetail;
    PathBar* m_pathBar;
    QPushButton* m_up;
    QTreeView* m_table;
    QPushButton* m_restore;
    QPushButton* m_openFolder;
    TextLabel* m_selection;
};

} // namespace dormouse::app
