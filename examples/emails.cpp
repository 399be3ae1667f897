// Shows fire and forget: three emails are queued at once, main goes on and ends, and every one of them is still sent.
// SPDX-License-Identifier: MIT
//
//     c++ -std=c++17 -pthread -Iinclude examples/emails.cpp -o emails && ./emails

#include <background.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

void send_email(const std::string& to, const std::string& subject) {
    std::this_thread::sleep_for(std::chrono::seconds(2));                // stands for a mail server that takes its time
    std::cout << "Sent '" + subject + "' to " + to + "\n" << std::flush; // one write, so that lines stay whole
}

int main() {
    background::task send{send_email};
    for (const std::string to : {"alice@example.com", "bob@example.com", "carol@example.com"}) send(to, "Welcome");
    std::cout << "All emails queued." << std::endl;
}
