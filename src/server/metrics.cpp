#include "server/metrics.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

namespace borealis::server {
namespace {

using data_api::histogram;
using data_api::operation;

constexpr std::array operations = {operation::execute_statement,    operation::batch_execute_statement,
                                   operation::begin_transaction,    operation::commit_transaction,
                                   operation::rollback_transaction, operation::execute_sql};

class text {
 public:
    void head(std::string_view name, std::string_view kind, std::string_view help) {
        fmt::format_to(std::back_inserter(out_), "# HELP borealis_{0} {2}\n# TYPE borealis_{0} {1}\n", name, kind,
                       help);
    }
    /// @param labels  `a="b"`, or nothing.
    template <class Number>
    void value(std::string_view name, std::string_view labels, Number number) {
        if (labels.empty()) {
            fmt::format_to(std::back_inserter(out_), "borealis_{} {}\n", name, number);
        } else {
            fmt::format_to(std::back_inserter(out_), "borealis_{}{{{}}} {}\n", name, labels, number);
        }
    }
    template <class Number>
    void single(std::string_view name, std::string_view kind, std::string_view help, Number number) {
        head(name, kind, help);
        value(name, {}, number);
    }
    void durations(std::string_view name, std::string_view labels, const histogram& of) {
        const std::string bucket = fmt::format("{}_bucket", name);
        const std::string_view comma = labels.empty() ? "" : ",";
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < histogram::bounds.size(); ++i) {
            below += of.counts[i];
            value(bucket, fmt::format("{}{}le=\"{}\"", labels, comma, histogram::bounds[i]), below);
        }
        below += of.counts.back();
        value(bucket, fmt::format("{}{}le=\"+Inf\"", labels, comma), below);
        value(fmt::format("{}_sum", name), labels, of.seconds);
        value(fmt::format("{}_count", name), labels, below);
    }
    [[nodiscard]] std::string take() { return std::move(out_); }

