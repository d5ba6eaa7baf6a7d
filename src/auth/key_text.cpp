#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "auth/key_ring.hpp"
#include "core/base64.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis::auth {
namespace {

auto bad(std::string text) { return core::fail(core::error_kind::validation, std::move(text)); }

/// A secret is good for its own key alone.
std::string context_of(std::string_view access_key_id) { return fmt::format("borealis access key {}", access_key_id); }

class object_writer {
 public:
    explicit object_writer(std::string& to) : out_(to) { out_ += '{'; }
    void name(std::string_view text) {
        if (!first_) out_ += ',';
        first_ = false;
        json::append_string(out_, text);
        out_ += ':';
    }
    void text(std::string_view member, std::string_view value) {
        name(member);
        json::append_string(out_, value);
    }
    void number(std::string_view member, std::int64_t value) {
        name(member);
        json::append_integer(out_, value);
    }
    void end() { out_ += '}'; }

 private:
    std::string& out_;
    bool first_ = true;
};

void write_limits(std::string& out, const caller_limits& of) {
    object_writer to(out);
    if (of.requests_per_second) {
        to.name("RequestsPerSecond");
        json::append_double(out, *of.requests_per_second);
    }
    const auto count = [&to](std::string_view name, std::optional<std::size_t> value) {
        if (value) to.number(name, static_cast<std::int64_t>(*value));
    };
    if (of.burst != 0) count("Burst", of.burst);
    count("ConcurrentCalls", of.concurrent_calls);
    count("OpenTransactions", of.open_transactions);
    if (of.statement_time) to.number("StatementMilliseconds", of.statement_time->count());
    count("Rows", of.rows);
    count("AnswerBytes", of.answer_bytes);
    if (of.read_only) {
        to.name("ReadOnly");
        out += "true";
    }
    if (!of.denied.empty()) to.text("DenyStatements", sql::names_of(of.denied));
    to.end();
}

core::result<caller_limits> read_limits(const json::node& from) {
    caller_limits made;
    if (from.is() != json::kind::object) return bad("Limits must be an object");
    for (const auto& one : from) {
        const auto name = one.key();
        if (name == "ReadOnly" && one.is() == json::kind::boolean) {
            made.read_only = one.boolean();
            continue;
        }
        if (name == "DenyStatements" && one.is() == json::kind::string) {
            const auto kinds = sql::find_statement_kinds(one.text());
            if (!kinds)
                return bad(fmt::format("Limits: `{}` is no list of kinds of statements; known are {}", one.text(),
                                       sql::names_of(sql::statement_kinds::all())));
            made.denied = *kinds;
            continue;
        }
        if (name == "RequestsPerSecond" && (one.is() == json::kind::integer || one.is() == json::kind::real) &&
            one.real() > 0) {
            made.requests_per_second = one.real();
            continue;
        }
        if (one.is() != json::kind::integer || one.integer() < 0)
            return bad(fmt::format("Limits: {} is not known there, or has no number", name));
        const auto value = static_cast<std::size_t>(one.integer());
        if (name == "Burst") {
            made.burst = value;
        } else if (name == "ConcurrentCalls") {
            made.concurrent_calls = value;
        } else if (name == "OpenTransactions") {
            made.open_transactions = value;
        } else if (name == "StatementMilliseconds") {
            made.statement_time = std::chrono::milliseconds(value);
        } else if (name == "Rows") {
            made.rows = value;
        } else if (name == "AnswerBytes") {
            made.answer_bytes = value;
        } else {
            return bad(fmt::format("Limits: {} is not known there", name));
        }
    }
    return made;
}

core::result<std::string> read_text(const json::node& in, std::string_view name) {
    const auto* found = in.find(name);
    if (found == nullptr || found->is() != json::kind::string) return bad(fmt::format("{} must be a string", name));
    return std::string(found->text());
}

core::result<access_key> read_key(const json::node& from, const seal& with) {
    if (from.is() != json::kind::object) return bad("Keys must be a list of objects");
    access_key made;
    auto id = read_text(from, "AccessKeyId");
    auto sealed = read_text(from, "SealedSecret");
    auto status = read_text(from, "Status");
    if (!id || !sealed || !status) return bad("a key needs AccessKeyId, SealedSecret and Status");
    if (*status != "Active" && *status != "Inactive")
        return bad(fmt::format("key {}: Status must be Active or Inactive", *id));
    const auto octets = core::decode_base64(*sealed);
    auto secret = octets ? with.open(*octets, context_of(*id)) : std::nullopt;
    if (!secret)
        return bad(fmt::format("the secret of key {} was sealed with another key than that of this state folder", *id));
    made.id = *std::move(id);
    made.secret = *std::move(secret);
    made.active = *status == "Active";
    if (const auto* at = from.find("Created"); at != nullptr && at->is() == json::kind::integer)
        made.created = std::chrono::sys_seconds(std::chrono::seconds(at->integer()));
    return made;
}

core::result<user> read_user(const json::node& from, const seal& with) {
    if (from.is() != json::kind::object) return bad("Users must be a list of objects");
    user made;
    auto name = read_text(from, "Name");
    if (!name) return std::unexpected(std::move(name.error()));
    made.name = *std::move(name);
    for (const auto& member : from) {
        if (member.key() == "Name") continue;
        if (member.key() == "UserId" && member.is() == json::kind::string) {
            made.user_id = member.text();
        } else if (member.key() == "Policies" && member.is() == json::kind::array) {
            for (const auto& one : member) {
                if (one.is() != json::kind::string)
                    return bad(fmt::format("user {}: Policies must be a list of strings", made.name));
                made.policies.emplace_back(one.text());
            }
        } else if (member.key() == "Limits") {
            auto limits = read_limits(member);
            if (!limits) return bad(fmt::format("user {}: {}", made.name, limits.error().message));
            made.limits = *limits;
        } else if (member.key() == "Keys" && member.is() == json::kind::array) {
            for (const auto& one : member) {
                auto key = read_key(one, with);
                if (!key) return bad(fmt::format("user {}: {}", made.name, key.error().message));
                made.keys.push_back(*std::move(key));
            }
        } else {
            return bad(fmt::format("user {}: {} is not known there, or has the wrong type", made.name, member.key()));
        }
    }
    return made;
}

}  // namespace

