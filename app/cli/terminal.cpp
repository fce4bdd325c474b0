// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/terminal.h"

#include "app/client/helper_client.h"

#include <QCoreApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <cstdio>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace dormouse::app::cli {
namespace {

struct Terminal
{
    Q_DECLARE_TR_FUNCTIONS(Terminal)
};

void write(FILE* file, const QString& text)
{
    const QByteArray bytes = text.toLocal8Bit();
    std::fwrite(bytes.constData(), 1, size_t(bytes.size()), file);
    std::fflush(file);
}

int columns()
{
    winsize size = {};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        return size.ws_col;
    return 80;
}

// The terminal itself, whatever stdin and stdout are; echo comes back whatever
// happens.
class SilentTerminal
{
public:
    SilentTerminal() : m_fd(::open("/dev/tty", O_RDWR | O_CLOEXEC))
    {
        if (m_fd < 0 || ::tcgetattr(m_fd, &m_before) != 0)
            return;
        termios silent = m_before;
        silent.c_lflag &= ~tcflag_t(ECHO);
        m_isSilent = ::tcsetattr(m_fd, TCSAFLUSH, &silent) == 0;
    }

    ~SilentTerminal()
    {
        if (m_isSilent)
            ::tcsetattr(m_fd, TCSAFLUSH, &m_before);
        if (m_fd >= 0)
            ::close(m_fd);
    }

    SilentTerminal(const SilentTerminal&) = delete;
    SilentTerminal& operator=(const SilentTerminal&) = delete;

    [[nodiscard]] bool isUsable() const { return m_isSilent; }

    QByteArray ask(const QString& prompt)
    {
        say(prompt);
        QByteArray line;
        line.reserve(1100); // so that growing leaves no copies behind
        char character = 0;
        while (::read(m_fd, &character, 1) == 1 && character != '\n' && line.size() < 1025)
            line.append(character);
        say(QStringLiteral("\n"));
        return line;
    }

private:
    void say(const QString& text)
    {
        const QByteArray bytes = text.toLocal8Bit();
        // A prompt that cannot be shown changes nothing.
        [[maybe_unused]] const ssize_t written =
            ::write(m_fd, bytes.constData(), size_t(bytes.size()));
    }

    int m_fd;
    termios m_before = {};
    bool m_isSilent = false;
};

} // namespace

QString printable(const QString& text)
{
    QString clean = text;
    for (QChar& character : clean) {
        if (character.category() == QChar::Other_Control)
            character = QLatin1Char('?');
    }
    return clean;
}

void print(const QString& line)
{
    write(stdout, line + QLatin1Char('\n'));
}

void complain(const QString& line)
{
    write(stderr, line + QLatin1Char('\n'));
}

void printJson(const QJsonValue& value)
{
    const QJsonDocument document =
        value.isArray() ? QJsonDocument(value.toArray()) : QJsonDocument(value.toObject());
    const QByteArray text = document.toJson(QJsonDocument::Indented);
    std::fwrite(text.constData(), 1, size_t(text.size()), stdout);
    std::fflush(stdout);
}

void printTable(const QList<QStringList>& rows)
{
    QList<qsizetype> widths;
    for (const QStringList& row : rows) {
        for (qsizetype i = 0; i < row.size(); ++i) {
            if (widths.size() <= i)
                widths.append(0);
            widths[i] = qMax(widths[i], row[i].size());
        }
    }
    for (const QStringList& row : rows) {
        QString line;
        for (qsizetype i = 0; i < row.size(); ++i) {
            const QString cell = printable(row[i]);
            line += i + 1 < row.size() ? cell.leftJustified(widths[i] + 2) : cell;
        }
        while (line.endsWith(QLatin1Char(' ')))
            line.chop(1);
        print(line);
    }
}

ProgressLine::ProgressLine() : m_isTerminal(::isatty(STDERR_FILENO)) {}

ProgressLine::~ProgressLine()
{
    clear();
}

void ProgressLine::show(const QString& stage, const QString& text, double share)
{
    if (!m_isTerminal) {
        if (stage != m_stage)
            complain(stage);
        m_stage = stage;
        return;
    }
    QString line;
    if (share >= 0) {
        constexpr int barWidth = 24;
        const int filled = int(barWidth * qMin(1.0, share));
        line = QStringLiteral("[%1%2] %3% ")
                   .arg(QString(filled, QLatin1Char('#')),
                        QString(barWidth - filled, QLatin1Char('-')))
                   .arg(int(100 * qMin(1.0, share)), 3);
    }
    line += stage;
    if (!text.isEmpty())
        line += QStringLiteral(" · ") + text;
    write(stderr, QStringLiteral("\r\033[K") + printable(line).left(columns() - 1));
    m_isShown = true;
}

void ProgressLine::clear()
{
    if (m_isShown)
        write(stderr, QStringLiteral("\r\033[K"));
    m_isShown = false;
}

bool confirm(const QString& question)
{
    if (!::isatty(STDIN_FILENO))
        return false;
    write(stderr, question + Terminal::tr(" [y/N] "));
    char answer[16] = {};
    if (!std::fgets(answer, sizeof answer, stdin))
        return false;
    const QByteArray word = QByteArray(answer).trimmed().toLower();
    return word == "y" || word == "yes";
}

QByteArray askPassphrase(const QString& prompt, bool isNew)
{
    SilentTerminal terminal;
    if (!terminal.isUsable())
        throw CommandFailed{exitUsage,
                            Terminal::tr("There is no terminal to ask for the passphrase: use "
                                         "--passphrase-fd or --passphrase-file.")};
    QByteArray first = terminal.ask(prompt);
    if (!isNew)
        return first;
    if (first.isEmpty())
        throw CommandFailed{exitUsage, Terminal::tr("An empty passphrase protects nothing. Use "
                                                    "--no-encryption if that is what you want.")};
    QByteArray second = terminal.ask(Terminal::tr("The same again: "));
    const bool isSame = first == second;
    wipe(second);
    if (!isSame) {
        wipe(first);
        throw CommandFailed{exitUsage,
                            Terminal::tr("The two passphrases differ. Nothing was done.")};
    }
    return first;
}

QByteArray readPassphrase(int fd)
{
    QByteArray text(1026, '\0');
    qsizetype filled = 0;
    while (filled < text.size()) {
        const ssize_t got = ::read(fd, text.data() + filled, size_t(text.size() - filled));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            wipe(text);
            throw CommandFailed{
                exitUsage,
                Terminal::tr("The passphrase cannot be read: %1.").arg(qt_error_string(errno))};
        }
        if (got == 0)
            break;
        filled += got;
    }
    text.truncate(filled);
    if (text.endsWith('\n'))
        text.chop(1);
    return text;
}

QByteArray readPassphraseFile(const QString& path)
{
    if (path == QLatin1String("-"))
        return readPassphrase(STDIN_FILENO);
    const int fd = ::open(path.toLocal8Bit().constData(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        throw CommandFailed{
            exitUsage,
            Terminal::tr("The passphrase file cannot be opened: %1.").arg(qt_error_string(errno))};
    QByteArray text = readPassphrase(fd);
    ::close(fd);
    return text;
}

} // namespace dormouse::app::cli
