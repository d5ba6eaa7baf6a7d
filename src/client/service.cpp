#include "client/service.hpp"

#include <algorithm>
#include <charconv>

#include "client/failure.hpp"
#include "json/document.hpp"

namespace borealis::client {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::string_view own_user_agent = "borealis-client/0.1.0";

/// Text of the first element of that name, which has no elements in it; empty where there is none.
std::string xml_element(std::string_view in, std::string_view name) {
    static constexpr std::pair<std::string_view, char> entities[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}};
    const auto open = "<" + std::string(name) + ">";
    const auto start = in.find(open);
    if (start == std::string_view::npos) return {};
    auto rest = in.substr(start + open.size());
    rest = rest.substr(0, rest.find('<'));
    std::string out;
    while (!rest.empty()) {
        std::size_t taken = 1;
        char c = rest.front();
        for (const auto& [entity, meant] : entities) {
            if (!rest.starts_with(entity)) continue;
            taken = entity.size();
            c = meant;
            break;
        }
        out += c;
        rest.remove_prefix(taken);
    }
    return out;
}

/// A failed answer's code and message, as SDKs find them.
void read_error(const http_answer& answer, fault& into, std::optional<std::int64_t>& db_connection_id) {
    std::string_view code = answer.find("x-amzn-errortype");
    json::document document;
    const auto root = document.parse_copy(answer.body);
    if (root && (*root)->is() == json::kind::object) {
        const auto text = [&root](std::string_view name) -> std::string_view {
            const auto* found = (*root)->find(name);
            return found != nullptr && found->is() == json::kind::string ? found->text() : std::string_view();
        };
        for (const std::string_view name : {"code", "Code", "__type"}) {
            if (code.empty()) code = text(name);
        }
        into.message = text("message").empty() ? text("Message") : text("message");
        if (const auto* id = (*root)->find("dbConnectionId"); id != nullptr && id->is() == json::kind::integer) {
            db_connection_id = id->integer();
        }
    }
    std::string from_xml;
    if (!root && answer.body.starts_with("<ErrorResponse")) {  // the query protocol
        from_xml = xml_element(answer.body, "Code");
        if (code.empty()) code = from_xml;
        into.message = xml_element(answer.body, "Message");
    }
    code = code.substr(0, code.find(':'));
    code = code.substr(code.find('#') + 1);  // npos + 1 is 0
    into.code = code.empty() ? std::to_string(answer.status) : std::string(code);
}

std::optional<milliseconds> read_retry_after(std::string_view text) {
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size() || value < 0)
        return std::nullopt;
    return milliseconds(value);
}

}  // namespace

struct service::resolved {
    profile_settings profile;
    std::string region;
    endpoint at;
    bool without_proxy;
    int max_attempts;
    transport over;
    credential_chain chain;
    std::mutex keys_mutex = {};
    auth::signing_keys keys = auth::signing_keys(4);

    resolved(const client_options& options, const service_names& names, const environment& in)
        : profile(find_profile(options, in)),
          region(find_region(options, profile, in)),
          at(find_endpoint(options, profile, in, names, region)),
          without_proxy(is_loopback(at.host)),
          max_attempts(find_max_attempts(options, profile, in)),
          over(find_ca_file(options, profile, in), options.idle_connections),
          chain(options, profile, in, over) {}
};

struct service::attempt {
    bool succeeded = false;
    service_answer answer = {};
    fault failed = {};
    std::string request_id = {};
    std::optional<std::int64_t> db_connection_id = {};
    std::optional<std::chrono::sys_seconds> server_time = {};
    credentials used = {};
};

service::service(client_options options, service_names names, environment in)
    : options_(std::move(options)), names_(names), in_(std::move(in)) {}

service::~service() = default;

void service::warn(const std::string& text) const {
    if (options_.on_warning) options_.on_warning(text);
}

service::resolved& service::resolve() {
    const std::scoped_lock lock(mutex_);
    if (!resolved_) resolved_ = std::make_unique<resolved>(options_, names_, in_);
    return *resolved_;
}