std::string write_users(const std::vector<user>& users, const seal& with) {
    std::string out = "{\"Version\":1,\"Users\":[";
    for (bool first = true; const auto& one : users) {
        out += first ? "\n" : ",\n";
        first = false;
        object_writer to(out);
        to.text("Name", one.name);
        to.text("UserId", one.user_id);
        to.name("Policies");
        out += '[';
        for (std::size_t i = 0; i < one.policies.size(); ++i) {
            if (i != 0) out += ',';
            json::append_string(out, one.policies[i]);
        }
        out += ']';
        to.name("Limits");
        write_limits(out, one.limits);
        to.name("Keys");
        out += '[';
        for (std::size_t i = 0; i < one.keys.size(); ++i) {
            const auto& key = one.keys[i];
            if (i != 0) out += ',';
            object_writer each(out);
            each.text("AccessKeyId", key.id);
            each.text("Status", key.active ? "Active" : "Inactive");
            each.number("Created", key.created.time_since_epoch().count());
            std::string sealed;
            core::append_base64(sealed, with.close(key.secret.reveal(), context_of(key.id)));
            each.text("SealedSecret", sealed);
            each.end();
        }
        out += ']';
        to.end();
    }
    out += "\n]}\n";
    return out;
}

core::result<std::vector<user>> read_users(std::string_view text, const seal& with) {
    json::document reader;
    const auto root = reader.parse_copy(text);
    if (!root) return bad(fmt::format("it is no JSON: {}", root.error().message));
    const auto* version = (*root)->is() == json::kind::object ? (*root)->find("Version") : nullptr;
    if (version == nullptr || version->is() != json::kind::integer || version->integer() != 1)
        return bad("it has no Version 1: was it written by a newer Borealis?");
    const auto* list = (*root)->find("Users");
    if (list == nullptr || list->is() != json::kind::array) return bad("it has no list of Users");
    std::vector<user> all;
    for (const auto& one : *list) {
        auto read = read_user(one, with);
        if (!read) return std::unexpected(std::move(read.error()));
        all.push_back(*std::move(read));
    }
    return all;
}

}  // namespace borealis::auth
