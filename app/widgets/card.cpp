// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/card.h"

#include "app/widgets/icons.h"

#include <QEvent>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>

namespace dormouse::app {

Card::Card(QWidget* parent) : QFrame(parent)
{
    setFrameShape(QFrame::NoFrame);
}

void Card::setTone(Tone tone)
{
    m_tone = tone;
    update();
}

void Card::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QColor border = theme::hairline(palette());
    if (m_tone != Tone::Neutral) {
        border = theme::tone(palette(), m_tone);
        border.setAlphaF(0.35f);
    }
    painter.setPen(QPen(border, 1));
    painter.setBrush(theme::toneWash(palette(), m_tone));
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 10, 10);
}

TextLabel::TextLabel(Voice voice, const QString& text, QWidget* parent)
    : QLabel(text, parent), m_voice(voice)
{
    setTextFormat(Qt::PlainText); // names of other people's making are shown here
    switch (voice) {
    case Voice::Title:
        setFont(theme::titleFont());
        break;
    case Voice::Heading:
        setFont(theme::headingFont());
        break;
    case Voice::Small:
        setFont(theme::smallFont());
        break;
    case Voice::Body:
    case Voice::Faint:
        break;
    }
    setWordWrap(voice == Voice::Body || voice == Voice::Faint || voice == Voice::Heading);
    recolour();
}

void TextLabel::setTone(Tone tone)
{
    m_tone = tone;
    recolour();
}

void TextLabel::changeEvent(QEvent* event)
{
    QLabel::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::ParentChange)
        recolour();
}

void TextLabel::recolour()
{
    const QPalette base = QGuiApplication::palette();
    QColor color = base.color(QPalette::WindowText);
    if (m_tone != Tone::Neutral)
        color = theme::tone(base, m_tone);
    else if (m_voice == Voice::Faint || m_voice == Voice::Small)
        color = theme::faint(base);
    QPalette mine = palette();
    if (mine.color(QPalette::WindowText) == color)
        return;
    mine.setColor(QPalette::WindowText, color);
    setPalette(mine);
}

ElidedLabel::ElidedLabel(const QString& text, QWidget* parent) : QLabel(parent)
{
    setTextFormat(Qt::PlainText);
    setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    setFullText(text);
}

void ElidedLabel::setQuiet()
{
    m_isQuiet = true;
    setFont(theme::smallFont());
}

void ElidedLabel::setFullText(const QString& text)
{
    setText(text);
    setToolTip(text);
    updateGeometry();
}

QSize ElidedLabel::minimumSizeHint() const
{
    return {40, QLabel::minimumSizeHint().height()};
}

QSize ElidedLabel::sizeHint() const
{
    return {fontMetrics().horizontalAdvance(text()) + 4, QLabel::sizeHint().height()};
}

void ElidedLabel::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setPen(m_isQuiet ? theme::faint(palette()) : palette().color(QPalette::WindowText));
    const QRect room = contentsRect();
    painter.drawText(room, int(Qt::AlignVCenter | Qt::AlignLeft),
                     fontMetrics().elidedText(text(), Qt::ElideMiddle, room.width()));
}

Separator::Separator(QWidget* parent) : QWidget(parent)
{
    setFixedWidth(1);
}

void Separator::paintEvent(QPaintEvent*)
{
    QPainter(this).fillRect(rect(), theme::hairline(palette()));
}

ToneSign::ToneSign(int size, QWidget* parent) : QWidget(parent)
{
    setFixedSize(size, size);
}

void ToneSign::setTone(Tone tone)
{
    setDrawing(theme::toneIcon(tone), tone);
}

void ToneSign::setDrawing(const QString& name, Tone tone)
{
    m_drawing = name;
    m_tone = tone;
    update();
}

void ToneSign::paintEvent(QPaintEvent*)
{
    if (m_drawing.isEmpty())
        return;
    QPainter painter(this);
    const QColor color = theme::tone(QGuiApplication::palette(), m_tone);
    painter.drawPixmap(0, 0, iconPixmap(m_drawing, color, width(), devicePixelRatioF()));
}

Banner::Banner(QWidget* parent)
    : Card(parent), m_sign(new ToneSign(32)), m_sentence(new TextLabel(TextLabel::Voice::Heading)),
      m_detail(new TextLabel(TextLabel::Voice::Faint)), m_button(new QPushButton)
{
    auto* words = new QVBoxLayout;
    words->setSpacing(4);
    words->addWidget(m_sentence);
    words->addWidget(m_detail);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(20, 16, 20, 16);
    row->setSpacing(16);
    row->addWidget(m_sign, 0, Qt::AlignVCenter);
    row->addLayout(words, 1);
    row->addWidget(m_button, 0, Qt::AlignVCenter);
    m_button->setProperty("prominent", true);
    connect(m_button, &QPushButton::clicked, this, &Banner::buttonClicked);
}

void Banner::show(Tone tone, const QString& sentence, const QString& detail,
                  const QString& buttonText)
{
    setTone(tone);
    m_sign->setTone(tone);
    m_sentence->setText(sentence);
    m_detail->setText(detail);
    m_detail->setVisible(!detail.isEmpty());
    m_button->setText(buttonText);
    m_button->setVisible(!buttonText.isEmpty());
    setAccessibleName(sentence);
    setAccessibleDescription(detail);
    QWidget::show();
}

void Banner::setDrawing(const QString& name)
{
    m_sign->setDrawing(name, tone());
}

EmptyState::EmptyState(const QString& drawing, QWidget* parent)
    : QWidget(parent), m_sign(new ToneSign(56)),
      m_heading(new TextLabel(TextLabel::Voice::Heading)),
      m_sentence(new TextLabel(TextLabel::Voice::Faint)), m_button(new QPushButton)
{
    m_sign->setDrawing(drawing, Tone::Neutral);
    for (QLabel* label : {static_cast<QLabel*>(m_heading), static_cast<QLabel*>(m_sentence)})
        label->setAlignment(Qt::AlignHCenter);
    // A fixed width, so that the height the words need is known.
    m_sentence->setFixedWidth(460);
    m_button->setProperty("prominent", true);
    auto* column = new QVBoxLayout(this);
    column->setSpacing(10);
    column->addStretch(2);
    column->addWidget(m_sign, 0, Qt::AlignHCenter);
    column->addWidget(m_heading);
    auto* sentenceRow = new QHBoxLayout;
    sentenceRow->addStretch(1);
    sentenceRow->addWidget(m_sentence);
    sentenceRow->addStretch(1);
    column->addLayout(sentenceRow);
    column->addSpacing(6);
    column->addWidget(m_button, 0, Qt::AlignHCenter);
    column->addStretch(3);
    connect(m_button, &QPushButton::clicked, this, &EmptyState::buttonClicked);
}

void EmptyState::setText(const QString& heading, const QString& sentence, const QString& buttonText)
{
    m_heading->setText(heading);
    m_sentence->setText(sentence);
    m_button->setText(buttonText);
    m_button->setVisible(!buttonText.isEmpty());
}

} // namespace dormouse::app
