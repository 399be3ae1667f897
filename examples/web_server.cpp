// Shows what a web server needs: it answers a signup at once, and its welcome mail is sent in the background.
// SPDX-License-Identifier: MIT
//
//     web_server MAILHOST:PORT DATABASE [PORT]    PORT 0, the default, lets the system choose one
//     curl -d email=alice@example.com http://127.0.0.1:PORT/signup
//     curl http://127.0.0.1:PORT/metrics
//
// Ctrl-C or SIGTERM stops it; as with every program that uses background, what was submitted is done before it ends.
// The second one ends it at once.
//
// The mails to go are in memory alone. One that is refused, or lost to the second Ctrl-C or a crash, is not tried
// again: its visitor is signed up, hears nothing, and is answered 409 when he comes again. Where each mail matters,
// note in the database which ones were sent, and submit the others at the next start.

#include <background.hpp>

#include <curl/curl.h>
#include <httplib.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

const char* const usage = "usage: web_server MAILHOST:PORT DATABASE [PORT]\n";

// The signups, one row for each address. Threads may share it.
class signups {
public:
    explicit signups(const std::string& file) {
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        const bool opened = sqlite3_open_v2(file.c_str(), &database_, flags, nullptr) == SQLITE_OK;
        const auto table = "CREATE TABLE IF NOT EXISTS signups (email TEXT PRIMARY KEY COLLATE NOCASE, at TEXT)";
        if (!opened || sqlite3_exec(database_, table, nullptr, nullptr, nullptr) != SQLITE_OK) {
            const std::string reason = sqlite3_errmsg(database_);
            sqlite3_close(database_);
            throw std::runtime_error("cannot use the database '" + file + "': " + reason);
        }
        sqlite3_busy_timeout(database_, 5000);
    }
    signups(const signups&) = delete;
    signups& operator=(const signups&) = delete;
    ~signups() { sqlite3_close(database_); }

    // Returns false if the address is there already; throws if it cannot be stored.
    bool add(const std::string& email) {
        const std::lock_guard<std::mutex> lock(mutex_);
        sqlite3_stmt* insert = nullptr;
        int outcome = sqlite3_prepare_v2(database_, "INSERT INTO signups VALUES (?, datetime())", -1, &insert, nullptr);
        if (outcome == SQLITE_OK) {
            sqlite3_bind_text(insert, 1, email.c_str(), -1, SQLITE_TRANSIENT);
            outcome = sqlite3_step(insert);
        }
        const std::string reason = sqlite3_errmsg(database_);
        sqlite3_finalize(insert);
        if (outcome != SQLITE_DONE && outcome != SQLITE_CONSTRAINT)
            throw std::runtime_error("cannot store it: " + reason);
        return outcome == SQLITE_DONE;
    }

private:
    std::mutex mutex_;
    sqlite3* database_ = nullptr; // guarded by mutex_
};

// Strict enough that an address can stand in a mail's header and in an SMTP command as it is.
bool is_address(const std::string& email) {
    const auto at = email.find('@');
    const auto allowed = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) ||
               std::string("@.!#$%&'*+-/=?^_`{|}~").find(c) != std::string::npos;
    };
    return email.size() <= 254 && at != 0 && at != email.npos && at == email.rfind('@') && at + 1 < email.size() &&
           std::all_of(email.begin(), email.end(), allowed);
}

// The job. Seconds may pass in here, or the mail server be gone: that must not be the visitor's trouble.
void send_welcome(const std::string& mail_server, const std::string& email) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> mail(curl_easy_init(), curl_easy_cleanup);
    const std::string to = "<" + email + ">";
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> recipients(curl_slist_append(nullptr, to.c_str()),
                                                                                 curl_slist_free_all);
    std::string rest = "From: <welcome@example.com>\r\nTo: " + to + "\r\nSubject: Welcome\r\n\r\nGood to have you.\r\n";
    const auto read = +[](char* buffer, std::size_t size, std::size_t count, void* source) {
        auto& text = *static_cast<std::string*>(source);
        const auto taken = text.copy(buffer, size * count);
        text.erase(0, taken);
        return taken;
    };
    curl_easy_setopt(mail.get(), CURLOPT_URL, ("smtp://" + mail_server).c_str());
    curl_easy_setopt(mail.get(), CURLOPT_MAIL_FROM, "<welcome@example.com>");
    curl_easy_setopt(mail.get(), CURLOPT_MAIL_RCPT, recipients.get());
    curl_easy_setopt(mail.get(), CURLOPT_READFUNCTION, read);
    curl_easy_setopt(mail.get(), CURLOPT_READDATA, &rest);
    curl_easy_setopt(mail.get(), CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(mail.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(mail.get(), CURLOPT_TIMEOUT, 60L);
    const auto outcome = curl_easy_perform(mail.get());
    if (outcome != CURLE_OK)
        throw std::runtime_error("no welcome mail for " + email +
                                 ", which stays signed up; it is not tried again: " + curl_easy_strerror(outcome));
}

std::atomic<long> done{0}, failed{0}, refused{0};

// One write, so that lines stay whole.
void complain(const std::string& text) { std::cerr << "web_server: " + text + "\n"; }

void log_and_count(std::exception_ptr failure) {
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        complain(error.what());
    }
    ++(failure ? failed : done);
}

