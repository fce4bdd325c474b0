// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/volumes_page.h"

#include "app/widgets/card.h"
#include "app/widgets/icons.h"
#include "app/widgets/volume_card.h"

#include <QHBoxLayout>
#include <QMessageBox>
#include <QPushButton>
#include <QScrollArea>

namespace dormouse::app {
namespace {

constexpr quint32 mapBuckets = 512; // finer than a strip has pixels is of no use

QString keyOf(const bus::VolumeInfo& volume)
{
    return volume.id.isEmpty() ? volume.candidateId + volume.device : volume.id;
}

} // namespace

VolumesPage::VolumesPage(HelperState* state, QWidget* parent)
    : Page(state, tr("Volumes"), true, parent), m_empty(new EmptyState(QStringLiteral("volumes"))),
      m_othersTitle(new TextLabel(TextLabel::Voice::Heading, tr("Not protected"))),
      m_protectedColumn(new QVBoxLayout), m_othersColumn(new QVBoxLayout)
{
    auto* protect = new QPushButton(icon(QStringLiteral("shield-plus")), tr("Protect …"));
    actions()->addWidget(protect);
    connect(protect, &QPushButton::clicked, this, [this] { emit protectWanted(QString()); });

    m_empty->setText(tr("No volume found"),
                     tr("Dormouse protects volumes with an ext4 or XFS file system. As soon as one "
                        "is there, it is listed here."));
    content()->addWidget(m_empty);
    m_protectedColumn->setSpacing(16);
    m_othersColumn->setSpacing(10);
    content()->addLayout(m_protectedColumn);
    content()->addWidget(m_othersTitle);
    content()->addLayout(m_othersColumn);
    content()->addStretch(1);

    connect(state, &HelperState::volumesChanged, this, &VolumesPage::refresh);
    connect(state, &HelperState::plansChanged, this, &VolumesPage::refresh);
    connect(state, &HelperState::healthChanged, this, &VolumesPage::refresh);
    connect(state, &HelperState::restorePointsChanged, this, [this](const QString& volumeId) {
        if (VolumeCard* card = m_cards.value(volumeId))
            askForMap(card);
    });
    refresh();
}

VolumeCard* VolumesPage::makeCard()
{
    auto* card = new VolumeCard;
    connect(card, &VolumeCard::protectClicked, this,
            [this, card] { emit protectWanted(card->volume().candidateId); });
    connect(card, &VolumeCard::snapshotClicked, this,
            [this, card] { takeSnapshot(card->volume()); });
    connect(card, &VolumeCard::backUpClicked, this, [this, card] { backUp(card->volume()); });
    connect(card, &VolumeCard::browseClicked, this,
            [this, card] { emit pageWanted(PageId::Restore, card->volume().id); });
    connect(card, &VolumeCard::growClicked, this, [this, card] { grow(card->volume()); });
    connect(card, &VolumeCard::forgetClicked, this, [this, card] { forget(card->volume()); });
    return card;
}

void VolumesPage::refresh()
{
    // Cards are kept as long as their volume is there, so that focus and scroll
    // position stay; only their content changes.
    QHash<QString, VolumeCard*> kept;
    const bool hasModule = state()->moduleState() == bus::ModuleState::Loaded;
    bool hasOthers = false;
    for (const bus::VolumeInfo& volume : state()->volumes()) {
        const QString key = keyOf(volume);
        VolumeCard* card = m_cards.take(key);
        const bool isNew = !card;
        if (!card)
            card = makeCard();
        QVBoxLayout* column = volume.isProtected ? m_protectedColumn : m_othersColumn;
        if (column->indexOf(card) < 0)
            column->addWidget(card);
        hasOthers = hasOthers || !volume.isProtected;
        bool hasPlan = false;
        for (const bus::PlanInfo& plan : state()->plans())
            hasPlan = hasPlan || plan.volumeIds.contains(volume.id);
        const bool isNews = card->volume().lastBackupTime != volume.lastBackupTime;
        card->setVolume(volume, hasPlan, hasModule);
        if (volume.isProtected && (isNew || isNews))
            askForMap(card);
        kept.insert(key, card);
    }
    for (VolumeCard* gone : std::as_const(m_cards))
        gone->deleteLater();
    m_cards = kept;
    m_empty->setVisible(m_cards.isEmpty());
    m_othersTitle->setVisible(hasOthers);
}

void VolumesPage::askForMap(VolumeCard* card)
{
    client()->getChangeMapSummary(card->volume().id, mapBuckets, card,
                                  [card](const Answer<ChangeMapSummary>& answer) {
                                      if (answer)
                                          card->setMap(*answer);
                                  });
}

void VolumesPage::showVolume(const QString& id)
{
    VolumeCard* card = m_cards.value(id);
    if (!card)
        return;
    for (QWidget* parent = card->parentWidget(); parent; parent = parent->parentWidget()) {
        if (auto* area = qobject_cast<QScrollArea*>(parent))
            area->ensureWidgetVisible(card);
    }
}

void VolumesPage::takeSnapshot(const bus::VolumeInfo& volume)
{
    const QString name = displayName(volume);
    client()->takeSnapshot(
        {volume.id}, true, this, [this, name](const Answer<QStringList>& answer) {
            if (answer)
                emit noticed(Tone::Good, tr("The snapshot of %1 is taken. You can go back to this "
                                            "moment on the page Restore.")
                                             .arg(name));
            else
                tellFailure<QStringList>()(answer);
        });
}

void VolumesPage::backUp(const bus::VolumeInfo& volume)
{
    for (const bus::PlanInfo& plan : state()->plans()) {
        if (plan.volumeIds.contains(volume.id)) {
            client()->runPlan(plan.id, this, tellFailure<QString>());
            emit pageWanted(PageId::Overview, QString());
            return;
        }
    }
}

void VolumesPage::grow(const bus::VolumeInfo& volume)
{
    // How that goes is the job's to tell, on the page Overview.
    client()->growStore(volume.id, 0, this, tellFailure<QString>());
    emit pageWanted(PageId::Overview, QString());
}

void VolumesPage::forget(const bus::VolumeInfo& volume)
{
    auto* question = new QMessageBox(QMessageBox::Warning, tr("Stop protecting"),
                                     tr("Stop protecting %1?").arg(displayName(volume)),
                                     QMessageBox::Cancel, this);
    question->setInformativeText(
        tr("Changes are no longer recorded, and the volume's %n local snapshot(s) will be lost. "
           "Backups in repositories stay.",
           nullptr, int(volume.snapshotCount)));
    QPushButton* stop = question->addButton(tr("Stop protecting"), QMessageBox::DestructiveRole);
    question->setDefaultButton(QMessageBox::Cancel);
    question->setAttribute(Qt::WA_DeleteOnClose);
    connect(question, &QMessageBox::finished, this, [this, question, stop, id = volume.id] {
        if (question->clickedButton() == stop)
            client()->forgetVolume(id, this, tellFailure<bool>());
    });
    question->open();
}

} // namespace dormouse::app
