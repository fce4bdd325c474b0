// SPDX-License-Identifier: GPL-3.0-or-later
// GLib's headers use "signals" as a name: they go before Qt's.
#include <polkit/polkit.h>

#include "helper/base/log.h"
#include "helper/daemon/polkit_authority.h"

#include <PolkitQt1/Authority>
#include <PolkitQt1/Subject>

#include <QHash>

#include <functional>
#include <thread>

namespace dormouse {

struct PolkitAuthority::Private
{
    // One check under way; lives until its callback has run.
    struct Check
    {
        Private* d = nullptr;
        quint64 request = 0;
        QByteArray action;
        PolkitQt1::SystemBusNameSubject subject;
        GCancellable* cancellable = g_cancellable_new();

        Check(Private* owner, quint64 number, const QString& busName, const QString& actionId)
            : d(owner), request(number), action(actionId.toLatin1()), subject(busName)
        {
        }
        Check(const Check&) = delete;
        Check& operator=(const Check&) = delete;
        ~Check() { g_object_unref(cancellable); }
    };

    PolkitAuthority* q = nullptr;
    ::PolkitAuthority* authority = nullptr; // owned by polkit-qt; null if it could not be had
    GMainContext* context = g_main_context_new();
    GMainLoop* loop = g_main_loop_new(context, FALSE);
    std::thread thread;
    QHash<quint64, Check*> running; // only touched in the thread

    void post(std::function<void()> work);
    void start(Check* check);
    void answer(quint64 request, Answer answer);
    static void finished(GObject* source, GAsyncResult* result, gpointer data);
};

// Runs in the thread, in the order of the calls.
void PolkitAuthority::Private::post(std::function<void()> work)
{
    GSource* source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(
        source,
        [](gpointer data) -> gboolean {
            (*static_cast<std::function<void()>*>(data))();
            return G_SOURCE_REMOVE;
        },
        new std::function<void()>(std::move(work)),
        [](gpointer data) { delete static_cast<std::function<void()>*>(data); });
    g_source_attach(source, context);
    g_source_unref(source);
}

void PolkitAuthority::Private::start(Check* check)
{
    running.insert(check->request, check);
    polkit_authority_check_authorization(authority, check->subject.subject(),
                                         check->action.constData(), nullptr,
                                         POLKIT_CHECK_AUTHORIZATION_FLAGS_ALLOW_USER_INTERACTION,
                                         check->cancellable, finished, check);
}

void PolkitAuthority::Private::finished(GObject* source, GAsyncResult* result, gpointer data)
{
    std::unique_ptr<Check> check(static_cast<Check*>(data));
    Private* d = check->d;
    d->running.remove(check->request);

    GError* error = nullptr;
    PolkitAuthorizationResult* verdict = polkit_authority_check_authorization_finish(
        reinterpret_cast<::PolkitAuthority*>(source), result, &error);
    if (g_cancellable_is_cancelled(check->cancellable)) {
        // Nobody waits. The answer is dropped even if it was quicker.
        g_clear_error(&error);
        g_clear_object(&verdict);
        return;
    }
    if (verdict == nullptr) {
        logWarning(std::string("polkit could not be asked: ") +
                   (error != nullptr ? error->message : "no reason given"));
        g_clear_error(&error);
        d->answer(check->request, Answer::Unavailable);
        return;
    }
    const bool isAuthorized = polkit_authorization_result_get_is_authorized(verdict) != FALSE;
    g_object_unref(verdict);
    d->answer(check->request, isAuthorized ? Answer::Yes : Answer::No);
}

void PolkitAuthority::Private::answer(quint64 request, Answer answer)
{
    QMetaObject::invokeMethod(
        q, [this, request, answer] { emit q->answered(request, answer); }, Qt::QueuedConnection);
}

PolkitAuthority::PolkitAuthority(QObject* parent)
    : Authority(parent), d(std::make_unique<Private>())
{
    d->q = this;
    PolkitQt1::Authority* polkit = PolkitQt1::Authority::instance();
    d->authority = polkit->polkitAuthority();
    if (d->authority == nullptr)
        logError("polkit is not there, so nobody can be authorised: " +
                 polkit->errorDetails().toStdString());
    d->thread = std::thread([this] {
        g_main_context_push_thread_default(d->context);
        g_main_loop_run(d->loop);
        g_main_context_pop_thread_default(d->context);
    });
}

PolkitAuthority::~PolkitAuthority()
{
    // Cancelled checks end in their callbacks, so the loop goes on until the
    // last one has run: whatever it frees is freed.
    d->post([this] {
        for (Private::Check* check : std::as_const(d->running))
            g_cancellable_cancel(check->cancellable);
    });
    std::function<void()> quitWhenEmpty = [this, &quitWhenEmpty] {
        if (d->running.isEmpty())
            g_main_loop_quit(d->loop);
        else
            d->post([&quitWhenEmpty] {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                quitWhenEmpty();
            });
    };
    d->post(quitWhenEmpty);
    d->thread.join();
    g_main_loop_unref(d->loop);
    g_main_context_unref(d->context);
}

void PolkitAuthority::check(quint64 request, const QString& busName, const QString& action)
{
    if (d->authority == nullptr) {
        d->answer(request, Answer::Unavailable);
        return;
    }
    auto* check = new Private::Check(d.get(), request, busName, action);
    d->post([this, check] { d->start(check); });
}

void PolkitAuthority::cancel(quint64 request)
{
    d->post([this, request] {
        if (Private::Check* check = d->running.value(request))
            g_cancellable_cancel(check->cancellable);
    });
}

} // namespace dormouse
