// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/icons.h"

#include <QFile>
#include <QGuiApplication>
#include <QIconEngine>
#include <QPainter>
#include <QPalette>
#include <QPixmapCache>
#include <QSvgRenderer>

namespace dormouse::app {
namespace {

void paintDrawing(QPainter* painter, const QRectF& rect, const QString& name, const QColor& color)
{
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly))
        return;
    QByteArray svg = file.readAll();
    svg.replace("#000000", color.name(QColor::HexRgb).toLatin1());
    QSvgRenderer renderer(svg);
    painter->save();
    painter->setOpacity(painter->opacity() * color.alphaF());
    painter->setRenderHint(QPainter::Antialiasing);
    renderer.render(painter, rect);
    painter->restore();
}

// Chooses the colour when it paints, which a QIcon made of pixmaps cannot.
class ThemedIconEngine : public QIconEngine
{
public:
    explicit ThemedIconEngine(const QString& name) : m_name(name) {}

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override
    {
        const QPalette palette = QGuiApplication::palette();
        QColor color = palette.color(QPalette::Active, QPalette::WindowText);
        if (mode == QIcon::Disabled)
            color = palette.color(QPalette::Disabled, QPalette::WindowText);
        else if (mode == QIcon::Selected)
            color = palette.color(QPalette::Active, QPalette::HighlightedText);
        paintDrawing(painter, rect, m_name, color);
    }

    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override
    {
        QPixmap pixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect(QPoint(), size), mode, state);
        return pixmap;
    }

    QPixmap scaledPixmap(const QSize& size, QIcon::Mode mode, QIcon::State state, qreal) override
    {
        return pixmap(size, mode, state);
    }

    QIconEngine* clone() const override { return new ThemedIconEngine(m_name); }
    bool isNull() override { return false; }

private:
    QString m_name;
};

} // namespace

QIcon icon(const QString& name)
{
    return QIcon(new ThemedIconEngine(name));
}

QPixmap iconPixmap(const QString& name, const QColor& color, int size, qreal devicePixelRatio)
{
    const QString key = QStringLiteral("dormouse-%1-%2-%3-%4")
                            .arg(name, color.name(QColor::HexArgb))
                            .arg(size)
                            .arg(devicePixelRatio);
    QPixmap pixmap;
    if (QPixmapCache::find(key, &pixmap))
        return pixmap;
    pixmap = QPixmap((QSizeF(size, size) * devicePixelRatio).toSize());
    pixmap.setDevicePixelRatio(devicePixelRatio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    paintDrawing(&painter, QRectF(0, 0, size, size), name, color);
    painter.end();
    QPixmapCache::insert(key, pixmap);
    return pixmap;
}

QIcon applicationIcon()
{
    return QIcon(QStringLiteral(":/icons/dormouse.svg"));
}

} // namespace dormouse::app
