// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_state.h"
#include "app/widgets/theme.h"

#include <QWidget>

class QHBoxLayout;
class QVBoxLayout;

namespace dormouse::app {

enum class PageId { Overview, Volumes, Restore, Plans, Activity };

// A page of the window: a title with actions beside it, and content that
// scrolls. Pages know the state, never each other: what leads elsewhere is a
// signal to the window.
class Page : public QWidget
{
    Q_OBJECT

public:
    Page(HelperState* state, const QString& title, bool scrolls = true, QWidget* parent = nullptr);

signals:
    // Something to tell at the top of the window: how a call went.
    void noticed(dormouse::app::Tone tone, const QString& sentence);
    // Another page, if need be at one thing of it (a volume's id ...).
    void pageWanted(dormouse::app::PageId page, const QString& subjectId);
    // The protect wizard, with this candidate or volume ticked.
    void protectWanted(const QString& candidateId);

protected:
    [[nodiscard]] HelperState* state() const { return m_state; }
    [[nodiscard]] HelperClient* client() const { return m_state->client(); }
    [[nodiscard]] QVBoxLayout* content() const { return m_content; }
    [[nodiscard]] QHBoxLayout* actions() const { return m_actions; }
    // Most calls: nothing to say if it went well.
    template <typename Value> Then<Value> tellFailure()
    {
        return [this](const Answer<Value>& answer) {
            if (!answer && answer.error().kind != CallError::Kind::Cancelled)
                emit noticed(Tone::Bad, answer.error().sentence);
        };
    }

private:
    HelperState* m_state;
    QVBoxLayout* m_content;
    QHBoxLayout* m_actions;
};

} // namespace dormouse::app
