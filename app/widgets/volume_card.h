// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_client.h"
#include "app/widgets/card.h"

class QAction;
class QPushButton;
class QToolButton;

namespace dormouse::app {

class BlockMapStrip;
class StoreGauge;

// A volume and everything there is to know of it. A volume that is not
// protected shows itself small, with the reason or the button.
class VolumeCard : public Card
{
    Q_OBJECT

public:
    explicit VolumeCard(QWidget* parent = nullptr);

    // hasPlan: some plan backs it up, so "Back up now" makes sense.
    void setVolume(const bus::VolumeInfo& volume, bool hasPlan, bool hasModule);
    void setMap(const ChangeMapSummary& map);
    [[nodiscard]] const bus::VolumeInfo& volume() const { return m_volume; }

signals:
    void protectClicked();
    void snapshotClicked();
    void backUpClicked();
    void browseClicked();
    void growClicked();
    void forgetClicked();

private:
    void build();

    bus::VolumeInfo m_volume;
    ToneSign* m_sign;
    ElidedLabel* m_name;
    ElidedLabel* m_place;
    TextLabel* m_state;
    QWidget* m_body;
    QWidget* m_facts;
    QWidget* m_buttons;
    TextLabel* m_sentence;
    TextLabel* m_error;
    TextLabel* m_storeText;
    StoreGauge* m_gauge;
    TextLabel* m_changedText;
    TextLabel* m_backupText;
    TextLabel* m_modeText;
    QWidget* m_mapArea;
    BlockMapStrip* m_map;
    QPushButton* m_protect;
    QPushButton* m_snapshot;
    QPushButton* m_backUp;
    QPushButton* m_browse;
    QToolButton* m_more;
    QAction* m_grow = nullptr;
};

} // namespace dormouse::app
