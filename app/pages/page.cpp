// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/page.h"

#include "app/widgets/card.h"

#include <QHBoxLayout>
#include <QScrollArea>

namespace dormouse::app {
namespace {

// Lines longer than this are hard to read on a wide screen.
constexpr int widestContent = 1080;
constexpr int margin = 32;

} // namespace

Page::Page(HelperState* state, const QString& title, bool scrolls, QWidget* parent)
    : QWidget(parent), m_state(state), m_content(new QVBoxLayout), m_actions(new QHBoxLayout)
{
    auto* heading = new TextLabel(TextLabel::Voice::Title, title);
    m_actions->setSpacing(8);
    auto* headWidget = new QWidget;
    auto* head = new QHBoxLayout(headWidget);
    head->setContentsMargins(margin, 18, margin, 14);
    head->addWidget(heading, 1);
    head->addLayout(m_actions);
    setAccessibleName(title);

    auto* body = new QWidget;
    auto* column = new QHBoxLayout(body);
    column->setContentsMargins(margin, 2, margin, 28);
    auto* inner = new QWidget;
    inner->setLayout(m_content);
    m_content->setContentsMargins(0, 0, 0, 0);
    m_content->setSpacing(16);
    column->addWidget(inner, 1);

    auto* all = new QVBoxLayout(this);
    all->setContentsMargins(0, 0, 0, 0);
    all->setSpacing(0);
    all->addWidget(headWidget);
    if (!scrolls) {
        all->addWidget(body, 1);
        return;
    }
    inner->setMaximumWidth(widestContent);
    headWidget->setMaximumWidth(widestContent + 2 * margin);
    column->addStretch(0);
    auto* area = new QScrollArea;
    area->setFrameShape(QFrame::NoFrame);
    area->setWidgetResizable(true);
    area->setFocusPolicy(Qt::NoFocus);
    area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    area->setWidget(body);
    area->viewport()->setAutoFillBackground(false);
    body->setAutoFillBackground(false);
    all->addWidget(area, 1);
}

} // namespace dormouse::app
