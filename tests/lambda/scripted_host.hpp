#pragma once
/// A host that plays the Runtime API from a script: plain sockets on loopback, one connection at a time.

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace borealis::lambda {

class scripted_host {
 public:
    struct request {
        std::string method, path, head, body;
        std::string trailers;  // with the line end in front of each, as in `head`
        std::size_t chunks = 0;
        [[nodiscard]] bool has(std::string_view line) const {
            return head.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
        }
    };

    /// @param answers  Whole HTTP responses, sent to one request each; then the host goes away.
    explicit scripted_host(std::vector<std::string> answers)
        : answers_(std::move(answers)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        if (bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 || listen(listener_, 8) != 0 ||
            getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
            throw std::runtime_error("no loopback socket to be had");
        }
        address_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
        thread_ = std::thread([this] { play(); });
    }
    ~scripted_host() { join(); }
    scripted_host(const scripted_host&) = delete;
    scripted_host& operator=(const scripted_host&) = delete;

    [[nodiscard]] const std::string& address() const { return address_; }
    /// What was asked, after the host has gone away.
    const std::vector<request>& requests() {
        join();
        return requests_;
    }

    static std::string reply(int status, std::string_view headers, std::string_view body) {
        return "HTTP/1.1 " + std::to_string(status) + " Text\r\n" + std::string(headers) +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
    }
    static std::string accepted() { return reply(202, "Content-Type: application/json\r\n", R"({"status":"OK"})"); }
    static std::string event(std::string_view id, std::string_view body, std::string_view more = "") {
        return reply(200,
                     "Content-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: " + std::string(id) + "\r\n" +
                         std::string(more),
                     body);
    }

 private:
    void join() {
        if (thread_.joinable()) thread_.join();
    }

    void play() {
        std::size_t next = 0;
        while (next < answers_.size()) {
            const int peer = accept(listener_, nullptr, nullptr);
            if (peer < 0) break;
            std::string buffer;
            while (next < answers_.size() && read_request(peer, buffer)) {
                const auto& answer = answers_[next++];
                if (send(peer, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
            }
            close(peer);
        }
        close(listener_);
    }

    bool read_request(int peer, std::string& buffer) {
        std::size_t head_end = std::string::npos, length = 0;
        while (true) {
            if (head_end == std::string::npos && (head_end = buffer.find("\r\n\r\n")) != std::string::npos) {
                const auto at = buffer.find("\r\nContent-Length: ");
                if (at < head_end) length = std::strtoul(buffer.c_str() + at + 18, nullptr, 10);
            }
            if (head_end != std::string::npos && buffer.find("\r\nTransfer-Encoding: chunked\r\n") < head_end) {
                if (read_chunked(buffer, head_end)) return true;
            } else if (head_end != std::string::npos && buffer.size() >= head_end + 4 + length) {
                break;
            }
            char chunk[65536];
            const auto got = recv(peer, chunk, sizeof chunk, 0);
            if (got <= 0) return false;
            buffer.append(chunk, static_cast<std::size_t>(got));
        }
        auto whole = begun(buffer, head_end);
        whole.body = buffer.substr(head_end + 4, length);
        requests_.push_back(std::move(whole));
        buffer.erase(0, head_end + 4 + length);
        return true;
    }

    static request begun(const std::string& buffer, std::size_t head_end) {
        request whole;
        whole.head = buffer.substr(0, head_end + 2);
        const auto blank = whole.head.find(' ');
        whole.method = whole.head.substr(0, blank);
        whole.path = whole.head.substr(blank + 1, whole.head.find(' ', blank + 1) - blank - 1);
        return whole;
    }

    /// @return Whether the whole of it is in the buffer; then it is taken out.
    bool read_chunked(std::string& buffer, std::size_t head_end) {
        auto whole = begun(buffer, head_end);
        for (auto at = head_end + 4;;) {
            const auto line_end = buffer.find("\r\n", at);
            if (line_end == std::string::npos) return false;
            const auto size = std::strtoul(buffer.c_str() + at, nullptr, 16);
            at = line_end + 2;
            if (size == 0) {
                const auto end = buffer.find("\r\n\r\n", line_end);
                if (end == std::string::npos) return false;
                whole.trailers = buffer.substr(line_end, end + 2 - line_end);
                requests_.push_back(std::move(whole));
                buffer.erase(0, end + 4);
                return true;
            }
            if (buffer.size() < at + size + 2) return false;
            whole.body += buffer.substr(at, size);
            ++whole.chunks;
            at += size + 2;
        }
    }

    std::vector<std::string> answers_;
    int listener_;
    std::string address_;
    std::vector<request> requests_;
    std::thread thread_;
};

}  // namespace borealis::lambda
