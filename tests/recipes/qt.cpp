// A recipe of the README: results that come back to Qt's event loop.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <QCoreApplication>
#include <QMetaObject>
#include <QThread>

int main(int argc, char** argv) {
    QCoreApplication app(argc, argv);
    const auto compute = [&app] { return app.thread() == QThread::currentThread() ? 0 : 42; };
    const auto show = [&app](int answer) { app.exit(app.thread() == QThread::currentThread() ? answer : 1); };

    // Include background.hpp before Qt, whose `slots` is a macro, or define QT_NO_KEYWORDS.
    background::run([&app, compute, show] {
        QMetaObject::invokeMethod(
            &app, [show, answer = compute()] { show(answer); }, Qt::QueuedConnection);
    });

    const int code = app.exec();
    background::wait(); // no job may outlive the objects that it calls

    return code == 42 ? 0 : 1;
}
