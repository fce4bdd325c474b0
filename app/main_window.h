// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/pages/page.h"

#include <QMainWindow>
#include <QTimer>

class QStackedWidget;

namespace dormouse::app {

class Banner;
class EmptyState;
class RestorePage;
class SideBar;
class VolumesPage;

// The window: the side bar, the pages, and what has to be said above them. It
// only navigates; what is known of the world is in HelperState, and where
// nothing is known (no bus, no helper, not allowed) it says so in place of the
// pages.
class MainWindow : public QMainWindow
{
    Q_OBJECT

public:
    explicit MainWindow(HelperState* state, QWidget* parent = nullptr);

    void showPage(PageId page, const QString& subjectId = {});
    [[nodiscard]] PageId page() const;
    // "overview", "volumes", "restore", "plans", "activity"; false if unknown.
    [[nodiscard]] static bool parsePage(const QString& name, PageId& page);

    void protect(const QString& candidateId);
    void notice(Tone tone, const QString& sentence);

private:
    void addPage(const QString& iconName, const QString& title, Page* page);
    void stageChanged();
    void moduleChanged();
    void helpWithStage();

    HelperState* m_state;
    SideBar* m_sideBar;
    Banner* m_module;
    Banner* m_notice;
    QTimer m_noticeEnd;
    QStackedWidget* m_gate; // what is wrong, or the pages
    EmptyState* m_trouble;
    QStackedWidget* m_pages;
    VolumesPage* m_volumes;
    RestorePage* m_restore;
};

} // namespace dormouse::app
