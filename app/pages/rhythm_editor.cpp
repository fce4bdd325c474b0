// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/rhythm_editor.h"

#include "app/client/words.h"
#include "app/widgets/card.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLocale>
#include <QSpinBox>
#include <QTimeEdit>

namespace dormouse::app {
namespace {

enum Kind { Every, Daily, Weekly, ByHand };

} // namespace

RhythmEditor::RhythmEditor(QWidget* parent)
    : QWidget(parent), m_kind(new QComboBox), m_every(new QComboBox), m_weekday(new QComboBox),
      m_time(new QTimeEdit(QTime(2, 30))), m_everyRow(new QWidget), m_timeRow(new QWidget),
      m_keepKind(new QComboBox), m_keep(new QSpinBox)
{
    m_kind->addItem(tr("Several times a day"), Every);
    m_kind->addItem(tr("Every day"), Daily);
    m_kind->addItem(tr("Every week"), Weekly);
    m_kind->addItem(tr("By hand only"), ByHand);
    m_kind->setAccessibleName(tr("How often"));
    for (const quint32 minutes : {15, 30, 60, 120, 180, 240, 360, 480, 720})
        m_every->addItem(rhythmSentence({bus::RhythmKind::Every, minutes, 0, 0}), minutes);
    m_every->setAccessibleName(tr("How many times a day"));
    for (int day = 1; day <= 7; ++day)
        m_weekday->addItem(QLocale().dayName(day), day);
    m_weekday->setAccessibleName(tr("Day of the week"));
    m_time->setDisplayFormat(
        QLocale().timeFormat(QLocale::ShortFormat).remove(QStringLiteral(":ss")));
    m_time->setAccessibleName(tr("Time of day"));
    m_keepKind->addItem(tr("Keep the last"));
    m_keepKind->addItem(tr("Keep every backup"));
    m_keepKind->setAccessibleName(tr("How long backups stay"));
    m_keep->setRange(1, 9999);
    m_keep->setValue(30);
    m_keep->setSuffix(tr(" backups"));
    m_keep->setAccessibleName(tr("How many backups stay"));

    auto* everyLine = new QHBoxLayout(m_everyRow);
    everyLine->setContentsMargins(0, 0, 0, 0);
    everyLine->addWidget(m_every);
    auto* timeLine = new QHBoxLayout(m_timeRow);
    timeLine->setContentsMargins(0, 0, 0, 0);
    timeLine->addWidget(m_weekday);
    timeLine->addWidget(new TextLabel(TextLabel::Voice::Small, tr("at")));
    timeLine->addWidget(m_time);
    auto* when = new QHBoxLayout;
    when->addWidget(m_kind);
    when->addWidget(m_everyRow);
    when->addWidget(m_timeRow);
    when->addStretch(1);
    auto* keep = new QHBoxLayout;
    keep->addWidget(m_keepKind);
    keep->addWidget(m_keep);
    keep->addStretch(1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(10);
    column->addLayout(when);
    column->addLayout(keep);

    for (QComboBox* box : {m_kind, m_every, m_weekday, m_keepKind})
        connect(box, &QComboBox::currentIndexChanged, this, &RhythmEditor::updateFields);
    connect(m_time, &QTimeEdit::timeChanged, this, &RhythmEditor::changed);
    connect(m_keep, &QSpinBox::valueChanged, this, &RhythmEditor::changed);
    m_kind->setCurrentIndex(Daily);
    updateFields();
}

void RhythmEditor::updateFields()
{
    const int kind = m_kind->currentData().toInt();
    m_everyRow->setVisible(kind == Every);
    m_timeRow->setVisible(kind == Daily || kind == Weekly);
    m_weekday->setVisible(kind == Weekly);
    m_keep->setVisible(m_keepKind->currentIndex() == 0);
    emit changed();
}

void RhythmEditor::load(const bus::PlanInfo& plan)
{
    const bus::Rhythm& rhythm = plan.rhythm;
    int kind = ByHand;
    if (plan.isEnabled && rhythm.kind == bus::RhythmKind::Every)
        kind = Every;
    else if (plan.isEnabled && rhythm.kind == bus::RhythmKind::Daily)
        kind = Daily;
    else if (plan.isEnabled && rhythm.kind == bus::RhythmKind::Weekly)
        kind = Weekly;
    if (rhythm.kind == bus::RhythmKind::Every && m_every->findData(rhythm.everyMinutes) < 0)
        m_every->addItem(rhythmSentence(rhythm), rhythm.everyMinutes); // set at the command line
    m_every->setCurrentIndex(qMax(0, m_every->findData(rhythm.everyMinutes)));
    m_weekday->setCurrentIndex(qBound(1, int(rhythm.weekday), 7) - 1);
    if (rhythm.kind == bus::RhythmKind::Daily || rhythm.kind == bus::RhythmKind::Weekly)
        m_time->setTime(QTime(int(rhythm.minuteOfDay / 60 % 24), int(rhythm.minuteOfDay % 60)));
    m_keepKind->setCurrentIndex(plan.keepLast == 0 ? 1 : 0);
    if (plan.keepLast > 0)
        m_keep->setValue(int(plan.keepLast));
    m_kind->setCurrentIndex(m_kind->findData(kind));
    updateFields();
}

void RhythmEditor::store(bus::PlanInfo& plan) const
{
    const QTime time = m_time->time();
    const quint32 minuteOfDay = quint32(time.hour() * 60 + time.minute());
    plan.isEnabled = true;
    switch (m_kind->currentData().toInt()) {
    case Every:
        plan.rhythm = {bus::RhythmKind::Every, m_every->currentData().toUInt(), 0, 0};
        break;
    case Daily:
        plan.rhythm = {bus::RhythmKind::Daily, 0, minuteOfDay, 0};
        break;
    case Weekly:
        plan.rhythm = {bus::RhythmKind::Weekly, 0, minuteOfDay, m_weekday->currentData().toUInt()};
        break;
    default:
        // The contract wants a rhythm even if it is not followed.
        plan.rhythm = {bus::RhythmKind::Daily, 0, minuteOfDay, 0};
        plan.isEnabled = false;
        break;
    }
    plan.keepLast = m_keepKind->currentIndex() == 1 ? 0 : quint32(m_keep->value());
}

} // namespace dormouse::app
