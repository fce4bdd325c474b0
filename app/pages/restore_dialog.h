// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_state.h"

#include <QDateTime>
#include <QDialog>

class QLineEdit;
class QProgressBar;
class QPushButton;
class QRadioButton;

namespace dormouse::app {

class Banner;
class TextLabel;

// Where to, and what if something is there already: then the plan (counted by
// the helper, nothing written), and only then the restore, followed to its end.
class RestoreDialog : public QDialog
{
    Q_OBJECT

public:
    struct Request
    {
        QString session; // of Manager.Browse
        QByteArrayList paths;
        QDateTime moment;
        QString originalFolder; // where they came from; empty if not mounted now
    };

    RestoreDialog(HelperState* state, const Request& request, QWidget* parent = nullptr);

    // The page must keep its session while a dialog is using it.
    [[nodiscard]] static bool isOpenFor(const QWidget* parent);

    void reject() override;

private:
    void build();
    void chooseFolder();
    void askForPlan();
    void showPlan(const Answer<bus::RestoreCounts>& answer);
    void restore();
    void showProgress(const QString& path);
    void showEnd(const JobStatus& job);
    [[nodiscard]] QString target() const;
    [[nodiscard]] bus::ConflictPolicy conflict() const;

    HelperState* m_state;
    Request m_request;
    quint32 m_question = 0;
    QString m_job; // path; empty before and after
    bool m_isDone = false;

    QRadioButton* m_original;
    QRadioButton* m_elsewhere;
    QLineEdit* m_folder;
    QPushButton* m_choose;
    QRadioButton* m_beside;
    QRadioButton* m_overwrite;
    QRadioButton* m_skip;
    QWidget* m_choices;
    Banner* m_plan;
    QProgressBar* m_bar;
    TextLabel* m_progress;
    QPushButton* m_go;
    QPushButton* m_close;
};

} // namespace dormouse::app
