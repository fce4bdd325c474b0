// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "helper/dbus/types.h"

#include <QWidget>

class QComboBox;
class QSpinBox;
class QTimeEdit;

namespace dormouse::app {

// When a plan runs and how many backups stay: for the wizard and the plan's own
// dialog.
class RhythmEditor : public QWidget
{
    Q_OBJECT

public:
    explicit RhythmEditor(QWidget* parent = nullptr);

    // Takes rhythm, isEnabled and keepLast from a plan, or writes them into one.
    void load(const bus::PlanInfo& plan);
    void store(bus::PlanInfo& plan) const;

signals:
    void changed();

private:
    void updateFields();

    QComboBox* m_kind;
    QComboBox* m_every;
    QComboBox* m_weekday;
    QTimeEdit* m_time;
    QWidget* m_everyRow;
    QWidget* m_timeRow;
    QComboBox* m_keepKind;
    QSpinBox* m_keep;
};

} // namespace dormouse::app