 private:
    std::string out_;
};

/// An ARN of the config may have any characters.
std::string label_text(std::string_view from) {
    std::string out;
    for (const char c : from) {
        if (c == '"' || c == '\\') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

void add(histogram& to, const histogram& more) {
    for (std::size_t i = 0; i < to.counts.size(); ++i) to.counts[i] += more.counts[i];
    to.seconds += more.seconds;
}

template <class Get>
auto sum(std::span<const thread_numbers> all, Get get) {
    std::invoke_result_t<Get, const thread_numbers&> total = {};
    for (const auto& one : all) total += get(one);
    return total;
}

/// As Prometheus' own client libraries name them.
std::string process_numbers() {
    std::string out;
    const auto add = [&out](std::string_view name, std::string_view kind, std::string_view help, auto value) {
        fmt::format_to(std::back_inserter(out), "# HELP process_{0} {2}\n# TYPE process_{0} {1}\nprocess_{0} {3}\n",
                       name, kind, help, value);
    };
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    add("resident_memory_bytes", "gauge", "Resident memory.", resident * page);
    add("virtual_memory_bytes", "gauge", "Virtual memory.", pages * page);
    std::error_code ignored;  // then it is 0
    const std::filesystem::directory_iterator open("/proc/self/fd", ignored);
    add("open_fds", "gauge", "Open file descriptors.", std::distance(begin(open), end(open)));
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) add("max_fds", "gauge", "Largest number of them.", files.rlim_cur);
    rusage used{};
    if (::getrusage(RUSAGE_SELF, &used) == 0) {
        const auto seconds = [](const timeval& of) {
            return static_cast<double>(of.tv_sec) + static_cast<double>(of.tv_usec) / 1e6;
        };
        add("cpu_seconds_total", "counter", "Processor time, of user and system.",
            seconds(used.ru_utime) + seconds(used.ru_stime));
    }
    return out;
}

}  // namespace

std::string prometheus_text(std::span<const thread_numbers> all) {
    text to;
    to.head("requests_total", "counter", "Data API calls answered, by operation and x-amzn-ErrorType (OK: none).");
    for (const auto what : operations) {
        std::map<std::string_view, std::uint64_t> outcomes;
        for (const auto& one : all)
            for (const auto& [type, count] : one.done.of[static_cast<std::size_t>(what)].outcomes)
                outcomes[type.empty() ? "OK" : type] += count;
        for (const auto& [type, count] : outcomes)
            to.value("requests_total", fmt::format(R"(operation="{}",outcome="{}")", name_of(what), type), count);
    }
    to.head("request_seconds", "histogram", "Data API calls, from the whole request to its answer.");
    for (const auto what : operations) {
        histogram took;
        for (const auto& one : all) add(took, one.done.of[static_cast<std::size_t>(what)].took);
        to.durations("request_seconds", fmt::format(R"(operation="{}")", name_of(what)), took);
    }
    // Where the time of calls went.
    const auto phase = [&](std::string_view name, std::string_view help, histogram data_api::statistics::* member) {
        histogram whole;
        for (const auto& one : all) add(whole, one.done.*member);
        to.head(name, "histogram", help);
        to.durations(name, {}, whole);
    };
    phase("queue_seconds", "Waiting for a database session, without the time to open one.",
          &data_api::statistics::queued);
    phase("connect_seconds", "Opening a database session that a call needed.", &data_api::statistics::connected);
    phase("database_seconds", "Statements, commits and rollbacks at the database, without what is encode_seconds.",
          &data_api::statistics::ran);
    phase("encode_seconds", "Writing a result's rows into its answer (estimated from samples of long ones).",
          &data_api::statistics::encoded);
    to.single("rows_total", "counter", "Rows that came from databases.",
              sum(all, [](const thread_numbers& one) { return one.done.rows; }));
    to.head("statements_cancelled_total", "counter",
            "Statements cancelled at the database: their time was over, their callers had hung up, or no more of their "
            "rows could be carried.");
    const auto cancelled = [&](std::string_view why, std::uint64_t data_api::statistics::* member) {
        to.value("statements_cancelled_total", fmt::format(R"(why="{}")", why),
                 sum(all, [&](const thread_numbers& one) { return one.done.*member; }));
    };
    cancelled("time", &data_api::statistics::timed_out);
    cancelled("hung_up", &data_api::statistics::hung_up);
    cancelled("size", &data_api::statistics::cut_short);
    to.single("slow_statements_total", "counter", "Statements over slow_statement_seconds.",
              sum(all, [](const thread_numbers& one) { return one.now.slow_statements; }));

    to.head("sessions", "gauge", "Database sessions by what they do.");
    const auto state = [&](std::string_view name, std::size_t pool::pool_counts::* member) {
        to.value("sessions", fmt::format(R"(state="{}")", name),
                 sum(all, [&](const thread_numbers& one) { return one.now.sessions.*member; }));
    };
    state("idle", &pool::pool_counts::idle);
    state("leased", &pool::pool_counts::leased);
    state("resetting", &pool::pool_counts::resetting);
    to.single("session_waiters", "gauge", "Calls that wait for a session.",
              sum(all, [](const thread_numbers& one) { return one.now.sessions.waiting; }));
    std::map<std::string, pool::pool_counts> clusters;
    for (const auto& one : all)
        for (const auto& [arn, counts] : one.now.by_cluster) clusters[arn] += counts;
    to.head("cluster_sessions", "gauge", "Database sessions of each cluster by what they do.");
    for (const auto& [arn, counts] : clusters) {
        const auto of = [&](std::string_view name, std::size_t number) {
            to.value("cluster_sessions", fmt::format(R"(cluster="{}",state="{}")", label_text(arn), name), number);
        };
        of("idle", counts.idle);
        of("leased", counts.leased);
        of("resetting", counts.resetting);
    }
    to.head("cluster_session_waiters", "gauge", "Calls that wait for a session of each cluster.");
    for (const auto& [arn, counts] : clusters)
        to.value("cluster_session_waiters", fmt::format(R"(cluster="{}")", label_text(arn)), counts.waiting);
    to.head("session_events_total", "counter", "What has happened to sessions; refused: calls that waited in vain.");
    const auto event = [&](std::string_view name, std::uint64_t pool::pool_totals::* member) {
        to.value("session_events_total", fmt::format(R"(event="{}")", name),
                 sum(all, [&](const thread_numbers& one) { return one.now.since_start.*member; }));
    };
    event("opened", &pool::pool_totals::opened);
    event("connect_failed", &pool::pool_totals::connect_failed);
    event("closed", &pool::pool_totals::closed);
    event("reset", &pool::pool_totals::reset);
    event("refused", &pool::pool_totals::refused);
    const auto shared = [&](std::string_view name, std::uint64_t pool::pool_totals::* member) {
        to.value("shared_statements_total", fmt::format(R"(event="{}")", name),
                 sum(all, [&](const thread_numbers& one) { return one.now.since_start.*member; }));
    };
    to.head("shared_statements_total", "counter",
            "Statements on sessions that others use too; moved_on: taken off, as others waited.");
    shared("joined", &pool::pool_totals::joined);
    shared("moved_on", &pool::pool_totals::moved_on);

    to.single("transactions_open", "gauge", "Data API transactions.",
              sum(all, [](const thread_numbers& one) { return one.now.transactions_open; }));
    to.single("transactions_begun_total", "counter", "Transactions begun.",
              sum(all, [](const thread_numbers& one) { return one.done.transactions_begun; }));
    to.head("transactions_ended_total", "counter", "Transactions by their end.");
    const auto ended = [&](std::string_view name, std::uint64_t pool::transaction_totals::* member) {
        to.value("transactions_ended_total", fmt::format(R"(how="{}")", name),
                 sum(all, [&](const thread_numbers& one) { return one.now.ended.*member; }));
    };
    ended("committed", &pool::transaction_totals::committed);
    ended("rolled_back", &pool::transaction_totals::rolled_back);
    ended("expired", &pool::transaction_totals::expired);
    ended("aborted", &pool::transaction_totals::aborted);
    to.single("client_connections", "gauge", "Client connections open.",
              sum(all, [](const thread_numbers& one) { return one.clients; }));
    to.head("http_responses_total", "counter", "Answers to clients, by the first digit of their status.");
    for (std::size_t digit = 1; digit <= 5; ++digit)
        to.value("http_responses_total", fmt::format(R"(class="{}xx")", digit),
                 sum(all, [&](const thread_numbers& one) { return one.traffic.answers[digit]; }));
    to.single("received_bytes_total", "counter", "From clients, above TLS.",
              sum(all, [](const thread_numbers& one) { return one.traffic.received; }));
    to.single("sent_bytes_total", "counter", "To clients, above TLS.",
              sum(all, [](const thread_numbers& one) { return one.traffic.sent; }));
    to.single("access_log_lines_total", "counter", "Calls in the access log.",
              sum(all, [](const thread_numbers& one) { return one.logged.lines; }));
    to.single("access_log_dropped_total", "counter", "Calls that the access log had no room for, or could not write.",
              sum(all, [](const thread_numbers& one) { return one.logged.dropped; }));
    return to.take() + process_numbers();
}

}  // namespace borealis::server
