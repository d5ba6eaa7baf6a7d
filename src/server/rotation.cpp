#include "server/rotation.hpp"

#include <span>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <poll.h>

#include "clusters/process.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "server/logins.hpp"
#include "server/password_hash.hpp"

namespace borealis::server {
namespace {

namespace asio = core::asio;
using namespace std::chrono_literals;

constexpr auto look_every = 2s;
constexpr auto again_after_failure = 5min;
constexpr auto whole_time = 90s;  // of one rotation, a cluster's start included
constexpr auto connect_time = 10s;

/// The first value of the last row, as text.
class one_text final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column> /*all*/) override { return sql::reception::plain; }
    sql::flow row(std::span<const sql::cell> cells, std::size_t /*wire_bytes*/) override {
        if (!cells.empty()) text = cells.front().text;
        return sql::flow::more;
    }
    std::string text;
};

std::string member_of(const core::secret_text& value, std::string_view name) {
    json::document reader;
    const auto root = reader.parse_copy(value.reveal());
    const auto* found = root && (*root)->is() == json::kind::object ? (*root)->find(name) : nullptr;
    return found == nullptr || found->is() != json::kind::string ? std::string() : std::string(found->text());
}

/// A name in double quotes, or a text in single ones; neither has a backslash's meaning in what we write.
std::string in_quotes(std::string_view text, char with) {
    std::string out(1, with);
    for (const char c : text) out.append(c == with ? 2 : 1, c);
    return out + with;
}
std::string mysql_text(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + '\'';
}

std::string random_salt() {
    std::string salt(16, '\0');
    core::random_bytes(std::as_writable_bytes(std::span(salt)));
    return salt;
}

}  // namespace

rotations::rotations(secrets::store& in, clusters::registry& known, const drivers& engines, rotate_commands commands,
                     core::executor home)
    : secrets_(in), clusters_(known), drivers_(engines), home_(home), commands_(std::move(commands)) {}

void rotations::set_commands(rotate_commands commands) {
    const std::lock_guard lock(guard_);
    commands_ = std::move(commands);
}

rotations::~rotations() {
    for (auto& [arn, each] : threads_) each.request_stop();
}

std::optional<rotate_command> rotations::command_of(const secrets::record& secret) const {
    const std::lock_guard lock(guard_);
    const auto found = commands_.find(secret.about.name);
    if (found == commands_.end()) return std::nullopt;
    return found->second;
}

std::optional<rotations::place> rotations::place_of(const secrets::record& secret) const {
    const auto* current = secret.with_label(secrets::current_label);
    if (current == nullptr) return std::nullopt;
    std::vector<std::string> ids;
    for (const auto& tag : secret.about.tags) {
        if (tag.key == secrets::store::cluster_tag) ids.push_back(tag.value);
    }
    ids.push_back(member_of(current->text, "dbClusterIdentifier"));
    ids.push_back(secret.about.name);
    for (const auto& id : ids) {
        if (id.empty()) continue;
        if (auto found = clusters_.find(id)) return place{.cluster = *found, .managed = found->managed};
    }
    return std::nullopt;
}

bool rotations::can_rotate(const secrets::record& secret) const {
    return command_of(secret).has_value() || place_of(secret).has_value();
}

void rotations::begin(const std::string& arn) {
    const auto secret = secrets_.look_up(arn);
    if (!secret) return;
    const auto how = command_of(*secret);
    auto at = !how ? place_of(*secret) : std::nullopt;
    if (!how && !at) return;
    const std::lock_guard lock(guard_);
    if (!running_.insert(arn).second) return;
    if (!how) {
        asio::co_spawn(home_, rotate(arn, *std::move(at)), asio::detached);
        return;
    }
    // A former thread of it has said its last word: joining it takes no time.
    threads_[arn] = std::jthread([this, arn, how = *how](const std::stop_token& stop) { run_command(stop, arn, how); });
}

void rotations::tick(core::clock::time_point now) {
    if (now < next_look_) return;
    next_look_ = now + look_every;
    for (const auto& each : secrets_.all()) {
        if (each->removal || each->about.from_config) continue;
        const auto& arn = each->about.arn;
        {
            const std::lock_guard lock(guard_);
            if (const auto failed = failed_.find(arn);
                failed != failed_.end() && now - failed->second < again_after_failure)
                continue;
        }
        const auto* pending = each->with_label(secrets::pending_label);
        const bool unfinished = pending != nullptr && !pending->has(secrets::current_label);
        const auto due = each->next_rotation();
        if (!unfinished && (!due || *due > std::chrono::system_clock::now())) continue;
        if (!can_rotate(*each)) continue;
        if (!unfinished) {
            if (const auto prepared = secrets::prepare_rotation(secrets_, arn, ""); !prepared) {
                end(arn, prepared.error().message);
                continue;
            }
        }
        begin(arn);
    }
}

void rotations::end(const std::string& arn, const std::optional<std::string>& why_not) {
    {
        const std::lock_guard lock(guard_);
        running_.erase(arn);
        if (why_not) {
            failed_.insert_or_assign(arn, core::clock::now());
        } else {
            failed_.erase(arn);
        }
    }
    if (why_not) {
        core::log(core::log_level::error, "the secret {} is not rotated, its new version stays AWSPENDING: {}", arn,
                  *why_not);
    } else {
        core::log(core::log_level::info, "the secret {} is rotated", arn);
    }
}

