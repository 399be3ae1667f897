// Proves that window's event loop goes on turning while pictures load, that it shows each as it comes and a broken one
// as such, and that closing it cancels the others and harms no job that is still running, nor the application.
// SPDX-License-Identifier: MIT
//
//     check_window FOLDER    with the environment variable CHECK: show, cancel, outlive or late
//
// It includes the very window.cpp, whose main it leaves alone: it enters with the application and watches from a
// timer. That the loop never stands still is proved without a clock. A picture is replaced by a FIFO: the job that
// loads it runs until this check writes the picture into it, and that happens on the event loop's own thread, when the
// loop has turned a hundred times more. If the loop ever waited for a job, or loaded a picture itself, neither would go
// on.

#define main window_main
#include "../window.cpp"
#undef main

#include <QBuffer>
#include <QFile>
#include <QLinearGradient>
#include <QTimer>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace {
void require(bool holds, const std::string& promise) {
    std::cout << (holds ? "  " : "BROKEN: ") << promise << std::endl;
    if (!holds) std::_Exit(1); // not exit(): a job may be waiting for this check
}

// --- the pictures: a sky, a sun in the middle, hills -----------------------------------------------------------------
struct scene {
    const char* name;
    QSize size;
    QColor top, bottom, sun, hills;
};
const scene scenes[] = {
    {"01 dawn.png", {640, 480}, "#2b3a67", "#f3a683", "#fff1c9", "#3b2e4a"},
    {"02 morning.png", {640, 480}, "#74b9ff", "#dff9fb", "#ffe066", "#3d8b5a"},
    {"03 noon in the mountains, a long name.png", {800, 500}, "#2f80ed", "#bfe3ff", "#fff8dc", "#6b7b8c"},
    {"04 portrait.png", {400, 600}, "#55c2c3", "#e8f8f5", "#ffd23f", "#2d6a4f"},
    {"05 held upright.jpg", {400, 600}, "#a18cd1", "#fbc2eb", "#fffde7", "#5b3f73"},
    {"06 panorama.png", {1200, 300}, "#f7b733", "#fceabb", "#fc4a1a", "#7a4419"},
    {"07 dusk.png", {640, 480}, "#1e2a4a", "#d1495b", "#ffb347", "#161a2b"},
    {"08 night.png", {640, 480}, "#0b1026", "#2b3467", "#f5f3ce", "#05070f"},
    {"09 tiny.bmp", {60, 60}, "#9be15d", "#00e3ae", "#ffffff", "#1b4d3e"},
};
constexpr int good = 9, broken = 2, all = good + broken;

QImage paint(const scene& what) {
    QImage image(what.size, QImage::Format_RGB32);
    const int width = what.size.width(), height = what.size.height();
    QLinearGradient sky(0, 0, 0, height);
    sky.setColorAt(0, what.top);
    sky.setColorAt(1, what.bottom);
    QPainter painter(&image);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(image.rect(), sky);
    painter.setPen(Qt::NoPen);
    painter.setBrush(what.sun);
    const int radius = std::min(width, height) / 6;
    painter.drawEllipse(QPoint(width / 2, height / 2), radius, radius);
    painter.setBrush(what.hills);
    painter.drawEllipse(QPoint(width / 4, height * 11 / 10), width / 2, height * 35 / 100);
    painter.setBrush(what.hills.lighter(125));
    painter.drawEllipse(QPoint(width * 9 / 10, height * 11 / 10), width / 2, height * 30 / 100);
    return image;
}

QByteArray encode(const QImage& image, const char* format) {
    QBuffer buffer;
    buffer.open(QIODevice::WriteOnly);
    require(image.save(&buffer, format), std::string("a picture is made as ") + format);
    return buffer.data();
}

// A camera that was held upright: stored lying, with a note how to turn it.
QByteArray held_upright(const QImage& image) {
    static const char note[] = "\xff\xe1\x00\x22"
                               "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    QByteArray jpeg = encode(image.transformed(QTransform().rotate(-90)), "jpg");
    return jpeg.insert(2, QByteArray(note, sizeof note - 1));
}

void store(const QString& file, const QByteArray& bytes) {
    QFile out(file);
    require(out.open(QIODevice::WriteOnly) && out.write(bytes) == bytes.size(),
            std::string("written: ") + qPrintable(file));
}

