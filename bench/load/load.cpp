/// An HTTP load: so many kept-alive connections on one thread, each with one request under way. Closed loop, each
/// connection as fast as it is answered; or, with a rate, open loop: runs of the script begin at fixed times whatever
/// the server does, and their latency counts from the time they were meant to begin.
///
///     load --url http://127.0.0.1:8080 --script FILE --connections 64 --seconds 1
///          [--warm-up 0.2] [--rate 5000] [--key ID] [--region us-east-1]      # the secret key: BENCH_SECRET_KEY
///
/// Prints one line of JSON. A run is the script once through; latencies are those of runs, in microseconds.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "json/writer.hpp"
#include "load/arguments.hpp"
#include "load/connection.hpp"
#include "load/histogram.hpp"
#include "load/script.hpp"

namespace {

using namespace borealis::bench;
using steady = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::nanoseconds;

/// How long answers are waited for after the end.
constexpr std::chrono::seconds patience{5};

nanoseconds seconds(double of) { return duration_cast<nanoseconds>(std::chrono::duration<double>(of)); }

class load {
 public:
    explicit load(const arguments& from)
        : to_(parse_url(from.text("url"))),
          script_(from.text("script"), to_.host + ":" + to_.port, signer_of(from)),
          warm_up_(seconds(from.number("warm-up", 0.2))),
          length_(seconds(from.number("seconds", 1))) {
        if (const double rate = from.number("rate", 0); rate > 0) interval_ = seconds(1 / rate);
        if (to_.tls) {
            tls_.reset(::SSL_CTX_new(::TLS_client_method()));
            ::SSL_CTX_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        }
        epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
        clients_.resize(std::max<std::size_t>(from.count("connections", 1), 1));
        for (auto& one : clients_) open(one);
    }
    load(const load&) = delete;
    load& operator=(const load&) = delete;
    ~load() {
        clients_.clear();
        ::close(epoll_);
    }

    void run() {
        begin_ = steady::now();
        from_ = begin_ + warm_up_;
        until_ = from_ + length_;
        if (interval_.count() == 0) {
            for (auto& one : clients_) start(one, steady::now());
        } else {
            for (auto& one : clients_) idle_.push_back(&one);
        }
        std::vector<epoll_event> events(clients_.size());
        for (;;) {
            auto now = steady::now();
            // Runs under way come to their end: a transaction left open would hold its locks for long.
            if (now >= until_ && (unanswered() == 0 || now >= until_ + patience)) break;
            start_due(now);
            const auto left = wake_up_at(now) - now;
            const timespec timeout{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
            const int count = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()),
                                             left.count() < 0 ? &no_time : &timeout, nullptr);
            for (int i = 0; i < count; ++i) {
                auto& who = *static_cast<client*>(events[static_cast<std::size_t>(i)].data.ptr);
                const auto what = who.with->go_on();
                if (what != connection::progress::waiting) {
                    answered(who, what);
                } else if (who.watches_writing && !who.with->wants_to_write()) {
                    watch(who, EPOLL_CTL_MOD, false);
                }
            }
        }
    }

