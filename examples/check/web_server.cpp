// Proves that web_server answers without waiting for a mail, and loses none: not under load, not by SIGTERM; that what
// it cannot store is answered with 500 and no more words; that bodies have a limit; that connections which say little
// hold up nobody; that its metrics are explained; that the second Ctrl-C ends it at once.
// SPDX-License-Identifier: MIT
//
//     check_web_server WEB_SERVER FOLDER
//
// The mail server is a sink on loopback that lets only so many mails through as it was told: what must not wait for a
// mail would wait for ever.

#include <arpa/inet.h>
#include <httplib.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

extern char** environ;

void require(bool holds, const std::string& promise) {
    std::cout << (holds ? "  " : "BROKEN: ") << promise << std::endl;
    if (!holds) throw std::runtime_error(promise);
}

// Binds a socket of its own to a port that the system chooses; connections are refused until somebody listens.
class loopback_socket {
public:
    loopback_socket() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        const auto generic = reinterpret_cast<sockaddr*>(&address);
        if (handle < 0 || bind(handle, generic, size) != 0 || getsockname(handle, generic, &size) != 0)
            throw std::runtime_error("no socket on loopback");
        port = ntohs(address.sin_port);
    }
    loopback_socket(const loopback_socket&) = delete;
    loopback_socket& operator=(const loopback_socket&) = delete;
    ~loopback_socket() { close(handle); }

    const int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = 0;
};