// In the words of Prometheus, which wants each metric explained.
std::string metrics() {
    const auto metric = [](const std::string& name, const std::string& type, const std::string& help, auto value) {
        return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n" + name + " " +
               std::to_string(value) + "\n";
    };
    return metric("background_jobs_pending", "gauge", "Mails queued or being sent.", background::pending()) +
           metric("background_jobs_done_total", "counter", "Mails sent.", done.load()) +
           metric("background_jobs_failed_total", "counter", "Mails that could not be sent.", failed.load()) +
           metric("web_server_signups_failed_total", "counter", "Signups answered with 500.", refused.load());
}

// A stranger may keep a connection and say nothing, or talk without end: neither holds up others or takes much memory.
void set_limits(httplib::Server& server) {
    server.new_task_queue = [] { return new httplib::ThreadPool(256); }; // each open connection occupies one of them,
    server.set_keep_alive_timeout(1);                                    // a silent one for a second,
    server.set_keep_alive_max_count(1);                                  // and none after its answer
    server.set_payload_max_length(4096);                                 // 413 beyond that
    server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
        const bool told = request.has_header("Content-Length") && !request.has_header("Transfer-Encoding");
        if (told || request.method == "GET" || request.method == "HEAD")
            return httplib::Server::HandlerResponse::Unhandled;
        response.status = 411; // a body whose end nobody has told
        return httplib::Server::HandlerResponse::Handled;
    });
}

int port_number(const std::string& text) {
    const bool digits = !text.empty() && text.size() < 6 && text.find_first_not_of("0123456789") == text.npos;
    if (!digits || std::stoi(text) > 65535) throw std::invalid_argument("'" + text + "' is not a port");
    return std::stoi(text);
}

// Signs a visitor up; returns the status and the text of the answer.
std::pair<int, const char*> sign_up(signups& people, const std::string& mail_server, const std::string& email) {
    try {
        if (!is_address(email)) return {400, "no address\n"};
        if (!people.add(email)) return {409, "known\n"};
        background::run(send_welcome, mail_server, email);
        return {201, "welcome\n"};
    } catch (const std::exception& error) { // for the log, and none of the visitor's business
        complain("signup failed: " + std::string(error.what()));
        ++refused;
        return {500, "sorry, please try again later\n"};
    }
}

void serve(const std::string& mail_server, const std::string& file, int port) {
    sigset_t stopping; // blocked in every thread from here on: this one waits for them
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGINT);
    sigaddset(&stopping, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stopping, nullptr);

    signups people(file);
    background::n = 16; // mails wait for the network, not for a processor
    background::callback(log_and_count);

    httplib::Server server;
    set_limits(server);
    server.Post("/signup", [&](const httplib::Request& request, httplib::Response& response) {
        const auto [status, text] = sign_up(people, mail_server, request.get_param_value("email"));
        response.status = status;
        response.set_content(text, "text/plain");
    });
    server.Get("/metrics", [](const httplib::Request&, httplib::Response& response) {
        response.set_content(metrics(), "text/plain; version=0.0.4");
    });
    server.set_socket_options([](socket_t listener) { // of a port that another server has, this one wants no share
        const int yes = 1;
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    const int bound = port == 0                                ? server.bind_to_any_port("127.0.0.1")
                      : server.bind_to_port("127.0.0.1", port) ? port
                                                               : -1;
    if (bound < 0) throw std::runtime_error("cannot listen on port " + std::to_string(port));
    std::cout << "http://127.0.0.1:" << bound << std::endl;

    std::atomic<bool> broken{false};
    std::thread listener([&] {
        if (!server.listen_after_bind()) broken = true, kill(getpid(), SIGTERM);
    });
    int signal = 0;
    sigwait(&stopping, &signal);
    pthread_sigmask(SIG_UNBLOCK, &stopping, nullptr); // the next one ends the program, whatever it does by then
    while (!server.is_running() && !broken) std::this_thread::yield();
    server.stop();
    listener.join();
    std::cout << "stopped, " << background::pending() << " mails to go; the next Ctrl-C ends it without them"
              << std::endl;
    if (broken) throw std::runtime_error("cannot listen any longer");
}

int main(int argc, char** argv) {
    try {
        const std::string mail_server = argc > 1 ? argv[1] : "";
        if (argc == 2 && mail_server == "--help") {
            std::cout << usage << std::flush;
            return std::cout ? 0 : 1;
        }
        if (argc < 3 || argc > 4 || mail_server.find(':', 1) == mail_server.npos)
            throw std::invalid_argument("needs MAILHOST:PORT and a database");
        port_number(mail_server.substr(mail_server.rfind(':') + 1));
        const int port = argc > 3 ? port_number(argv[3]) : 0;
        curl_global_init(CURL_GLOBAL_DEFAULT);
        serve(mail_server, argv[2], port);
        return 0;
    } catch (const std::invalid_argument& error) {
        std::cerr << "web_server: " << error.what() << "\n" << usage;
        return 2;
    } catch (const std::exception& error) {
        complain(error.what());
        return 1;
    }
}