    [[nodiscard]] std::string report() const {
        rusage used{};
        ::getrusage(RUSAGE_SELF, &used);
        std::string error;
        borealis::json::append_string(error, first_error_);
        return fmt::format(R"({{"seconds":{:.6f},"requests":{},"runs":{},"errors":{},"unanswered":{},"reconnects":{},)"
                           R"("p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"max":{:.1f},"first_error":{}}})",
                           std::chrono::duration<double>(length_).count(), requests_, latencies_.count(), errors_,
                           unanswered(), reconnects_, latencies_.micros(0.5), latencies_.micros(0.9),
                           latencies_.micros(0.99), latencies_.largest_micros(), error);
    }

    [[nodiscard]] bool has_answers() const { return requests_ > 0; }

 private:
    struct client {
        std::unique_ptr<connection> with;
        std::size_t step = 0;
        steady::time_point meant;  ///< When this run of the script was meant to begin.
        std::string scratch;
        std::string transaction;
        bool watches_writing = false;
    };
    struct tls_end {
        void operator()(SSL_CTX* of) const noexcept { ::SSL_CTX_free(of); }
    };

    static constexpr timespec no_time{};

    static std::optional<signer> signer_of(const arguments& from) {
        const auto id = from.text("key");
        if (id.empty()) return std::nullopt;
        return signer{id, environment("BENCH_SECRET_KEY"), from.text("region", "us-east-1")};
    }

    void open(client& one) {
        one.with = std::make_unique<connection>(to_, tls_.get());
        watch(one, EPOLL_CTL_ADD, false);
    }

    void watch(client& one, int how, bool writing) {
        one.watches_writing = writing;
        epoll_event event{.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = &one}};
        ::epoll_ctl(epoll_, how, one.with->descriptor(), &event);
    }

    [[nodiscard]] steady::time_point wake_up_at(steady::time_point now) const {
        if (now >= until_) return until_ + patience;
        if (interval_.count() == 0) return until_;
        return idle_.empty() ? until_ : std::min(until_, next_due());
    }

    /// Runs under way, and those that should be but have found no connection free.
    [[nodiscard]] std::uint64_t unanswered() const {
        if (interval_.count() == 0 || next_due() >= until_) return under_way_;
        return under_way_ + static_cast<std::uint64_t>((until_ - next_due()) / interval_ + 1);
    }

    [[nodiscard]] steady::time_point next_due() const { return begin_ + interval_ * started_; }

    void start_due(steady::time_point now) {
        if (interval_.count() == 0) return;
        while (!idle_.empty() && next_due() <= now && next_due() < until_) {
            auto* const one = idle_.back();
            idle_.pop_back();
            start(*one, next_due());
            ++started_;
        }
    }

    void start(client& one, steady::time_point meant) {
        one.meant = meant;
        one.step = 0;
        ++under_way_;
        say(one);
    }

    void say(client& one) {
        one.with->send(script_.request(one.step, one.transaction, one.scratch), script_.begins_transaction(one.step));
        if (one.with->wants_to_write()) watch(one, EPOLL_CTL_MOD, true);
    }

    void answered(client& one, connection::progress how) {
        const auto now = steady::now();
        const bool counts = interval_.count() == 0 ? now >= from_ && now < until_ : one.meant >= from_;
        const bool well = how == connection::progress::answered && one.with->status() == 200;
        if (counts && well) ++requests_;
        if (!well) {
            if (counts) ++errors_;
            if (first_error_.empty()) {
                first_error_ = how == connection::progress::answered
                                   ? fmt::format("{} {}", one.with->status(), one.with->body().substr(0, 300))
                                   : "the connection was closed";
            }
        }
        if (well && script_.begins_transaction(one.step)) {
            constexpr std::string_view name = "\"transactionId\":";
            const std::string_view body = one.with->body();
            const auto from = body.find('"', body.find(name) + name.size()) + 1;
            one.transaction = body.substr(from, body.find('"', from) - from);
        }
        if (one.with->closes()) {
            ++reconnects_;
            open(one);
        }
        if (well && ++one.step < script_.size()) return say(one);
        --under_way_;
        if (counts && well) latencies_.add(duration_cast<nanoseconds>(now - one.meant));
        if (interval_.count() == 0 && now < until_) {
            start(one, now);
        } else {
            idle_.push_back(&one);
        }
    }

    address to_;
    script script_;
    nanoseconds warm_up_;
    nanoseconds length_;
    nanoseconds interval_{0};  ///< Zero: a closed loop.
    std::unique_ptr<SSL_CTX, tls_end> tls_;
    int epoll_ = -1;
    std::vector<client> clients_;
    std::vector<client*> idle_;

    steady::time_point begin_;
    steady::time_point from_;
    steady::time_point until_;
    std::int64_t started_ = 0;
    std::uint64_t under_way_ = 0;
    std::uint64_t requests_ = 0;
    std::uint64_t errors_ = 0;
    std::uint64_t reconnects_ = 0;
    std::string first_error_;
    histogram latencies_;
};

}  // namespace

int main(int count, char** words) {
    std::signal(SIGPIPE, SIG_IGN);
    const arguments given(count, words,
                          {"url", "script", "connections", "seconds", "warm-up", "rate", "key", "region"});
    try {
        load all(given);
        all.run();
        std::cout << all.report() << std::endl;
        return all.has_answers() ? 0 : 1;
    } catch (const std::exception& e) {
        std::cerr << "load: " << e.what() << '\n';
        return 1;
    }
}