void make_pictures(const QDir& folder) {
    for (const scene& each : scenes) {
        const QString name = each.name;
        store(folder.filePath(name), name.endsWith("jpg") ? held_upright(paint(each))
                                                          : encode(paint(each), name.endsWith("png") ? "png" : "bmp"));
    }
    store(folder.filePath("10 no picture.png"), "this is text");
    store(folder.filePath("11 half.png"), encode(paint(scenes[0]), "png").left(2000));
    store(folder.filePath("notes.txt"), "not shown");
}

// --- a picture that takes as long as the check wants -----------------------------------------------------------------
void replace_by_fifo(const QString& file) {
    const std::string path = QFile::encodeName(file).constData();
    require(unlink(path.c_str()) == 0 && mkfifo(path.c_str(), 0600) == 0, "a FIFO now: " + path);
}

// The writing end, or -1 as long as no job has it open for reading.
int writing_end(const QString& file) {
    return open(QFile::encodeName(file).constData(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

void write_and_close(int handle, const QByteArray& bytes) {
    const bool written = write(handle, bytes.data(), static_cast<std::size_t>(bytes.size())) == bytes.size();
    require(close(handle) == 0 && written, "the slow picture is written");
}

// Holds each job, when it has given its result away, until the loop has turned three times; the first one longer.
class gate {
public:
    void pass() {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this, end = turns_ + 3] { return abandoned_ || (first_seen_ && turns_ >= end); });
    }
    void turn() {
        change([this] { ++turns_; });
    }
    void see_first() {
        change([this] { first_seen_ = true; });
    }
    void abandon() { // the loop turns no more
        change([this] { abandoned_ = true; });
    }

private:
    template<class Change> void change(Change what) {
        const std::lock_guard<std::mutex> lock(mutex_);
        what();
        changed_.notify_all();
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    long turns_ = 0; // guarded by mutex_, as are the next
    bool first_seen_ = false, abandoned_ = false;
};
gate& exit_of_jobs = *new gate; // jobs may pass it until the process ends

// --- the watcher -----------------------------------------------------------------------------------------------------
const std::string check = std::getenv("CHECK") ? std::getenv("CHECK") : "";

class watcher : public QObject {
public:
    explicit watcher(const QDir& folder) : folder_(folder) {
        connect(&timer_, &QTimer::timeout, this, [this] { look(); });
        timer_.start(1);
    }

private:
    // Each turn of the loop comes by here.
    void look() {
        if (!window_ && !find()) return;
        const int shown = progress_->value();
        if (background::pending() > 0) seen_.insert(shown);
        exit_of_jobs.turn();
        if (phase_ == first && shown == 1) {
            require(background::pending() == static_cast<unsigned>(list_->count()), "the first is shown, its job runs");
            for (int i = 1; i < (check == "show" ? 2 : list_->count()); ++i) replace_by_fifo(file(i));
            exit_of_jobs.see_first();
            phase_ = slow;
        } else if (phase_ == slow && handle_ < 0) {
            handle_ = writing_end(file(1));
        } else if (phase_ == slow && ++turns_ == 100) {
            require(shown == 1, "the loop has turned a hundred times while a job was loading a picture");
            phase_ = rest;
            check == "show" ? write_and_close(handle_, slow_) : close_amid();
        } else if (phase_ == rest && shown == progress_->maximum() && background::pending() == 0) {
            judge();
            window_->close();
            phase_ = over;
        }
    }
    bool find() {
        for (QWidget* each : QApplication::topLevelWidgets()) {
            list_ = each->findChild<QListWidget*>();
            progress_ = each->findChild<QProgressBar*>();
            if (list_ && progress_ && each->isVisible()) window_ = each;
        }
        return window_ != nullptr;
    }
    QString file(int index) const { return folder_.filePath(list_->item(index)->text()); }

    // The window ends while one job is loading, and hundreds are queued whose pictures would hold them for ever.
    void close_amid() {
        connect(window_, &QObject::destroyed, this, [this] {
            timer_.stop();
            require(background::pending() > 300, "the window is gone before its jobs");
            exit_of_jobs.abandon();
            if (check == "outlive") return finish_late();
            write_and_close(handle_, slow_);
            while (background::pending() > 0) std::this_thread::yield();
            require(true, "and yet they end: the one that runs finishes, the others are cancelled");
        });
        window_->close();
    }

    // The job that runs goes on when main has had its chance to end the application, which must not be earlier.
    void finish_late() {
        qAddPostRoutine(
            [] { require(background::pending() == 0, "the application is there until the last job ends"); });
        std::thread([handle = handle_, picture = slow_] {
            std::this_thread::sleep_for(std::chrono::milliseconds(100)); // that chance; too short, it accuses nobody
            write_and_close(handle, picture);
        }).detach();
    }

    void judge() {
        require(list_->count() == all, "every picture has its place, and nothing else has");
        for (int i = 1; i < all; ++i)
            require(seen_.count(i) == 1, std::to_string(i) + " of them shown while a job was running");
        require(window_->grab().save("window.png"), "what the window shows is saved as window.png");
        image_ = QImage("window.png");
        int thumbnails = 0, marked = 0;
        for (int i = 0; i < good; ++i) thumbnails += like(colour(i, 0, 0), scenes[i].sun);
        for (int i = good; i < all; ++i) // the ground, in the corners that no word reaches
            marked += like(colour(i, -62, -62), "#f6dcdc") && like(colour(i, 62, 62), "#f6dcdc");
        require(thumbnails == good, "nine thumbnails have their sun in the middle");
        require(marked == broken, "two are marked as broken");
        const QColor ground = colour(3, -66, 0); // beside a portrait, and above a panorama
        require(like(ground, colour(5, 0, -66)), "thumbnails keep their proportions");
        require(like(ground, colour(4, -66, 0)) && like(colour(4, 0, -66), scenes[4].top),
                "the one of a camera held upright stands upright");
        require(window_->findChild<QLabel*>()->text() == "11 pictures, 2 broken", "the window says so in words");
    }
    // Of the saved picture, so far from the middle of a thumbnail.
    QColor colour(int index, int dx, int dy) const {
        const QRect place = list_->visualItemRect(list_->item(index));
        const QPoint middle(place.center().x(), place.top() + list_->iconSize().height() / 2 + 2);
        return image_.pixelColor(list_->viewport()->mapTo(window_, middle + QPoint(dx, dy)));
    }
    static bool like(const QColor& a, const QColor& b) {
        return std::abs(a.red() - b.red()) + std::abs(a.green() - b.green()) + std::abs(a.blue() - b.blue()) < 40;
    }

    enum { first, slow, rest, over } phase_ = first;
    const QDir folder_;
    QTimer timer_;
    QWidget* window_ = nullptr;
    QListWidget* list_ = nullptr;
    QPointer<QProgressBar> progress_;
    const QByteArray slow_ = encode(paint(scenes[1]), "png");
    QImage image_;
    std::set<int> seen_; // what the progress bar showed while a job was running
    int handle_ = -1, turns_ = 0;
};

void enter() {
    if (check.empty() || check == "late") return;
    const QDir folder(QCoreApplication::arguments().value(1));
    background::n = 1; // one picture after the other
    if (check != "show") {
        const auto picture = encode(paint(scenes[0]), "png");
        for (int i = 100; i < 500; ++i) store(folder.filePath(QString::number(i) + ".png"), picture);
    } else {
        make_pictures(folder);
    }
    background::callback([](std::exception_ptr) { exit_of_jobs.pass(); });
    new watcher(folder); // as long as the process
}
Q_COREAPP_STARTUP_FUNCTION(enter)

// In a program that goes on, a window ends while its job is loading; the result comes when the window is gone.
void late() {
    const QDir folder(QCoreApplication::arguments().value(1));
    const auto picture = encode(paint(scenes[0]), "png");
    store(folder.filePath("1.png"), picture);
    background::n = 1;
    std::promise<void> go;
    background::run([held = go.get_future().share()] { held.wait(); });
    auto gone = std::make_unique<window>(folder);
    replace_by_fifo(folder.filePath("1.png"));
    go.set_value();
    int handle = -1;
    while (handle < 0) handle = writing_end(folder.filePath("1.png"));
    gone.reset();
    write_and_close(handle, picture);
    background::wait();
    QCoreApplication::processEvents();
    require(true, "the result that comes too late reaches no dead window");
}
} // namespace

int main(int argc, char** argv) {
    if (check != "late") return window_main(argc, argv);
    QApplication application(argc, argv);
    late();
}
