// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/volume_card.h"

#include "app/client/format.h"
#include "app/client/helper_state.h"
#include "app/client/words.h"
#include "app/widgets/gauges.h"
#include "app/widgets/icons.h"
#include "app/widgets/legend.h"
#include "app/widgets/tones.h"

#include <QGridLayout>
#include <QMenu>
#include <QPushButton>
#include <QToolButton>

namespace dormouse::app {

VolumeCard::VolumeCard(QWidget* parent)
    : Card(parent), m_sign(new ToneSign(28)), m_name(new ElidedLabel), m_place(new ElidedLabel),
      m_state(new TextLabel(TextLabel::Voice::Body)), m_body(new QWidget), m_facts(new QWidget),
      m_buttons(new QWidget), m_sentence(new TextLabel(TextLabel::Voice::Body)),
      m_error(new TextLabel(TextLabel::Voice::Body)),
      m_storeText(new TextLabel(TextLabel::Voice::Body)), m_gauge(new StoreGauge),
      m_changedText(new TextLabel(TextLabel::Voice::Body)),
      m_backupText(new TextLabel(TextLabel::Voice::Body)),
      m_modeText(new TextLabel(TextLabel::Voice::Body)), m_mapArea(new QWidget),
      m_map(new BlockMapStrip),
      m_protect(new QPushButton(icon(QStringLiteral("shield-plus")), tr("Protect …"))),
      m_snapshot(new QPushButton(icon(QStringLiteral("snapshot")), tr("Take snapshot"))),
      m_backUp(new QPushButton(icon(QStringLiteral("backup")), tr("Back up now"))),
      m_browse(new QPushButton(icon(QStringLiteral("browse")), tr("Browse"))),
      m_more(new QToolButton)
{
    build();
    connect(m_protect, &QPushButton::clicked, this, &VolumeCard::protectClicked);
    connect(m_snapshot, &QPushButton::clicked, this, &VolumeCard::snapshotClicked);
    connect(m_backUp, &QPushButton::clicked, this, &VolumeCard::backUpClicked);
    connect(m_browse, &QPushButton::clicked, this, &VolumeCard::browseClicked);
}

void VolumeCard::build()
{
    m_name->setFont(theme::headingFont());
    m_place->setQuiet();
    m_state->setWordWrap(false);
    m_more->setIcon(icon(QStringLiteral("more")));
    m_more->setPopupMode(QToolButton::InstantPopup);
    m_more->setAutoRaise(true);
    m_more->setFocusPolicy(Qt::TabFocus);
    auto* menu = new QMenu(m_more);
    m_grow = menu->addAction(tr("Make the store larger"), this, &VolumeCard::growClicked);
    menu->addAction(tr("Stop protecting …"), this, &VolumeCard::forgetClicked);
    m_more->setMenu(menu);
    m_more->setStyleSheet(QStringLiteral("QToolButton::menu-indicator { image: none; }"));

    auto* title = new QVBoxLayout;
    title->setSpacing(2);
    title->addWidget(m_name);
    title->addWidget(m_place);
    auto* head = new QHBoxLayout;
    head->setSpacing(14);
    head->addWidget(m_sign);
    head->addLayout(title, 1);
    head->addWidget(m_state);
    head->addWidget(m_protect);
    head->addWidget(m_more);

    const auto caption = [](const QString& text) {
        return new TextLabel(TextLabel::Voice::Small, text);
    };
    auto* facts = new QGridLayout(m_facts);
    facts->setContentsMargins(0, 0, 0, 0);
    facts->setHorizontalSpacing(28);
    facts->setVerticalSpacing(3);
    facts->addWidget(caption(tr("Last backup")), 0, 0);
    facts->addWidget(m_backupText, 1, 0);
    facts->addWidget(caption(tr("Written since the last snapshot")), 0, 1);
    facts->addWidget(m_changedText, 1, 1);
    facts->addWidget(caption(tr("Mode")), 0, 2);
    facts->addWidget(m_modeText, 1, 2);
    facts->addWidget(caption(tr("Room for old data")), 0, 3);
    facts->addWidget(m_storeText, 1, 3);
    facts->addWidget(m_gauge, 2, 3);
    for (int column = 0; column < 4; ++column)
        facts->setColumnStretch(column, 1);

    auto* mapLayout = new QVBoxLayout(m_mapArea);
    mapLayout->setContentsMargins(0, 4, 0, 0);
    mapLayout->setSpacing(6);
    mapLayout->addWidget(m_map);
    auto* legend = new Legend;
    legend->addItem(Legend::Swatch::Changed, tr("changed since the last backup"));
    legend->addItem(Legend::Swatch::Store, tr("Dormouse's store"));
    legend->addItem(Legend::Swatch::Ground, tr("unchanged or free"));
    mapLayout->addWidget(legend);

    auto* buttons = new QHBoxLayout(m_buttons);
    buttons->setContentsMargins(0, 0, 0, 0);
    buttons->setSpacing(8);
    buttons->addWidget(m_backUp);
    buttons->addWidget(m_snapshot);
    buttons->addWidget(m_browse);
    buttons->addStretch(1);

    auto* body = new QVBoxLayout(m_body);
    body->setContentsMargins(0, 0, 0, 0);
    body->setSpacing(14);
    body->addWidget(m_sentence);
    body->addWidget(m_error);
    body->addWidget(m_facts);
    body->addWidget(m_mapArea);
    body->addWidget(m_buttons);

    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(20, 16, 20, 16);
    column->setSpacing(12);
    column->addLayout(head);
    column->addWidget(m_body);
}

void VolumeCard::setVolume(const bus::VolumeInfo& volume, bool hasPlan, bool hasModule)
{
    m_volume = volume;
    const QString name = displayName(volume);
    const Tone tone = toneOf(volume.state);
    setAccessibleName(tr("Volume %1").arg(name));
    if (volume.isProtected)
        m_sign->setTone(tone);
    else
        m_sign->setDrawing(QStringLiteral("drive"), Tone::Neutral);
    m_name->setFullText(name);
    m_place->setFullText(describe(volume));
    m_state->setText(volume.isProtected ? stateName(volume.state) : QString());
    m_state->setTone(tone);
    m_state->setVisible(volume.isProtected);

    m_body->setVisible(volume.isProtected || !volume.refusal.isEmpty());
    m_sentence->setText(volume.isProtected ? volume.stateSentence : volume.refusal);
    m_error->setText(volume.lastError);
    m_error->setTone(Tone::Bad);
    m_error->setVisible(!volume.lastError.isEmpty());
    for (QWidget* each : {m_facts, m_buttons, static_cast<QWidget*>(m_more)})
        each->setVisible(volume.isProtected);
    m_mapArea->setVisible(volume.isProtected && m_map->hasMap());

    const bool isRecording =
        volume.state == bus::VolumeState::Active || volume.state == bus::VolumeState::Dormant;
    m_storeText->setText(volume.undoBytes == 0 ? tr("not known")
                                               : tr("%1 of %2 used")
                                                     .arg(formatBytes(volume.undoUsedBytes),
                                                          formatBytes(volume.undoBytes)));
    m_gauge->setUse(volume.undoUsedBytes, volume.undoBytes);
    m_changedText->setText(isRecording ? formatBytes(volume.changedBytes) : tr("not known"));
    m_backupText->setText(volume.lastBackupTime == 0
                              ? tr("never")
                              : formatWhen(QDateTime::fromSecsSinceEpoch(volume.lastBackupTime)));
    m_backupText->setTone(volume.lastBackupTime == 0 ? Tone::Attention : Tone::Neutral);
    m_modeText->setText(volume.mode == bus::VolumeMode::Snapshot
                            ? tr("%n local snapshot(s)", nullptr, int(volume.snapshotCount))
                            : modeName(volume.mode));

    m_protect->setVisible(!volume.isProtected && volume.isProtectable);
    m_protect->setEnabled(hasModule);
    m_protect->setAccessibleName(tr("Protect %1").arg(name));
    m_snapshot->setEnabled(isRecording && hasModule);
    m_snapshot->setAccessibleName(tr("Take a snapshot of %1").arg(name));
    m_backUp->setEnabled(hasPlan && hasModule && !volume.device.isEmpty());
    m_backUp->setToolTip(
        hasPlan ? QString() : tr("No plan backs this volume up yet. Make one on the page Plans."));
    m_backUp->setAccessibleName(tr("Back up %1 now").arg(name));
    m_browse->setEnabled(volume.snapshotCount > 0 || volume.lastBackupTime > 0);
    m_browse->setAccessibleName(tr("Browse restore points of %1").arg(name));
    m_more->setAccessibleName(tr("More for %1").arg(name));
    m_grow->setEnabled(volume.state == bus::VolumeState::Active && hasModule);
    m_more->setToolTip(tr("More"));
}

void VolumeCard::setMap(const ChangeMapSummary& map)
{
    m_map->setMap(map.changed, map.store);
    m_mapArea->setVisible(m_volume.isProtected && m_map->hasMap());
}

} // namespace dormouse::app
