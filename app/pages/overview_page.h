// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/pages/page.h"

class QVBoxLayout;

namespace dormouse::app {

class Banner;
class Card;
class DayStrip;
class JobList;
class TextLabel;

// Everything in one sentence, with the button that helps; the newest backup and
// the next run; what is running; how each volume stands; how the last month went for each plan.
class OverviewPage : public Page
{
    Q_OBJECT

public:
    explicit OverviewPage(HelperState* state, QWidget* parent = nullptr);

private:
    void refreshHealth();
    void refreshVolumes();
    void refreshPlans();
    void refreshJobs();
    void help(); // the banner's button

    Banner* m_banner;
    TextLabel* m_newest;
    TextLabel* m_newestDetail;
    TextLabel* m_next;
    TextLabel* m_nextDetail;
    Card* m_jobsCard;
    Card* m_volumesCard;
    QVBoxLayout* m_volumeRows;
    Card* m_plansCard;
    QVBoxLayout* m_planRows;
};

} // namespace dormouse::app
