#include "mysql/line.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include <boost/asio/post.hpp>
#include <sys/socket.h>

#include "core/give_back.hpp"
#include "core/log.hpp"

namespace borealis::mysql {
namespace {

namespace asio = core::asio;
using namespace std::chrono_literals;

constexpr int most_reads = 4;                   // before others get their turn
constexpr std::size_t most_held = 1024 * 1024;  // of an answer that the end of another statement may have hit
constexpr std::size_t most_kept = 64 * 1024;    // of a buffer that is empty
constexpr auto abandoned_time = 50ms;           // an answer that nobody wants may take before its statement is ended

void shrink(std::string& buffer) {
    if (buffer.capacity() > most_kept) buffer.shrink_to_fit();
}

}  // namespace

line::turn::~turn() {
    if (in_ == nullptr || done_) return;
    for (auto& at : in_->places_) {
        if (at.who == this) at.who = nullptr;
    }
    if (in_->leader_ == this) in_->leader_ = nullptr;
    in_->over_ = true;
}

void line::turn::abandon() noexcept {
    if (in_ == nullptr || done_ || std::exchange(abandoned_, true)) return;
    if (in_->leader_ == this) in_->wire_.expire();
}

line::~line() {
    state_->of = nullptr;
    for (auto& at : places_) {
        if (at.who != nullptr) at.who->in_ = nullptr;
    }
}

// ---- sending

void line::join(turn& who) {
    who.exposed_ = exposed_ && who.guest_;
    places_.push_back({.who = &who, .to = &who.to_, .from = joined_, .held = who.exposed_});
    joined_ = sent_ + outgoing_.size();
    if (over_) end(false);  // its end came together with the answer to what was sent before
}

/// What one turn of the event loop brings is sent at once.
void line::flush_soon() {
    if (std::exchange(flushing_, true)) return;
    asio::post(wire_.executor(), [mine = state_] {
        if (mine->of == nullptr) return;
        mine->of->flushing_ = false;
        mine->of->flush();
    });
}

/// What goes wrong shows when the answer is read.
void line::flush() {
    std::size_t done = 0;
    while (done < outgoing_.size()) {
        const auto sent =
            ::send(wire_.socket(), outgoing_.data() + done, outgoing_.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            done += static_cast<std::size_t>(sent);
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            outgoing_.clear();
            done = 0;
        } else if (!std::exchange(writing_, true)) {
            // Whoever leads goes on reading meanwhile: a server that cannot get rid of its answers takes no more.
            wire_.when_writable([mine = state_] {
                if (mine->of == nullptr) return;
                mine->of->writing_ = false;
                mine->of->flush();
            });
        }
        break;
    }
    sent_ += done;
    if (done < outgoing_.size()) {
        outgoing_.erase(0, done);
        return;
    }
    outgoing_.clear();
    shrink(outgoing_);
}

// ---- waiting

core::awaitable<void> line::wait(turn& who) {
    if (who.done_) co_return;
    if (who.guest_) {
        flush_soon();
    } else {
        flush();
    }
    if (leader_ == nullptr) leader_ = &who;
    if (leader_ != &who) {
        auto& mine = *std::ranges::find(places_, &who, &place::who);
        co_await asio::async_initiate<const asio::use_awaitable_t<core::executor>, void()>(
            [&mine](waiter wake) { mine.wakes.emplace(std::move(wake)); }, core::use_awaitable);
        if (leader_ == &who && who.done_) leader_ = nullptr;
        if (who.done_) co_return;
    }
    struct reign {
        line& of;
        bool ends_well = false;
        ~reign() {
            if (!ends_well) of.torn_down();
        }
    } mine{*this};
    if (who.guest_) wire_.begin(who.abandoned_ ? core::deadline::after(abandoned_time) : who.until_);
    bool asked = false;
    for (;;) {
        if (!wire_.is_calm()) {
            co_await wire_.wait(MYSQL_WAIT_READ);
        } else if (!wire_.heard(co_await wire_.octets())) {
            continue;
        }
        read();
        if (who.done_ && (places_.empty() || has_heirs())) break;
        if (!asked && !who.done_ && who.to_.wants_end()) {
            asked = true;
            co_await wire_.interrupt();
        }
    }
    if (who.guest_) wire_.end();
    mine.ends_well = true;
    hand_over();
}

/// Is there somebody else who can lead?
bool line::has_heirs() const {
    return std::ranges::any_of(places_, [](const place& at) { return at.wakes.has_value(); });
}

void line::hand_over() {
    leader_ = nullptr;
    const auto next = std::ranges::find_if(places_, [](const place& at) { return at.wakes.has_value(); });
    if (next == places_.end()) return;
    leader_ = next->who;
    wake(*next);
}

void line::wake(place& of) {
    if (!of.wakes) return;
    asio::post(wire_.executor(), std::move(*of.wakes));
    of.wakes.reset();
}

/// The coroutine that led is being destroyed, and so will be those of all others who wait, and perhaps this.
void line::torn_down() noexcept {
    over_ = true;
    std::vector<waiter> all;
    for (auto& at : places_) {
        if (at.wakes) all.push_back(std::move(*at.wakes));
        at.wakes.reset();
    }
}

// ---- reading

void line::read() {
    // Made by the first read: what stands in a thread_local by itself is a part of every thread, and wiped as it
    // begins.
    static thread_local const auto memory = std::make_unique_for_overwrite<std::array<char, 64UL * 1024>>();
    auto& buffer = *memory;
    try {
        for (int reads = 0; reads < most_reads && !over_ && !places_.empty(); ++reads) {
            const auto got = ::recv(wire_.socket(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
            if (got <= 0) {
                for (auto& at : places_) at.held = false;
                take({});
                return end(false);
            }
            take({buffer.data(), static_cast<std::size_t>(got)});
            if (static_cast<std::size_t>(got) < buffer.size()) break;
        }
    } catch (const std::exception& problem) {
        core::log(core::log_level::error, "mysql: a session is ended: {}", problem.what());
        over_ = true;
    }
    if (over_) end(false);
}

void line::take(std::string_view bytes) {
    if (!pending_.empty()) {
        pending_ += bytes;
        bytes = pending_;
    }
    std::string_view left = bytes;
    while (!places_.empty() && !over_) {
        auto& head = places_.front();
        if (head.held && hold_back(head, left)) break;
        const auto packet = take_packet(left, long_packet_);
        if (!packet) break;
        auto how = answer::progress::nonsense;
        try {
            how = head.to->take(*packet);
        } catch (...) {
            if (head.who != nullptr) head.who->thrown_ = std::current_exception();
        }
        if (how == answer::progress::nonsense) {
            core::log(core::log_level::warning, "mysql: a session is ended: its server does not keep to the protocol");
            return end(false);
        }
        if (how == answer::progress::whole) answered();
    }
    if (places_.empty() && !left.empty()) over_ = true;  // what nobody asked for: the server's farewell
    if (!pending_.empty()) {
        pending_.erase(0, pending_.size() - left.size());
        if (pending_.empty()) shrink(pending_);
    } else if (!left.empty()) {
        pending_ = left;
    }
    if (long_packet_.capacity() > most_kept) core::give_back(long_packet_);
}

/// @return True while the answer is not whole.
bool line::hold_back(place& head, std::string_view bytes) {
    outline parts;
    std::string_view rest = bytes;
    while (!parts.whole()) {
        const auto packet = take_packet(rest, long_packet_);
        if (!packet) {
            if (bytes.size() < most_held) return true;
            break;
        }
        if (parts.next(*packet) == outline::part::nonsense) break;
    }
    head.held = false;
    // It may be run again, and must not have told its sink.
    if (parts.failed()) head.to->fails();
    return false;
}

/// The first in the line has been.
void line::answered() {
    auto head = std::move(places_.front());
    places_.pop_front();
    const auto& error = head.to->error();
    const bool ends = error && ends_session(error->code);
    warned_ |= head.to->warns();
    if (head.who == nullptr) return;
    head.who->done_ = true;
    head.who->in_ = nullptr;
    head.who->late_ = head.who->abandoned_ || (head.who == leader_ && wire_.where() != wire::phase::in_time);
    wake(head);
    if (ends) end(true);
}

/// The session is over; all that wait are told.
/// @param ended_by_server  It said so, and nothing behind was begun.
void line::end(bool ended_by_server) {
    over_ = true;
    for (auto& at : places_) {
        if (at.who == nullptr) continue;
        auto& who = *std::exchange(at.who, nullptr);
        who.done_ = who.cut_off_ = true;
        who.begun_ = at.from < sent_ && !ended_by_server;
        who.late_ = who.abandoned_ || (&who == leader_ && wire_.where() != wire::phase::in_time);
        who.in_ = nullptr;
        wake(at);
    }
    places_.clear();
    pending_.clear();
}

// ---- ending statements

void line::expose() {
    if (!led_by_guest()) return;
    exposed_ = true;
    for (auto& at : places_) {
        if (&at == &places_.front() || at.who == nullptr) continue;
        at.who->exposed_ = at.held = true;
    }
}

bool line::settle() {
    exposed_ = false;
    if (!led_by_guest()) return false;
    if (over_) return true;
    append_query(outgoing_, "DO 0");
    places_.push_back({.who = nullptr, .to = &settling_, .from = joined_, .held = false});
    joined_ = sent_ + outgoing_.size();
    flush();
    return true;
}

}  // namespace borealis::mysql
