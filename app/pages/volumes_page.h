// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/pages/page.h"

#include <QHash>

namespace dormouse::app {

class EmptyState;
class TextLabel;
class VolumeCard;

// A card for each volume: the protected ones first, in full, then what could
// be protected, small.
class VolumesPage : public Page
{
    Q_OBJECT

public:
    explicit VolumesPage(HelperState* state, QWidget* parent = nullptr);

    // Scrolls to a volume and gives its card the focus.
    void showVolume(const QString& id);

private:
    void refresh();
    void askForMap(VolumeCard* card);
    VolumeCard* makeCard();
    void takeSnapshot(const bus::VolumeInfo& volume);
    void backUp(const bus::VolumeInfo& volume);
    void grow(const bus::VolumeInfo& volume);
    void forget(const bus::VolumeInfo& volume);

    EmptyState* m_empty;
    TextLabel* m_othersTitle;
    QVBoxLayout* m_protectedColumn;
    QVBoxLayout* m_othersColumn;
    QHash<QString, VolumeCard*> m_cards; // by id, or candidate id
};

} // namespace dormouse::app