core::awaitable<void> rotations::rotate(std::string arn, place at) {
    std::optional<std::string> why_not;
    try {
        why_not = co_await set_password(arn, std::move(at));
    } catch (const std::exception& why) {
        why_not = why.what();
    }
    if (!why_not) {
        if (const auto done = secrets::finish_rotation(secrets_, arn); !done) why_not = done.error().message;
    }
    end(arn, why_not);
}

core::awaitable<std::optional<std::string>> rotations::set_password(std::string arn, place at) {
    const auto until = core::deadline::after(whole_time);
    const auto secret = secrets_.look_up(arn);
    const auto* pending = secret ? secret->with_label(secrets::pending_label) : nullptr;
    if (pending == nullptr) co_return std::nullopt;
    auto ready = co_await clusters_.ready(at.cluster.arn, until);
    if (!ready) co_return std::move(ready.error().message);
    const auto endpoint = (*ready)->endpoint;
    const bool postgresql = (*ready)->is == clusters::engine::postgresql;
    const auto database = postgresql ? (*ready)->default_database : std::string();
    auto* driver = postgresql ? drivers_.postgresql.get() : drivers_.mysql.get();

    json::document reader;
    const auto wanted = parse_login(pending->text, reader);
    if (!wanted) co_return wanted.error().message;
    std::string words = "it has no version to log in with";
    std::unique_ptr<sql::connection> session;
    for (const auto label : {secrets::pending_label, secrets::current_label, secrets::previous_label}) {
        const auto* one = secret->with_label(label);
        if (one == nullptr) continue;
        auto login = parse_login(one->text, reader);
        if (!login) continue;
        auto made = co_await driver->connect(endpoint, login->login, database,
                                             until.sooner(core::deadline::after(connect_time)));
        if (made) {
            if (label == secrets::pending_label) co_return std::nullopt;  // it was set before
            session = *std::move(made);
            break;
        }
        words = made.error().message;
        if (made.error().kind != sql::failure_kind::login) break;
    }
    if (!session) co_return words;

    const auto& user = wanted->login.user;
    const auto& password = wanted->login.password.reveal();
    one_text answer;
    std::string statement;
    if (postgresql) {
        statement = fmt::format("ALTER ROLE {} PASSWORD {}", in_quotes(user, '"'),
                                in_quotes(scram_verifier(password, random_salt()), '\''));
    } else {
        const auto asked = co_await session->execute("SELECT VERSION()", {}, answer, sql::description::types, until);
        if (!asked) co_return asked.error().message;
        if (answer.text.find("MariaDB") == std::string::npos) {
            statement = fmt::format("ALTER USER USER() IDENTIFIED BY {}", mysql_text(password));
        } else if (at.managed) {  // that login has two accounts, and may change them
            const auto hash = mysql_native_hash(password);
            statement = fmt::format(
                "ALTER USER IF EXISTS {0}@'%' IDENTIFIED BY PASSWORD '{1}', {0}@'localhost' IDENTIFIED BY PASSWORD "
                "'{1}'",
                mysql_text(user), hash);
        } else {
            statement = fmt::format("SET PASSWORD = '{}'", mysql_native_hash(password));  // needs no privilege
        }
    }
    const auto done = co_await session->execute(statement, {}, answer, sql::description::types, until);
    if (!done) co_return done.error().message;
    session.reset();
    auto tried =
        co_await driver->connect(endpoint, wanted->login, database, until.sooner(core::deadline::after(connect_time)));
    if (!tried) co_return "the new password was set and is refused: " + tried.error().message;
    co_return std::nullopt;
}

void rotations::run_command(const std::stop_token& stop, const std::string& arn, const rotate_command& how) {
    std::optional<std::string> why_not;
    try {
        const auto secret = secrets_.look_up(arn);
        const auto* pending = secret ? secret->with_label(secrets::pending_label) : nullptr;
        if (pending != nullptr) {
            std::string input = "{";
            const auto member = [&](std::string_view name, std::string_view value) {
                if (input.size() > 1) input += ',';
                json::append_string(input, name);
                input += ':';
                json::append_string(input, value);
            };
            member("arn", arn);
            member("name", secret->about.name);
            member("versionId", pending->id);
            for (const auto label : {secrets::current_label, secrets::pending_label, secrets::previous_label}) {
                if (const auto* one = secret->with_label(label)) member(label, one->text.reveal());
            }
            input += "}\n";
            clusters::child running({.words = how.words, .input = core::secret_text(std::move(input)), .network = true},
                                    {}, 2);
            const auto until = core::clock::now() + how.limit;
            bool over = false;
            while (!over && core::clock::now() < until && !stop.stop_requested()) {
                pollfd ended{.fd = running.handle(), .events = POLLIN, .revents = 0};
                over = ::poll(&ended, 1, 100) == 1;
            }
            if (!over) running.kill();
            why_not = running.reap();
            if (!over) why_not = "its command took too long";
            if (why_not->empty()) why_not.reset();
            if (why_not && over) why_not = "its command ended with " + *why_not;
        }
    } catch (const std::exception& why) {
        why_not = why.what();
    }
    if (!why_not) {
        if (const auto done = secrets::finish_rotation(secrets_, arn); !done) why_not = done.error().message;
    }
    end(arn, why_not);
}

}  // namespace borealis::server
