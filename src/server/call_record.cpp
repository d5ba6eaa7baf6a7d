#include "server/call_record.hpp"

#include <cstdint>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "auth/signature.hpp"
#include "json/writer.hpp"

namespace borealis::server {
namespace {

/// Of a text that a caller chose: an ARN or a path may be long.
constexpr std::size_t most_octets = 512;
constexpr std::size_t hash_digits = 16;

std::uint64_t microseconds(core::clock::duration of) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(of).count());
}

class object {
 public:
    explicit object(std::string& out) : out_(out) { out_ += '{'; }
    void text(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        member(name);
        json::append_string(out_, value);
    }
    void given(std::string_view name, std::string_view value) { text(name, value.substr(0, most_octets)); }
    void number(std::string_view name, std::uint64_t value) {
        member(name);
        json::append_unsigned(out_, value);
    }
    void end() { out_ += "}\n"; }

 private:
    void member(std::string_view name) {
        if (out_.back() != '{') out_ += ',';
        out_.append(1, '"').append(name).append("\":");
    }
    std::string& out_;
};

}  // namespace

std::string time_text(std::chrono::system_clock::time_point at) {
    // The part that changes once a second is made once a second.
    struct second {
        std::time_t is = -1;
        std::string text;
    };
    thread_local second last;
    const auto seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(at));
    if (last.is != seconds) {
        std::tm utc{};
        ::gmtime_r(&seconds, &utc);
        last = {seconds, fmt::format("{:%Y-%m-%dT%H:%M:%S}", utc)};
    }
    const auto fraction =
        std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count() % 1'000'000;
    return fmt::format("{}.{:06}Z", last.text, fraction);
}

void append_line(std::string& out, const call_record& of, const reply& made) {
    object line(out);
    line.text("time", time_text(of.at));
    line.text("request_id", made.request_id);
    line.text("client", of.client);
    line.text("access_key", of.access_key);
    line.text("caller", of.caller);
    line.text("service", of.service);
    line.given("operation", of.operation);
    line.given("cluster", of.seen.resource_arn);
    line.number("status", static_cast<std::uint64_t>(made.status));
    line.text("error", made.error_type);
    line.number("duration_us", microseconds(core::clock::now() - of.since));
    if (of.data_api) {
        line.number("queue_us", microseconds(of.seen.queued));
        line.number("connect_us", microseconds(of.seen.connecting));
        line.number("database_us", microseconds(of.seen.at_database));
        line.number("encode_us", microseconds(of.seen.encoding));
        line.number("rows", of.seen.rows);
    }
    line.number("request_bytes", of.request_bytes);
    line.number("response_bytes", made.body.size());
    if (!of.seen.transaction_id.empty())
        line.text("transaction", auth::hex(auth::sha256(of.seen.transaction_id)).substr(0, hash_digits));
    line.text("trace_id", of.trace.amazon);
    line.text("traceparent", of.trace.w3c);
    line.text("sql", of.seen.sql);
    line.end();
}

}  // namespace borealis::server
