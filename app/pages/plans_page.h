// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/pages/page.h"

class QPushButton;

namespace dormouse::app {

class Card;
class EmptyState;
class TextLabel;

// What is backed up where and when: a card for each plan, then the repositories
// that they use.
class PlansPage : public Page
{
    Q_OBJECT

public:
    explicit PlansPage(HelperState* state, QWidget* parent = nullptr);

private:
    void refresh();
    Card* makePlanCard(const bus::PlanInfo& plan);
    Card* makeRepositoryCard(const bus::RepositoryInfo& repository);
    void edit(const bus::PlanInfo& plan);
    void remove(const bus::PlanInfo& plan);
    void pause(const QString& planId, qint64 until);
    [[nodiscard]] bool isBusy(const QString& planId) const;

    [[nodiscard]] QString shownFacts() const;

    QString m_shownFacts;
    QPushButton* m_new;
    EmptyState* m_empty;
    QVBoxLayout* m_planColumn;
    TextLabel* m_repositoriesTitle;
    QVBoxLayout* m_repositoryColumn;
};

} // namespace dormouse::app
