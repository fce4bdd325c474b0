// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_state.h"

#include <QDialog>

class QCheckBox;
class QComboBox;
class QLineEdit;
class QPushButton;

namespace dormouse::app {

class RhythmEditor;
class TextLabel;

// A plan's name, volumes, repository and rhythm, for a new plan or an existing
// one. Saves through the helper and stays open with the reason if that fails.
class PlanDialog : public QDialog
{
    Q_OBJECT

public:
    // A plan without id is new.
    PlanDialog(HelperState* state, const bus::PlanInfo& plan, QWidget* parent = nullptr);

private:
    void save();
    void check();

    HelperState* m_state;
    bus::PlanInfo m_plan;
    QLineEdit* m_name;
    QList<QCheckBox*> m_volumes; // property "volumeId"
    QComboBox* m_repository;
    RhythmEditor* m_rhythm;
    TextLabel* m_message;
    QPushButton* m_save;
};

} // namespace dormouse::app
