// Shows a window that stays alive: the pictures of a folder are loaded in the background and appear one by one.
// SPDX-License-Identifier: MIT
//
//     window [FOLDER]    without one it shows your own pictures; closing it cancels what is not loaded yet

#include <background.hpp>

#include <QApplication>
#include <QDir>
#include <QImageReader>
#include <QLabel>
#include <QListWidget>
#include <QPainter>
#include <QPointer>
#include <QProgressBar>
#include <QStandardPaths>
#include <QVBoxLayout>

#include <algorithm>
#include <atomic>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

const char* const usage = "usage: window [FOLDER]\n";
constexpr int side = 144; // of a thumbnail's square, in pixels

struct thumbnail {
    QImage image; // null if the picture is broken
    QString reason;
};

// What a job does. A QImage may be used in every thread; a QPixmap or a widget may not.
thumbnail load(const QString& file) {
    QImageReader reader(file);
    reader.setAutoTransform(true); // upright, however the camera was held
    const QSize size = reader.size();
    if (std::max(size.width(), size.height()) > side)
        reader.setScaledSize(size.scaled(side, side, Qt::KeepAspectRatio).expandedTo({1, 1}));
    QImage image = reader.read();
    if (image.width() > side || image.height() > side) // of a kind that tells its size late
        image = image.scaled(side, side, Qt::KeepAspectRatio, Qt::SmoothTransformation);
    return {image, reader.errorString()};
}

// Squares of one size, so that rows and captions are straight.
QPixmap tile(const QColor& ground, const QImage& image, const QString& words) {
    QPixmap square(side, side);
    square.fill(Qt::transparent);
    QPainter painter(&square);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(ground);
    painter.drawRoundedRect(square.rect(), 6, 6);
    painter.drawImage((side - image.width()) / 2, (side - image.height()) / 2, image);
    painter.setPen(QColor(0x80, 0x20, 0x20));
    painter.drawText(square.rect().adjusted(10, 10, -10, -10), Qt::AlignCenter | Qt::TextWordWrap, words);
    return square;
}

class window : public QWidget {
public:
    explicit window(const QDir& folder) {
        setWindowTitle("Pictures in " + folder.dirName());
        resize(750, 660);
        list_->setViewMode(QListView::IconMode);
        list_->setIconSize({side, side});
        list_->setGridSize({side + 24, side + 40});
        list_->setStyleSheet("background: white; padding: 12px 0 0 6px");
        list_->setSelectionMode(QAbstractItemView::NoSelection);
        list_->setFocusPolicy(Qt::ClickFocus);
        list_->setResizeMode(QListView::Adjust);
        list_->setMovement(QListView::Static);
        list_->setTextElideMode(Qt::ElideMiddle);
        auto* const rows = new QVBoxLayout(this);
        rows->addWidget(list_);
        rows->addWidget(progress_);
        rows->addWidget(summary_);

        QStringList patterns;
        for (const QByteArray& format : QImageReader::supportedImageFormats()) patterns << "*." + format;
        const QStringList names = folder.entryList(patterns, QDir::Files, QDir::Name | QDir::IgnoreCase);
        progress_->setVisible(!names.isEmpty());
        progress_->setRange(0, static_cast<int>(names.size()));
        progress_->setValue(0);
        progress_->setFormat("%v of %m");
        summary_->setText(names.isEmpty() ? "No pictures here" : "Loading ...");
        const QIcon nothing_yet(tile(QColor(0xe8, 0xe8, 0xe8), {}, {}));
        for (const QString& name : names) list_->addItem(new QListWidgetItem(nothing_yet, name));
        for (int i = 0; i < list_->count(); ++i) submit(i, folder.filePath(names[i]));
    }
    window(const window&) = delete;
    window& operator=(const window&) = delete;
    ~window() override { *cancelled_ = true; }

private:
    // The job may outlive the window. So it holds the flag, not the window; it leaves its result with the application,
    // whose loop runs on the thread of the window; and only there does anybody ask whether the window is still alive.
    void submit(int index, const QString& file) {
        background::run([index, file, cancelled = cancelled_, self = QPointer<window>(this)] {
            if (*cancelled) return;
            const auto show = [index, loaded = load(file), self] {
                if (self) self->show_thumbnail(index, loaded);
            };
            QMetaObject::invokeMethod(qApp, show, Qt::QueuedConnection);
        });
    }
    void show_thumbnail(int index, const thumbnail& loaded) {
        auto* const item = list_->item(index);
        if (loaded.image.isNull()) {
            ++broken_;
            item->setIcon(QIcon(tile(QColor(0xf6, 0xdc, 0xdc), {}, "Broken picture:\n" + loaded.reason)));
        } else {
            item->setIcon(QIcon(tile(QColor(0xf4, 0xf4, 0xf4), loaded.image, {})));
        }
        progress_->setValue(progress_->value() + 1);
        if (progress_->value() == progress_->maximum())
            summary_->setText(QString("%1 pictures, %2 broken").arg(list_->count()).arg(broken_));
    }

    QListWidget* const list_ = new QListWidget(this); // these three go with the window
    QProgressBar* const progress_ = new QProgressBar(this);
    QLabel* const summary_ = new QLabel(this);
    int broken_ = 0;
    const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
};

int main(int argc, char** argv) {
    if (argc == 2 && std::string(argv[1]) == "--help") return std::cout << usage << std::flush ? 0 : 1;
    QApplication application(argc, argv); // takes its own options away
    QStringList arguments = application.arguments().mid(1);
    const bool no_options = arguments.value(0) == "--";
    if (no_options) arguments.removeFirst();
    if (arguments.size() > 1 || (!no_options && arguments.value(0).startsWith('-'))) return std::cerr << usage, 2;
    const QDir folder(arguments.value(0, QStandardPaths::writableLocation(QStandardPaths::PicturesLocation)));
    int status = 1;
    try {
        if (!folder.exists()) throw std::runtime_error(qPrintable("there is no folder '" + folder.path() + "'"));
        window pictures(folder);
        pictures.show();
        status = application.exec();
    } catch (const std::exception& error) {
        std::cerr << "window: " << error.what() << "\n";
    }
    background::wait(); // jobs still running leave their results with the application, which ends after this line
    return status;
}
