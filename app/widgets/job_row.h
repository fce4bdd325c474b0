// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_state.h"

#include <QWidget>

class QProgressBar;
class QPushButton;
class QVBoxLayout;

namespace dormouse::app {

class TextLabel;

// One running job: what, phase, progress, rate and (while it moves) the time
// that is left, with a button that stops it.
class JobRow : public QWidget
{
    Q_OBJECT

public:
    explicit JobRow(HelperState* state, const QString& jobPath, QWidget* parent = nullptr);

    void showJob(const JobStatus& job);
    [[nodiscard]] QString jobPath() const { return m_jobPath; }

private:
    HelperState* m_state;
    QString m_jobPath;
    TextLabel* m_title;
    TextLabel* m_phase;
    QProgressBar* m_bar;
    TextLabel* m_progress;
    QPushButton* m_cancel;
};

// Every running job, a row each; hidden while there is none.
class JobList : public QWidget
{
    Q_OBJECT

public:
    explicit JobList(HelperState* state, QWidget* parent = nullptr);

private:
    void refresh();

    HelperState* m_state;
    QVBoxLayout* m_column;
    QList<JobRow*> m_rows;
};

} // namespace dormouse::app