service::attempt service::try_once(resolved& with, const service_call& call, milliseconds limit) {
    attempt out;
    out.used = with.chain.get();
    const auto now = std::chrono::floor<std::chrono::seconds>(in_.now()) + std::chrono::seconds(clock_offset_.load());
    const auto path = with.at.base_path + std::string(call.path);
    http_call http{
        .method = call.method,
        .url = with.at.scheme + "://" + with.at.authority + path + (call.query.empty() ? "" : "?" + call.query),
        .headers = {{"Content-Type", std::string(call.content_type)},
                    {"Host", with.at.authority},
                    {"X-Amz-Date", auth::timestamp(now)}},
        .body = call.body,
        .connect_timeout = std::min(options_.connect_timeout, limit),
        .timeout = limit,
        .without_proxy = with.without_proxy};
    if (!call.target.empty()) http.headers.emplace_back("X-Amz-Target", call.target);
    for (const auto& [name, value] : call.headers) http.headers.emplace_back(name, value);
    if (!out.used.session_token.empty())
        http.headers.emplace_back("X-Amz-Security-Token", out.used.session_token.reveal());
    std::vector<auth::header> views;
    for (const auto& [name, value] : http.headers) views.push_back({name, value});
    const auth::scope in{now, with.region, names_.signing};
    auth::digest key;
    {
        const std::scoped_lock lock(with.keys_mutex);
        key = with.keys.find(out.used.access_key_id, out.used.secret, in);
    }
    http.headers.emplace_back("Authorization", auth::authorization({http.method, path, call.query, views, call.body},
                                                                   in, out.used.access_key_id, key));
    http.headers.emplace_back(
        "User-Agent", std::string(own_user_agent) + (options_.user_agent.empty() ? "" : " " + options_.user_agent));

    auto answer = with.over.send(http);
    if (!answer) {
        out.failed = {.sent = answer.error().sent,
                      .timed_out = answer.error().timed_out,
                      .certificate = answer.error().certificate,
                      .message = std::move(answer.error().message)};
        return out;
    }
    out.request_id = answer->find("x-amzn-requestid");
    if (answer->status >= 200 && answer->status < 300) {
        out.succeeded = true;
        out.answer = {std::move(answer->body), out.request_id, answer->status, std::move(answer->headers)};
        return out;
    }
    out.failed.answered = true;
    out.failed.status = answer->status;
    out.failed.retry_after = read_retry_after(answer->find("x-amz-retry-after"));
    out.server_time = auth::parse_http_date(answer->find("date"));
    read_error(*answer, out.failed, out.db_connection_id);
    return out;
}

service_answer service::perform(const service_call& call) {
    auto& with = resolve();
    const auto begin = in_.steady_now();
    const auto whole = call.timeout.value_or(options_.call_timeout);
    const auto left = [&] {
        return whole <= 0ms ? milliseconds::max() : std::chrono::ceil<milliseconds>(begin + whole - in_.steady_now());
    };
    int tries = 0, looks = 0, last_cost = 0;
    bool clock_corrected = false, credentials_renewed = false;
    std::optional<std::chrono::steady_clock::time_point> resuming_since;
    for (;;) {
        auto once = try_once(with, call, std::clamp(left(), 1ms, std::max(options_.attempt_timeout, 1ms)));
        ++tries;
        if (once.succeeded) {
            tokens_.give_back(last_cost);
            return std::move(once.answer);
        }
        const auto& failed = once.failed;
        const auto verdict = judge(failed);
        const bool may_repeat = !verdict.in_doubt || call.repeatable;
        const auto give_up = [&]() {
            error_details details{
                .code = failed.code,
                .message = failed.message,
                .operation = std::string(call.operation),
                .status = failed.status,
                .request_id = once.request_id,
                .retryable = verdict.why != cause::permanent && may_repeat,
                .outcome_unknown = !may_repeat || (call.may_run_on && failed.code == "StatementTimeoutException"),
                .db_connection_id = once.db_connection_id};
            if (!failed.answered) {
                details.code = failed.timed_out ? "CallTimeout" : "ConnectionError";
                details.message = "Could not " + std::string(failed.sent ? "get an answer from" : "reach") +
                                  " the endpoint " + with.at.scheme + "://" + with.at.authority + ": " + failed.message;
            }
            throw_service_error(std::move(details));
        };
        // Waits and says whether another attempt fits into the call's time.
        const auto pause = [&](milliseconds time) {
            if (time >= left()) return false;
            in_.sleep(time);
            return true;
        };

        // A wrong clock, credentials that have just expired: mended and tried again at once, once.
        if (may_be_clock_skew(failed.code) && once.server_time && !std::exchange(clock_corrected, true)) {
            const auto offset = *once.server_time - std::chrono::floor<std::chrono::seconds>(in_.now());
            if (std::chrono::abs(offset - std::chrono::seconds(clock_offset_.load())) > 4min) {
                clock_offset_ = offset.count();
                continue;
            }
        }
        if ((failed.code == "ExpiredTokenException" || failed.code == "ExpiredToken") &&
            !std::exchange(credentials_renewed, true) && with.chain.expire(once.used)) {
            continue;
        }
        if (verdict.why == cause::resuming) {
            const auto now = in_.steady_now();
            if (!resuming_since) resuming_since = now;
            const auto delay = resume_delay(looks++);
            if (!call.awaits_resume || now + delay - *resuming_since > options_.resume_timeout || !pause(delay))
                give_up();
            --tries;  // the database was reached; it is not the service that fails
            continue;
        }
        if (verdict.why == cause::permanent || !may_repeat || tries >= with.max_attempts) give_up();
        const auto cost = tokens_.take(failed.timed_out);
        if (!cost) give_up();
        last_cost = *cost;
        if (!pause(retry_delay(tries - 1, in_.random(), failed.retry_after))) give_up();
    }
}

}  // namespace borealis::client
