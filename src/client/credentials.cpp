#include "client/credentials.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/failure.hpp"
#include "json/document.hpp"

extern char** environ;

namespace borealis::client {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr auto advisory = 15min;

/// The text becomes header values; a line end in one would become a header of its own.
void check_clean(std::string_view text, std::string_view what, std::string_view origin) {
    if (std::ranges::any_of(text, [](char c) {
            return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F;
        })) {
        throw_credentials("The " + std::string(what) + " from " + std::string(origin) +
                          " has a blank, a line end or another character that none has");
    }
}

credentials checked(credentials of, std::string_view origin) {
    check_clean(of.access_key_id, "access key id", origin);
    check_clean(of.secret.reveal(), "secret access key", origin);
    check_clean(of.session_token.reveal(), "session token", origin);
    return of;
}

/// The JSON that processes, containers and EC2 answer with. @param token  The member's name there.
credentials read_json(std::string_view text, std::string_view token, std::string_view origin) {
    json::document document;
    const auto root = document.parse_copy(text);
    if (!root || (*root)->is() != json::kind::object)
        throw_credentials("The answer of " + std::string(origin) + " is no JSON object");
    const auto member = [&](std::string_view name) -> std::string_view {
        const auto* found = (*root)->find(name);
        return found != nullptr && found->is() == json::kind::string ? found->text() : std::string_view();
    };
    if (member("AccessKeyId").empty() || member("SecretAccessKey").empty()) {
        throw_credentials("The answer of " + std::string(origin) + " lacks AccessKeyId or SecretAccessKey");
    }
    credentials out{std::string(member("AccessKeyId")), core::secret_text(std::string(member("SecretAccessKey"))),
                    core::secret_text(std::string(member(token))), std::nullopt};
    if (const auto expiration = member("Expiration"); !expiration.empty()) {
        out.expires = parse_iso_time(expiration);
        if (!out.expires)
            throw_credentials("The Expiration of " + std::string(origin) + " is no time such as 2026-01-31T12:00:00Z");
    }
    return checked(std::move(out), origin);
}

/// Runs a program without a shell; its standard output, or an error with its exit status. Standard error is left alone.
std::string run(const std::string& command) {
    const auto words = split_command(command);
    if (words.empty()) throw_credentials("credential_process is empty");
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw_credentials("credential_process: no pipe: " + std::string(std::strerror(errno)));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (failed != 0) {
        ::close(ends[0]);
        throw_credentials("credential_process cannot be started: " + words[0] + ": " + std::strerror(failed));
    }
    const auto limit = std::chrono::steady_clock::now() + 60s;
    std::string output;
    bool late = false;
    for (std::array<char, 4096> buffer{};;) {
        const auto left = std::chrono::ceil<milliseconds>(limit - std::chrono::steady_clock::now()).count();
        pollfd ready{ends[0], POLLIN, 0};
        const int polled = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
        if (polled < 0 && errno == EINTR) continue;
        late = polled == 0;
        if (polled <= 0) break;
        const auto got = ::read(ends[0], buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        output.append(buffer.data(), static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    if (late) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (late) throw_credentials("credential_process did not answer within 60 s: " + words[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        throw_credentials("credential_process failed: " + words[0] +
                          (WIFEXITED(status) ? " exited with " + std::to_string(WEXITSTATUS(status)) : " was killed"));
    }
    return output;
}

credentials from_process(const std::string& command) {
    const auto output = run(command);
    json::document document;
    const auto root = document.parse_copy(output);
    const auto* version = root && (*root)->is() == json::kind::object ? (*root)->find("Version") : nullptr;
    if (version == nullptr || version->is() != json::kind::integer || version->integer() != 1) {
        throw_credentials("The answer of credential_process is no JSON object with \"Version\": 1");
    }
    return read_json(output, "SessionToken", "credential_process");
}

std::optional<credentials> static_keys(const config_section& section, const std::string& profile,
                                       std::string_view file) {
    const auto id = section.find("aws_access_key_id");
    const auto secret = section.find("aws_secret_access_key");
    if (!id && !secret) return std::nullopt;
    if (!id || !secret) {
        throw_credentials("Partial credentials found in the " + std::string(file) + " for the profile '" + profile +
                          "', missing: " + (id ? "aws_secret_access_key" : "aws_access_key_id"));
    }
    return checked({*id, core::secret_text(*secret), core::secret_text(section.find("aws_session_token").value_or("")),
                    std::nullopt},
                   "the " + std::string(file));
}

std::optional<int> positive(const std::optional<std::string>& text) {
    int value = 0;
    if (!text) return std::nullopt;
    const auto read = std::from_chars(text->data(), text->data() + text->size(), value);
    if (read.ec != std::errc() || read.ptr != text->data() + text->size() || value < 1) return std::nullopt;
    return value;
}

}  // namespace

std::vector<std::string> split_command(std::string_view command) {
    std::vector<std::string> words;
    bool inside = false;
    char quote = '\0';
    for (std::size_t i = 0; i < command.size(); ++i) {
        const char c = command[i];
        if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n')) {
            inside = false;
            continue;
        }
        if (!std::exchange(inside, true)) words.emplace_back();
        auto& word = words.back();
        if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
            // Between double quotes a backslash quotes only itself and the quote.
            if (quote == '"' && command[i + 1] != '"' && command[i + 1] != '\\') word += c;
            word += command[++i];
        } else if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == quote && quote != '\0') {
            quote = '\0';
        } else {
            word += c;
        }
    }
    if (quote != '\0') throw_credentials("credential_process has a quote that is not closed");
    return words;
}

std::optional<std::chrono::system_clock::time_point> parse_iso_time(std::string_view text) {
    const auto number = [&text](std::size_t at, std::size_t count) {
        int value = 0;
        for (const char c : text.substr(std::min(at, text.size()), count)) {
            if (c < '0' || c > '9') return -1;
            value = value * 10 + (c - '0');
        }
        return value;
    };
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
        return std::nullopt;
    const int year = number(0, 4), month = number(5, 2), day = number(8, 2), hour = number(11, 2),
              minute = number(14, 2), second = number(17, 2);
    if (std::min({year, month, day, hour, minute, second}) < 0 || hour > 23 || minute > 59 || second > 59)
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return std::nullopt;
    std::chrono::sys_seconds at = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                                  std::chrono::minutes(minute) + std::chrono::seconds(second);
    auto zone = text.substr(19);
    if (zone.starts_with('.')) zone = zone.substr(std::min(zone.find_first_not_of("0123456789", 1), zone.size()));
    if (zone == "Z") return at;
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
    text = zone;
    const int hours = number(1, 2), minutes = number(4, 2);
    if (hours < 0 || minutes < 0) return std::nullopt;
    const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    return zone[0] == '+' ? at - offset : at + offset;
}

credential_chain::credential_chain(const client_options& options, const profile_settings& profile,
                                   const environment& in, transport& over)
    : options_(options), profile_(profile), in_(in), over_(over) {}

void credential_chain::warn(const std::string& text) const {
    if (options_.on_warning) options_.on_warning(text);
}

credentials credential_chain::get() {
    const std::scoped_lock lock(mutex_);
    if (!source_) source_ = find_source();
    const auto now = in_.now();
    const auto expires = held_ ? held_->expires : std::nullopt;
    if (held_ && !refused_ && (!expires || !source_->refreshes || now < *expires - advisory || now < ask_again_))
        return *held_;
    try {
        held_ = source_->fetch();
        refused_ = false;
    } catch (const aws_error& failed) {
        const bool holds = held_ && !refused_ && expires && (now < *expires || source_->outlives_expiry);
        if (!holds) throw;
        ask_again_ = std::min(now + 1min, std::max(*expires, now + 1s));
        if (now >= *expires) ask_again_ = now + 5min;
        warn("Credentials could not be refreshed, the old ones are used on: " + failed.message());
    }
    return *held_;
}

bool credential_chain::expire(const credentials& refused) {
    const std::scoped_lock lock(mutex_);
    if (!source_ || !source_->refreshes || !held_) return false;
    if (held_->access_key_id == refused.access_key_id && held_->session_token == refused.session_token) refused_ = true;
    return true;
}

credential_chain::source credential_chain::find_source() {
    if (options_.credentials) {
        const auto& given = *options_.credentials;
        if (given.access_key_id.empty() || given.secret_access_key.empty()) {
            throw_credentials(
                "Partial credentials found in client_options::credentials: an access key id and a secret access key "
                "are needed");
        }
        return {[given] {
            return checked({given.access_key_id, core::secret_text(given.secret_access_key),
                            core::secret_text(given.session_token), given.expires},
                           "client_options::credentials");
        }};
    }
    if (!profile_.chosen_in_code) {
        const auto id = in_.variable("AWS_ACCESS_KEY_ID");
        const auto secret = in_.variable("AWS_SECRET_ACCESS_KEY");
        if (id && !secret) throw_credentials("Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY");
        if (id) {
            auto token = in_.variable("AWS_SESSION_TOKEN");
            if (!token) token = in_.variable("AWS_SECURITY_TOKEN");
            return {
                [made = checked({*id, core::secret_text(*secret), core::secret_text(token.value_or("")), std::nullopt},
                                "the environment")] { return made; }};
        }
    }
    refuse_unsupported_settings();
    if (auto found = from_profile()) return *found;
    if (auto found = from_container()) return *found;
    if (auto first = fetch_from_ec2()) {
        held_ = std::move(first);
        return {[this]() -> credentials {
                    auto fetched = fetch_from_ec2();
                    if (!fetched) throw_credentials("The EC2 instance metadata service no longer has credentials");
                    return std::move(*fetched);
                },
                true, true};
    }
    throw_credentials(
        "Unable to locate credentials. You can set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in "
        "~/.aws/credentials.");
}

void credential_chain::refuse_unsupported_settings() const {
    const auto refuse = [](const std::string& setting) {
        throw_credentials("The setting " + setting +
                          " needs a call of STS or SSO, which this client does not make. Use credential_process "
                          "(e.g. 'aws configure export-credentials') or keys in the environment.");
    };
    for (const char* key :
         {"role_arn", "web_identity_token_file", "sso_session", "sso_start_url", "sso_account_id", "login_session"}) {
        if (profile_.find(key)) refuse(std::string(key) + " of the profile '" + profile_.name + "'");
    }
    if (!profile_.chosen_in_code && in_.variable("AWS_WEB_IDENTITY_TOKEN_FILE")) refuse("AWS_WEB_IDENTITY_TOKEN_FILE");
}

std::optional<credential_chain::source> credential_chain::from_profile() {
    if (auto keys = static_keys(profile_.credentials, profile_.name, "credentials file")) {
        return source{[made = std::move(*keys)] { return made; }};
    }
    if (const auto command = profile_.find("credential_process")) {
        return source{[line = *command] { return from_process(line); }, true};
    }
    if (auto keys = static_keys(profile_.config, profile_.name, "config file"))
        return source{[made = std::move(*keys)] { return made; }};
    return std::nullopt;
}

std::optional<credential_chain::source> credential_chain::from_container() {
    std::string url;
    if (const auto relative = in_.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
        url = "http://169.254.170.2" + *relative;
    } else if (const auto full = in_.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        const auto at = parse_endpoint(full->substr(0, full->find_first_of("?#")));
        static constexpr std::string_view hosts[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
        if (at.scheme == "http" && !is_loopback(at.host) && std::ranges::find(hosts, at.host) == std::end(hosts)) {
            throw_credentials(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http is allowed to loopback and the container hosts only, "
                "not to '" +
                at.host + "'");
        }
        url = *full;
    } else {
        return std::nullopt;
    }
    return source{[this, url] { return fetch_from_container(url); }, true};
}

credentials credential_chain::fetch_from_container(const std::string& url) const {
    http_call call{.method = "GET", .url = url, .connect_timeout = 2s, .timeout = 2s, .without_proxy = true};
    auto token = in_.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (const auto path = in_.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
        token = read_file(*path);  // read again each time: it changes
        if (!token) throw_credentials("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read: " + *path);
    }
    if (token) {
        if (token->find_first_of("\r\n") != std::string::npos)
            throw_credentials("The container's authorization token has a line end in it");
        call.headers.emplace_back("Authorization", *token);
    }
    call.headers.emplace_back("Accept", "application/json");
    std::string reason;
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto answer = over_.send(call);
        if (answer && answer->status == 200)
            return read_json(answer->body, "Token", "the container's credentials endpoint");
        reason = answer ? "status " + std::to_string(answer->status) : answer.error().message;
        if (answer && answer->status < 500) break;
        if (attempt < 2) in_.sleep(1s);
    }
    throw_credentials("The container's credentials endpoint does not answer: " + reason);
}

std::optional<credentials> credential_chain::fetch_from_ec2() const {
    const auto off = in_.variable("AWS_EC2_METADATA_DISABLED");
    if (off && (*off == "true" || *off == "True" || *off == "TRUE")) return std::nullopt;
    std::string base = in_.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("");
    if (base.empty()) {
        const auto mode = in_.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or("IPv4");
        base = mode == "IPv6" || mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
    }
    while (base.ends_with('/')) base.pop_back();
    const auto limit = std::chrono::seconds(positive(in_.variable("AWS_METADATA_SERVICE_TIMEOUT")).value_or(1));
    const int attempts = positive(in_.variable("AWS_METADATA_SERVICE_NUM_ATTEMPTS")).value_or(1);
    std::pair<std::string, std::string> header{"x-aws-ec2-metadata-token-ttl-seconds", "21600"};
    const auto ask = [&](std::string_view method, std::string_view path) -> std::optional<std::string> {
        for (int attempt = 0; attempt < attempts; ++attempt) {
            auto answer = over_.send({.method = method,
                                      .url = base + std::string(path),
                                      .headers = {header},
                                      .connect_timeout = limit,
                                      .timeout = limit,
                                      .without_proxy = true});
            if (answer && answer->status == 200 && !answer->body.empty()) return std::move(answer->body);
        }
        return std::nullopt;
    };
    auto token = ask("PUT", "/latest/api/token");
    if (!token || token->find_first_of("\r\n") != std::string::npos) return std::nullopt;
    header = {"x-aws-ec2-metadata-token", *token};
    static constexpr std::string_view path = "/latest/meta-data/iam/security-credentials/";
    auto role = ask("GET", path);
    if (!role) return std::nullopt;
    role->resize(std::min(role->find_first_of("\r\n"), role->size()));
    const auto text = ask("GET", std::string(path) + *role);
    if (!text) return std::nullopt;
    return read_json(*text, "Token", "the EC2 instance metadata service");
}

}  // namespace borealis::client