// A connection to a port on loopback that says what it is told to, byte for byte.
class raw_connection {
public:
    explicit raw_connection(int port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        if (connect(handle_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("no connection");
    }
    raw_connection(raw_connection&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
    ~raw_connection() { close(handle_); }
    bool say(const std::string& text) const {
        return send(handle_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    }
    // All that comes until the other side closes.
    std::string answer() const {
        std::string text;
        for (char c; read(handle_, &c, 1) == 1;) text += c;
        return text;
    }

private:
    int handle_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

class mail_sink {
public:
    mail_sink() {
        listen(socket_.handle, 128);
        acceptor_ = std::thread([this] {
            for (int client; (client = accept4(socket_.handle, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
                sessions_.emplace_back([this, client] { talk(client); });
        });
    }
    ~mail_sink() {
        allow(1'000'000);
        shutdown(socket_.handle, SHUT_RDWR);
        acceptor_.join();
        for (auto& session : sessions_) session.join();
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(socket_.port); }

    // Lets so many mails through, counted from the start.
    void allow(std::size_t mails) {
        const std::lock_guard<std::mutex> lock(mutex_);
        allowed_ = mails;
        changed_.notify_all();
    }
    std::vector<std::string> mails() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return mails_;
    }
    void wait_for(std::size_t mails) {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [&] { return mails_.size() >= mails; });
    }

private:
    void talk(int client) {
        const auto say = [client](const std::string& line) {
            return write(client, (line + "\r\n").c_str(), line.size() + 2) > 0;
        };
        std::string recipient, line;
        bool in_mail = false;
        say("220 sink");
        for (char c; read(client, &c, 1) == 1;) {
            line += c;
            if (c != '\n') continue;
            if (in_mail && line == ".\r\n") {
                in_mail = false;
                keep(recipient);
                say("250 kept");
            } else if (!in_mail && line.rfind("RCPT TO:<", 0) == 0) {
                recipient = line.substr(9, line.find('>') - 9);
                say(recipient.rfind("refused", 0) == 0 ? "550 nobody here by that name" : "250 ok");
            } else if (!in_mail && line == "DATA\r\n") {
                in_mail = true;
                say("354 go on");
            } else if (!in_mail) {
                say(line == "QUIT\r\n" ? "221 bye" : "250 ok");
            }
            line.clear();
        }
        close(client);
    }
    void keep(const std::string& recipient) {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return mails_.size() < allowed_; });
        mails_.push_back(recipient);
        changed_.notify_all();
    }

    loopback_socket socket_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> mails_; // guarded by mutex_, as is the next
    std::size_t allowed_ = 0;
    std::vector<std::thread> sessions_; // the acceptor's, until it is joined
    std::thread acceptor_;
};

// A running web_server; its standard error goes to a file.
class server {
public:
    server(const std::string& program, const std::string& mail_server, const std::string& folder)
        : log_(folder + "/log") {
        int ends[2];
        posix_spawn_file_actions_t actions;
        if (pipe(ends) != 0 || posix_spawn_file_actions_init(&actions) != 0) throw std::runtime_error("no pipe");
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        posix_spawn_file_actions_addclose(&actions, ends[0]);
        posix_spawn_file_actions_addclose(&actions, ends[1]);
        posix_spawn_file_actions_addopen(&actions, 2, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        std::vector<std::string> words{program, mail_server, folder + "/signups.db"};
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawnattr_t attributes; // a shell makes its background jobs ignore Ctrl-C: not so this one
        sigset_t ctrl_c;
        sigemptyset(&ctrl_c);
        sigaddset(&ctrl_c, SIGINT);
        if (posix_spawnattr_init(&attributes) != 0) throw std::runtime_error("out of memory");
        posix_spawnattr_setsigdefault(&attributes, &ctrl_c);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        const int failure = posix_spawn(&process_, program.c_str(), &actions, &attributes, arguments.data(), environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        output_ = fdopen(ends[0], "r");
        if (failure != 0) throw std::runtime_error("cannot run " + program);
        url_ = line();
    }
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server() {
        if (process_ > 0) kill(process_, SIGKILL), waitpid(process_, nullptr, 0);
        std::fclose(output_);
    }

    // The next line that it prints, empty at the end.
    std::string line() {
        std::string text;
        for (int c; (c = std::fgetc(output_)) != EOF && c != '\n';) text += static_cast<char>(c);
        return text;
    }
    int port() const { return std::stoi(url_.substr(url_.rfind(':') + 1)); }
    httplib::Result post(const std::string& body) const {
        httplib::Client client(url_);
        client.set_read_timeout(60); // on a slow machine too every answer is awaited
        return client.Post("/signup", body, "application/x-www-form-urlencoded");
    }
    // The status of the answer, 0 if there was none.
    int sign_up(const std::string& email) const {
        const auto answer = post(httplib::detail::params_to_query_str({{"email", email}}));
        return answer ? answer->status : 0;
    }
    std::string metrics() const {
        httplib::Client client(url_);
        client.set_read_timeout(60);
        const auto answer = client.Get("/metrics");
        return answer ? answer->body : "";
    }
    bool shows(const std::string& line) const {
        return ("\n" + metrics()).find("\n" + line + "\n") != std::string::npos;
    }
    std::string log() const {
        std::ifstream in(log_);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void send(int signal) const { kill(process_, signal); }
    // The exit status, or the negative of the signal that it died of.
    int status_at_end() {
        int status = -1;
        waitpid(process_, &status, 0);
        process_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    std::string log_, url_;
    pid_t process_ = -1;
    std::FILE* output_ = nullptr;
};

void in_threads(int threads, const std::function<void(int)>& work) {
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) all.emplace_back(work, t);
    for (auto& thread : all) thread.join();
}

std::size_t rows(const std::string& file) {
    sqlite3* database = nullptr;
    sqlite3_stmt* count = nullptr;
    sqlite3_open(file.c_str(), &database);
    sqlite3_prepare_v2(database, "SELECT count(*) FROM signups", -1, &count, nullptr);
    sqlite3_step(count);
    const auto all = static_cast<std::size_t>(sqlite3_column_int64(count, 0));
    sqlite3_finalize(count);
    sqlite3_close(database);
    return all;
}

std::string visitor(const std::string& name, int thread, int i) {
    return name + std::to_string(thread) + "." + std::to_string(i) + "@example.com";
}

void answers_wait_for_no_mail(server& web, mail_sink& sink) {
    std::atomic<int> welcomed{0};
    in_threads(8, [&](int thread) {
        for (int i = 0; i < 5; ++i) welcomed += web.sign_up(visitor("visitor", thread, i)) == 201;
    });
    require(welcomed == 40, "40 signups from 8 threads are answered with 201");
    require(sink.mails().empty(), "all of these answers came before the first mail was taken");
    require(web.shows("background_jobs_pending 40"), "the metrics show 40 pending jobs");
    sink.allow(40);
    sink.wait_for(40);
    while (!web.shows("background_jobs_pending 0")) std::this_thread::yield();
    require(web.shows("background_jobs_done_total 40") && web.shows("background_jobs_failed_total 0"),
            "the metrics show 40 jobs done and none failed");
}

void bad_input_is_refused(const server& web) {
    for (const std::string email : {"", "alice", "@example.com", "alice@", "a@b@c", "a b@example.com", "<a@b.c>"})
        require(web.sign_up(email) == 400, "'" + email + "' is answered with 400");
    require(web.sign_up("a@b.c\r\nBcc: x@y.z") == 400, "line breaks are answered with 400");
    require(web.sign_up(std::string("a@b.c\0d", 7)) == 400, "a null character is answered with 400");
    require(web.sign_up(std::string(251, 'x') + "@b.c") == 400, "255 characters are answered with 400");
    require(web.sign_up("Visitor0.0@example.com") == 409, "an address that is known is answered with 409");
    require(web.shows("background_jobs_done_total 40"), "and nothing of all that sent a mail");
}

void a_refused_mail_is_counted(const server& web) {
    require(web.sign_up("refused@example.com") == 201, "a visitor whose mail server refuses him is answered with 201");
    while (!web.shows("background_jobs_failed_total 1")) std::this_thread::yield();
    require(web.log().find("no welcome mail for refused@example.com") != std::string::npos, "the log tells of it");
}

// Prometheus's rules: each sample has its HELP and its TYPE before it, and counters, and no others, end in _total.
void metrics_are_explained(const server& web, const std::string& folder) {
    std::istringstream lines(web.metrics());
    std::set<std::string> explained;
    std::map<std::string, std::string> types;
    std::size_t samples = 0;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string first, second, name, rest;
        words >> first >> second;
        if (first == "#") {
            words >> name;
            std::getline(words, rest);
            if (second == "HELP") explained.insert(rest.size() > 5 ? name : "");
            if (second == "TYPE") types[name] = rest.substr(1);
            continue;
        }
        const bool counter = first.size() > 6 && first.compare(first.size() - 6, 6, "_total") == 0;
        require(explained.count(first) == 1 && types[first] == (counter ? "counter" : "gauge"),
                "the metric " + first + " has its HELP and TYPE");
        ++samples;
    }
    require(samples == 4 && web.metrics().back() == '\n', "there are four metrics");
    const auto file = folder + "/metrics";
    std::ofstream(file) << web.metrics();
    const auto judge = "! command -v promtool >/dev/null || promtool check metrics <'" + file + "'";
    require(std::system(judge.c_str()) == 0, "and promtool, where it is installed, has nothing to say");
}

void bodies_have_a_limit(const server& web) {
    const std::string padding(5000, 'x');
    const auto answer = web.post("email=long@example.com&padding=" + padding);
    require(answer && answer->status == 413, "a body of 5 KB is answered with 413");
    require(web.post("email=known&padding=" + padding.substr(1500))->status == 400, "one of 3.5 KB is read");
    for (const std::string header :
         {"Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", ""}) {
        const raw_connection stranger(web.port());
        stranger.say("POST /signup HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
                     header + "\r\n");
        const auto first = stranger.answer();
        require(first.rfind("HTTP/1.1 411 ", 0) == 0, "a body of unknown length is answered with 411");
    }
    require(web.sign_up("long@example.com") != 409, "and nobody was signed up so");
}

// A hundred strangers type their request letter by letter, and never end.
void slow_strangers_hold_up_nobody(const server& web) {
    std::vector<raw_connection> strangers;
    for (int i = 0; i < 100; ++i) strangers.emplace_back(web.port());
    for (const auto& stranger : strangers) stranger.say("GET /metrics HTTP/1.1\r\nX: ");
    std::atomic<bool> over{false};
    std::thread typing([&] {
        while (!over) {
            for (const auto& stranger : strangers) stranger.say("x");
            std::this_thread::sleep_for(std::chrono::milliseconds(100)); // their pace; nothing waits for it
        }
    });
    const int status = web.sign_up("quick@example.com");
    over = true;
    typing.join();
    require(status == 201, "while a hundred connections are open and slow, a visitor is answered with 201");
    const raw_connection visitor(web.port());
    visitor.say("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    require(visitor.answer().find("\r\nConnection: close\r\n") != std::string::npos, "after an answer none stays open");
}

void failures_to_store_stay_inside(const server& web, const std::string& folder) {
    sqlite3* database = nullptr;
    sqlite3_open((folder + "/signups.db").c_str(), &database);
    const bool dropped = sqlite3_exec(database, "DROP TABLE signups", nullptr, nullptr, nullptr) == SQLITE_OK;
    sqlite3_close(database);
    require(dropped, "the table of signups is gone");
    const auto answer = web.post("email=unlucky@example.com");
    require(answer && answer->status == 500, "a visitor who cannot be stored is answered with 500");
    require(answer->body == "sorry, please try again later\n" && !answer->has_header("EXCEPTION_WHAT"),
            "and hears nothing of tables");
    require(web.log().find("signup failed: cannot store it: no such table: signups") != std::string::npos,
            "of which the log tells");
    require(web.shows("web_server_signups_failed_total 1"), "it is counted");
}

void second_ctrl_c_ends_it_at_once(const std::string& program, const std::string& folder) {
    mail_sink sink;
    server web(program, sink.address(), folder);
    require(web.sign_up("patient@example.com") == 201, "one mail is to go, and the mail server takes none");
    web.send(SIGINT);
    require(web.line().rfind("stopped, 1 mails to go; the next Ctrl-C ends it without them", 0) == 0,
            "Ctrl-C stops the server, which says how many mails are to go");
    web.send(SIGINT);
    require(web.status_at_end() == -SIGINT, "the second Ctrl-C ends it");
    require(sink.mails().empty(), "without the mail");
}

void sigterm_loses_no_mail(server& web, mail_sink& sink) {
    sink.allow(45); // 40 visitors, one long and one quick, and three more
    std::mutex mutex;
    std::condition_variable changed;
    std::set<std::string> welcomed; // guarded by mutex
    std::thread operator_thread([&] {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return welcomed.size() >= 30; });
        web.send(SIGTERM);
    });
    in_threads(4, [&](int thread) {
        for (int i = 0, status = 201; status == 201; ++i) {
            const auto email = visitor("late", thread, i);
            status = web.sign_up(email);
            const std::lock_guard<std::mutex> lock(mutex);
            if (status == 201) welcomed.insert(email);
            changed.notify_one();
        }
    });
    operator_thread.join();
    const auto farewell = web.line();
    require(farewell.rfind("stopped, ", 0) == 0, "SIGTERM amid the signups stops the server");
    require(std::stoul(farewell.substr(9)) + 3 >= welcomed.size(), "when no more than three of their mails are sent");
    sink.allow(1'000'000);
    require(web.status_at_end() == 0, "it ends with status 0");
    std::map<std::string, int> sent;
    for (const auto& mail : sink.mails()) ++sent[mail];
    bool complete = true, single = true;
    for (const auto& email : welcomed) complete = complete && sent.count(email) == 1;
    for (const auto& [email, count] : sent) single = single && count == 1;
    require(complete, "and each of the " + std::to_string(welcomed.size()) + " visitors got a mail");
    require(single, "just one");
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const std::string program = argv[1], folder = argv[2];
    try {
        std::remove((folder + "/signups.db").c_str());
        {
            mail_sink sink;
            server web(program, sink.address(), folder);
            answers_wait_for_no_mail(web, sink);
            bad_input_is_refused(web);
            a_refused_mail_is_counted(web);
            metrics_are_explained(web, folder);
            bodies_have_a_limit(web);
            slow_strangers_hold_up_nobody(web);
            sigterm_loses_no_mail(web, sink);
            require(rows(folder + "/signups.db") == sink.mails().size() + 1, "the database has a row for each mail");
        }
        second_ctrl_c_ends_it_at_once(program, folder);
        const loopback_socket nobody;
        server web(program, "127.0.0.1:" + std::to_string(nobody.port), folder);
        require(web.sign_up("new@example.com") == 201, "without a mail server visitors are answered with 201");
        failures_to_store_stay_inside(web, folder);
        web.send(SIGINT);
        require(web.status_at_end() == 0, "Ctrl-C ends it with status 0");
        require(web.log().find("no welcome mail for new@example.com") != std::string::npos, "and the log tells of it");
    } catch (const std::exception& error) {
        std::cerr << "check_web_server: " << error.what() << std::endl;
        return 1;
    }
}
