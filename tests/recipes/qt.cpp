// A recipe of the README: results that come back to Qt's event loop.
// SPDX-License-Identifier: MIT
#include <background.hpp> // before Qt, whose keywords are macros, or with QT_NO_KEYWORDS

#include <QCoreApplication>
#include <QMetaObject>
#include <QThread>

int main(int argc, char** argv) {
    QCoreApplication app(argc, argv);
    const auto compute = [&app] { return app.thread() == QThread::currentThread() ? 0 : 42; };
    const auto show = [&app](int answer) { app.exit(app.thread() == QThread::currentThread() ? answer : 1); };

    background::run([&app, compute, show] {
        const int answer = compute(); // on a worker
        QMetaObject::invokeMethod(
            &app, [show, answer] { show(answer); }, Qt::QueuedConnection); // on the thread of `app`
    });
    const int code = app.exec();
    background::wait(); // no job may outlive the objects that it calls

    return code == 42 ? 0 : 1;
}
