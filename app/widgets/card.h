// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/widgets/theme.h"

#include <QFrame>
#include <QLabel>

class QPushButton;

namespace dormouse::app {

// A rounded surface that holds one thing. A tone other than Neutral washes it
// in that tone's colour.
class Card : public QFrame
{
    Q_OBJECT

public:
    explicit Card(QWidget* parent = nullptr);

    void setTone(Tone tone);
    [[nodiscard]] Tone tone() const { return m_tone; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    Tone m_tone = Tone::Neutral;
};

// A label in one of the window's three voices; its colour follows the theme.
class TextLabel : public QLabel
{
    Q_OBJECT

public:
    enum class Voice { Title, Heading, Body, Faint, Small };

    explicit TextLabel(Voice voice, const QString& text = {}, QWidget* parent = nullptr);

    // Text in a tone's colour; Neutral returns to the voice's own.
    void setTone(Tone tone);

protected:
    void changeEvent(QEvent* event) override;

private:
    void recolour();

    Voice m_voice;
    Tone m_tone = Tone::Neutral;
};

// One line that never asks for more room than it gets: long names are elided
// in the middle, with the whole in the tooltip.
class ElidedLabel : public QLabel
{
    Q_OBJECT

public:
    explicit ElidedLabel(const QString& text = {}, QWidget* parent = nullptr);

    void setFullText(const QString& text);
    // Small and grey, for a second line.
    void setQuiet();
    [[nodiscard]] QSize minimumSizeHint() const override;
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    bool m_isQuiet = false;
};

// A vertical hairline.
class Separator : public QWidget
{
    Q_OBJECT

public:
    explicit Separator(QWidget* parent = nullptr);

protected:
    void paintEvent(QPaintEvent* event) override;
};

// A sign in its tone's colour.
class ToneSign : public QWidget
{
    Q_OBJECT

public:
    explicit ToneSign(int size, QWidget* parent = nullptr);

    void setTone(Tone tone);
    // A drawing of one's own instead of the tone's.
    void setDrawing(const QString& name, Tone tone);

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    Tone m_tone = Tone::Neutral;
    QString m_drawing;
};

// A sign, a sentence and (where something can be done) a button. `detail` says
// what it means in a second, quieter sentence.
class Banner : public Card
{
    Q_OBJECT

public:
    explicit Banner(QWidget* parent = nullptr);

    void show(Tone tone, const QString& sentence, const QString& detail = {},
              const QString& buttonText = {});
    void setDrawing(const QString& name);
    [[nodiscard]] QString sentence() const { return m_sentence->text(); }
    [[nodiscard]] QString detail() const { return m_detail->text(); }
    [[nodiscard]] QPushButton* button() const { return m_button; }

signals:
    void buttonClicked();

private:
    ToneSign* m_sign;
    TextLabel* m_sentence;
    TextLabel* m_detail;
    QPushButton* m_button;
};

// What an empty page says: a drawing, what will be here, the button that gets
// one there.
class EmptyState : public QWidget
{
    Q_OBJECT

public:
    explicit EmptyState(const QString& drawing, QWidget* parent = nullptr);

    void setText(const QString& heading, const QString& sentence, const QString& buttonText = {});
    [[nodiscard]] QPushButton* button() const { return m_button; }

signals:
    void buttonClicked();

private:
    ToneSign* m_sign;
    TextLabel* m_heading;
    TextLabel* m_sentence;
    QPushButton* m_button;
};

} // namespace dormouse::app
