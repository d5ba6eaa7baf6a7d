#include "mysql/wire.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <poll.h>
#include <sys/socket.h>

namespace borealis::mysql {

namespace asio = core::asio;
namespace {

constexpr auto look_every = std::chrono::milliseconds(250);  // an idle session's timer is gone after it

}  // namespace

wire::wire(core::executor on, handle of, interrupter* helper)
    : executor_(std::move(on)),
      handle_(std::move(of)),
      socket_(::mysql_get_socket(handle_.get())),
      helper_(helper),
      descriptor_(executor_, socket_),
      timer_(executor_),
      alarm_(std::make_shared<alarm>(alarm{.of = this})) {}

wire::~wire() {
    alarm_->of = nullptr;
    descriptor_.release();
}

void wire::begin(core::deadline until) {
    if (phase_ == phase::interrupting) phase_ = phase::in_time;
    until_ = until;
    rang_ = false;
    calling_ = true;
}

void wire::end() { calling_ = false; }

void wire::expire() noexcept {
    if (!calling_ || phase_ != phase::in_time) return;
    rang_ = true;
    boost::system::error_code ignored;  // nothing to cancel is fine
    descriptor_.cancel(ignored);
}

void wire::cut() {
    phase_ = phase::cut;
    ::shutdown(socket(), SHUT_RDWR);
}

bool wire::readable() const {
    pollfd look{.fd = socket(), .events = POLLIN | POLLRDHUP, .revents = 0};
    return ::poll(&look, 1, 0) > 0;
}

/// Setting a timer anew for every statement costs two system calls. So it is set for a while ahead at most, left
/// running when the statement is over, and looks at the deadline when it rings.
void wire::arm() {
    // One that is set rings within `look_every`.
    if (until_.at() == core::clock::time_point::max() || rings_at_ <= until_.at()) return;
    const auto at = std::min(until_.at(), core::clock::now() + look_every);
    if (rings_at_ <= at) return;
    rings_at_ = at;
    timer_.expires_at(at);
    timer_.async_wait([state = alarm_, round = ++alarm_->round](const boost::system::error_code& ec) {
        if (!ec && state->of != nullptr && state->round == round) state->of->ring();
    });
}

void wire::ring() {
    rings_at_ = core::clock::time_point::max();
    if (!calling_) return;
    if (!until_.passed()) return arm();
    rang_ = true;
    boost::system::error_code ignored;  // nothing to cancel is fine
    descriptor_.cancel(ignored);
}

core::awaitable<int> wire::wait(int events) {
    for (;;) {
        if (rang_) co_await out_of_time();
        // A cut connection is ready for everything: the library finds its end.
        if (phase_ == phase::cut) co_return events;
        arm();
        const auto kind = (events & MYSQL_WAIT_WRITE) != 0 ? asio::posix::descriptor_base::wait_write
                                                           : asio::posix::descriptor_base::wait_read;
        const auto [ec] = co_await descriptor_.async_wait(kind, core::as_tuple);
        if (rang_) continue;
        if (ec) cut();
        co_return events & ~MYSQL_WAIT_TIMEOUT;
    }
}

core::awaitable<void> wire::out_of_time() {
    rang_ = false;
    if (phase_ == phase::in_time && helper_ != nullptr) {
        phase_ = phase::interrupting;
        until_ = core::deadline::after(grace);
        const bool interrupted = co_await helper_->interrupt(until_);
        if (interrupted) co_return;
    }
    cut();
}

core::awaitable<void> wire::interrupt() {
    const bool interrupted = helper_ != nullptr && co_await helper_->interrupt(core::deadline::after(grace));
    if (!interrupted) cut();
}

core::awaitable<void> wire::breathe() {
    co_await asio::post(executor_, core::use_awaitable);
    // The alarm is set by the first wait, and there may have been none.
    if (rang_ || until_.passed()) co_await out_of_time();
}

core::awaitable<bool> wire::read_answer(std::vector<std::string>* first_row) {
    MYSQL* const on = handle_.get();
    for (;;) {
        if (MYSQL_RES* const rows = ::mysql_use_result(on)) {
            for (;;) {
                MYSQL_ROW row = nullptr;
                if (const int events = ::mysql_fetch_row_start(&row, rows)) {
                    co_await finish(events,
                                    [&row, rows](int ready) { return ::mysql_fetch_row_cont(&row, rows, ready); });
                }
                if (row == nullptr) break;
                if (first_row == nullptr || !first_row->empty()) continue;
                const unsigned long* const lengths = ::mysql_fetch_lengths(rows);
                for (unsigned int i = 0; i < ::mysql_num_fields(rows); ++i) {
                    first_row->emplace_back(row[i] == nullptr ? std::string() : std::string(row[i], lengths[i]));
                }
            }
            ::mysql_free_result(rows);  // read to its end: nothing to wait for
        }
        if (::mysql_errno(on) != 0) co_return false;
        if (!::mysql_more_results(on)) co_return true;
        int status = 0;
        if (const int events = ::mysql_next_result_start(&status, on)) {
            co_await finish(events, [&status, on](int ready) { return ::mysql_next_result_cont(&status, on, ready); });
        }
        if (status > 0) co_return false;
    }
}

core::awaitable<unsigned int> wire::command(std::string_view text) {
    MYSQL* const on = handle_.get();
    int status = 0;
    if (const int events = ::mysql_real_query_start(&status, on, text.data(), text.size())) {
        co_await finish(events, [&status, on](int ready) { return ::mysql_real_query_cont(&status, on, ready); });
    }
    if (status == 0) co_await read_answer(nullptr);
    co_return ::mysql_errno(on);
}

core::awaitable<std::optional<std::vector<std::string>>> wire::command_and_ask(std::string_view first,
                                                                               std::string_view second) {
    MYSQL* const on = handle_.get();
    for (const std::string_view text : {first, second}) {
        int sent = 0;
        if (const int events = ::mysql_send_query_start(&sent, on, text.data(), text.size())) {
            co_await finish(events, [&sent, on](int ready) { return ::mysql_send_query_cont(&sent, on, ready); });
        }
        if (sent != 0) co_return std::nullopt;
    }
    std::vector<std::string> row;
    bool well = true;
    for (const bool is_second : {false, true}) {
        my_bool failed = 0;
        if (const int events = ::mysql_read_query_result_start(&failed, on)) {
            co_await finish(events,
                            [&failed, on](int ready) { return ::mysql_read_query_result_cont(&failed, on, ready); });
        }
        bool read = failed == 0;
        if (read) read = co_await read_answer(is_second ? &row : nullptr);
        well = well && read;
        if (phase_ == phase::cut) co_return std::nullopt;
    }
    if (!well) co_return std::nullopt;
    co_return row;
}

}  // namespace borealis::mysql
