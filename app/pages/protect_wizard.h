// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/protect_run.h"

#include <QDialog>

class QCheckBox;
class QComboBox;
class QLineEdit;
class QPushButton;
class QRadioButton;
class QStackedWidget;
class QVBoxLayout;

namespace dormouse::app {

class Banner;
class RhythmEditor;
class TextLabel;

// From nothing to a running first backup in four questions: what, where (and
// with which passphrase), when, and a summary. Then it is carried out, and for
// a new encrypted repository the recovery key is shown and must be saved before
// the wizard closes.
class ProtectWizard : public QDialog
{
    Q_OBJECT

public:
    // candidateId: the volume to tick at first; may be empty.
    ProtectWizard(HelperState* state, const QString& candidateId, QWidget* parent = nullptr);

    void reject() override;

private:
    enum Step { What, Where, When, Summary, Running, Key, stepCount };

    QWidget* makeWhat(const QString& candidateId);
    QWidget* makeWhere();
    QWidget* makeWhen();
    QWidget* makeSummary();
    QWidget* makeRunning();
    QWidget* makeKey();
    void goTo(int step);
    void check();
    void next();
    void updateSummary();
    void start();
    void finish();
    void saveKey();
    [[nodiscard]] bool isNewRepository() const;
    [[nodiscard]] QString whatIsMissing() const; // for the present step; empty = go on

    HelperState* m_state;
    ProtectRun* m_run;
    int m_step = What;
    bool m_isKeySaved = false;

    TextLabel* m_title;
    TextLabel* m_stepText;
    QStackedWidget* m_pages;
    TextLabel* m_hint;
    QPushButton* m_back;
    QPushButton* m_next;
    QPushButton* m_cancel;

    QList<QCheckBox*> m_volumes; // properties "candidateId", "volumeId"
    QComboBox* m_repository = nullptr;
    QWidget* m_newRepository = nullptr;
    QLineEdit* m_folder = nullptr;
    QLineEdit* m_name = nullptr;
    QRadioButton* m_encrypted = nullptr;
    QRadioButton* m_plain = nullptr;
    QWidget* m_passphrases = nullptr;
    QLineEdit* m_passphrase = nullptr;
    QLineEdit* m_passphraseAgain = nullptr;
    RhythmEditor* m_rhythm = nullptr;
    QCheckBox* m_backUpNow = nullptr;
    TextLabel* m_summary = nullptr;
    Banner* m_running = nullptr;
    QLineEdit* m_key = nullptr;
    QCheckBox* m_keyIsSafe = nullptr;
};

} // namespace dormouse::app
