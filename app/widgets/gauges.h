// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/day_history.h"

#include <QByteArray>
#include <QDate>
#include <QList>
#include <QWidget>

class QPainter;

namespace dormouse::app {

// The looks that drawings and their legends share.
void paintBlocks(QPainter* painter, const QRectF& box, const QColor& color, bool isHatched,
                 const QPalette& palette);
void paintDay(QPainter* painter, const QRectF& cell, DayOutcome day, const QPalette& palette);

// How full a volume's store is: a bar that changes tone at 75 % and 90 %, with
// the figures beside it. Used and total are of the undo ring.
class StoreGauge : public QWidget
{
    Q_OBJECT

public:
    explicit StoreGauge(QWidget* parent = nullptr);

    void setUse(quint64 usedBytes, quint64 totalBytes);
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    quint64 m_usedBytes = 0;
    quint64 m_totalBytes = 0;
};

// The volume from its first to its last byte as a strip: what has changed
// since the last backup, and where the store lies. The bytes are shares (0 to
// 255) of equal parts of the volume, as Manager.GetChangeMapSummary gives them.
// A part with any change at all is visible, however small.
class BlockMapStrip : public QWidget
{
    Q_OBJECT

public:
    explicit BlockMapStrip(QWidget* parent = nullptr);

    void setMap(const QByteArray& changed, const QByteArray& store);
    [[nodiscard]] bool hasMap() const { return !m_changed.isEmpty() || !m_store.isEmpty(); }
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QByteArray m_changed;
    QByteArray m_store;
};

// Thirty days of a plan, one cell a day, today last. Four looks that differ in
// shape, not only in colour: done = filled, failed = crossed, overdue = hollow
// with a mark, idle = a dot.
class DayStrip : public QWidget
{
    Q_OBJECT

public:
    static constexpr int dayCount = 30;

    explicit DayStrip(QWidget* parent = nullptr);

    // days.last() is `today`; missing days at the front are idle.
    void setDays(const QList<DayOutcome>& days, const QDate& today);
    [[nodiscard]] QList<DayOutcome> days() const { return m_days; }
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;

private:
    [[nodiscard]] QRectF cell(int index) const;

    QList<DayOutcome> m_days;
    QDate m_today;
};

} // namespace dormouse::app
