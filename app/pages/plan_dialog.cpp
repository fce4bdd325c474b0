// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/plan_dialog.h"

#include "app/client/words.h"
#include "app/pages/rhythm_editor.h"
#include "app/widgets/card.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>

namespace dormouse::app {
namespace {

constexpr char volumeProperty[] = "volumeId";

} // namespace

PlanDialog::PlanDialog(HelperState* state, const bus::PlanInfo& plan, QWidget* parent)
    : QDialog(parent), m_state(state), m_plan(plan), m_name(new QLineEdit(plan.name)),
      m_repository(new QComboBox), m_rhythm(new RhythmEditor),
      m_message(new TextLabel(TextLabel::Voice::Body)), m_save(new QPushButton(tr("Save")))
{
    const bool isNew = plan.id.isEmpty();
    setWindowTitle(isNew ? tr("New plan") : tr("Change the plan"));
    setMinimumWidth(500);
    m_name->setAccessibleName(tr("Name of the plan"));
    m_name->setPlaceholderText(tr("Name, for example \"Home every night\""));
    m_name->setMaxLength(100);
    m_repository->setAccessibleName(tr("Repository"));
    for (const bus::RepositoryInfo& repository : state->repositories())
        m_repository->addItem(repository.name, repository.id);
    m_repository->setCurrentIndex(qMax(0, m_repository->findData(plan.repositoryId)));
    m_rhythm->load(plan);
    m_message->setTone(Tone::Bad);
    m_message->hide();

    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(24, 20, 24, 20);
    column->setSpacing(8);
    const auto section = [&](const QString& text) {
        column->addSpacing(6);
        column->addWidget(new TextLabel(TextLabel::Voice::Heading, text));
    };
    section(tr("Name"));
    column->addWidget(m_name);
    section(tr("What"));
    for (const bus::VolumeInfo& volume : state->volumes()) {
        if (!volume.isProtected)
            continue;
        auto* box =
            new QCheckBox(displayName(volume).replace(QLatin1Char('&'), QLatin1String("&&")));
        box->setToolTip(describe(volume));
        box->setProperty(volumeProperty, volume.id);
        box->setChecked(plan.volumeIds.contains(volume.id));
        connect(box, &QCheckBox::toggled, this, &PlanDialog::check);
        column->addWidget(box);
        m_volumes.append(box);
    }
    section(tr("Where to"));
    column->addWidget(m_repository);
    section(tr("When, and how much stays"));
    column->addWidget(m_rhythm);
    column->addSpacing(4);
    column->addWidget(m_message);
    column->addStretch(1);
    auto* cancel = new QPushButton(tr("Cancel"));
    auto* buttons = new QHBoxLayout;
    buttons->addStretch(1);
    buttons->addWidget(cancel);
    buttons->addWidget(m_save);
    column->addLayout(buttons);
    m_save->setDefault(true);
    connect(cancel, &QPushButton::clicked, this, &QDialog::reject);
    connect(m_save, &QPushButton::clicked, this, &PlanDialog::save);
    connect(m_name, &QLineEdit::textChanged, this, &PlanDialog::check);
    check();
}

void PlanDialog::check()
{
    const bool hasVolume = std::any_of(m_volumes.begin(), m_volumes.end(),
                                       [](const QCheckBox* box) { return box->isChecked(); });
    m_save->setEnabled(hasVolume && m_repository->currentIndex() >= 0 &&
                       !m_name->text().trimmed().isEmpty());
}

void PlanDialog::save()
{
    m_plan.name = m_name->text().trimmed();
    m_plan.volumeIds.clear();
    for (const QCheckBox* box : m_volumes) {
        if (box->isChecked())
            m_plan.volumeIds << box->property(volumeProperty).toString();
    }
    m_plan.repositoryId = m_repository->currentData().toString();
    m_rhythm->store(m_plan);
    m_save->setEnabled(false);
    m_message->hide();
    const auto fail = [this](const CallError& error) {
        m_message->setText(error.sentence);
        m_message->show();
        check();
    };
    const auto update = [this, fail] {
        m_state->client()->updatePlan(m_plan, this, [this, fail](const Answer<bool>& answer) {
            if (answer)
                accept();
            else
                fail(answer.error());
        });
    };
    if (!m_plan.id.isEmpty()) {
        update();
        return;
    }
    m_state->client()->createPlan(
        m_plan, this, [this, fail, update](const Answer<QString>& answer) {
            if (!answer) {
                fail(answer.error());
                return;
            }
            m_plan.id = *answer; // so that a second try does not make a second plan
            if (m_plan.isEnabled)
                accept();
            else
                update();
        });
}

} // namespace dormouse::app
