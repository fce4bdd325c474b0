// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/legend.h"

#include "app/widgets/card.h"
#include "app/widgets/gauges.h"

#include <QHBoxLayout>
#include <QPainter>

namespace dormouse::app {
namespace {

class SwatchWidget : public QWidget
{
public:
    explicit SwatchWidget(Legend::Swatch swatch) : m_swatch(swatch) { setFixedSize(12, 12); }

protected:
    void paintEvent(QPaintEvent*) override
    {
        QPainter painter(this);
        const QRectF box(0, 0, width(), height());
        switch (m_swatch) {
        case Legend::Swatch::Changed:
            paintBlocks(&painter, box, theme::blockChanged(palette()), false, palette());
            break;
        case Legend::Swatch::Store:
            paintBlocks(&painter, box, theme::blockStore(palette()), true, palette());
            break;
        case Legend::Swatch::Ground:
            painter.fillRect(box, theme::hairline(palette()));
            break;
        case Legend::Swatch::Done:
            paintDay(&painter, box, DayOutcome::Done, palette());
            break;
        case Legend::Swatch::Failed:
            paintDay(&painter, box, DayOutcome::Failed, palette());
            break;
        case Legend::Swatch::Overdue:
            paintDay(&painter, box, DayOutcome::Overdue, palette());
            break;
        case Legend::Swatch::Idle:
            paintDay(&painter, box, DayOutcome::Idle, palette());
            break;
        }
    }

private:
    Legend::Swatch m_swatch;
};

} // namespace

Legend::Legend(QWidget* parent) : QWidget(parent), m_row(new QHBoxLayout(this))
{
    m_row->setContentsMargins(0, 0, 0, 0);
    m_row->setSpacing(6);
    m_row->addStretch(1);
}

void Legend::addItem(Swatch swatch, const QString& text)
{
    const int end = m_row->count() - 1; // before the stretch
    m_row->insertWidget(end, new SwatchWidget(swatch));
    m_row->insertWidget(end + 1, new TextLabel(TextLabel::Voice::Small, text));
    m_row->insertSpacing(end + 2, 12);
}

} // namespace dormouse::app
