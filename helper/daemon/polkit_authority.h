// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Asks polkit.
 *
 * The authority and the subject come from polkit-qt; the check itself is made
 * with libpolkit's own asynchronous call on that authority. polkit-qt's
 * asynchronous check has one cancellation and one signal without a request id
 * for all requests, and its synchronous check keeps a process-wide error that,
 * once set, denies everybody: with several callers at a time neither can be
 * used safely. Here each request has its own cancellation and its own answer.
 *
 * libpolkit counts its requests without a lock and needs a GLib main loop, so
 * all checks are started in one thread of this object's own which runs one.
 */
#pragma once

#include "helper/daemon/authority.h"

#include <memory>

namespace dormouse {

class PolkitAuthority : public Authority
{
    Q_OBJECT

public:
    /// On the main thread, once a process.
    explicit PolkitAuthority(QObject* parent = nullptr);
    ~PolkitAuthority() override;

    void check(quint64 request, const QString& busName, const QString& action) override;
    void cancel(quint64 request) override;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace dormouse
