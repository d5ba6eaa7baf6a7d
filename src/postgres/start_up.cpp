#include "postgres/start_up.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace borealis::postgres {
namespace {

/// AuthenticationRequest's codes.
enum class request : std::uint32_t { ok = 0, cleartext = 3, md5 = 5, sasl = 10, sasl_continue = 11, sasl_final = 12 };

constexpr std::size_t salt_octets = 4;

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool lists_scram(std::string_view names) {
    while (!names.empty() && names.front() != '\0') {
        const auto end = names.find('\0');
        if (end == std::string_view::npos) return false;
        if (names.substr(0, end) == scram_mechanism) return true;
        names.remove_prefix(end + 1);
    }
    return false;
}

}  // namespace

sql::failure needs_password(std::string_view user) {
    return {.kind = sql::failure_kind::login,
            .message = fmt::format("password authentication failed for user \"{}\"", user),
            .sqlstate = "28P01",
            .severity = "FATAL"};
}

sql::failure refused(sql::failure by_server) {
    const bool begins_or_ends = by_server.sqlstate.starts_with("57P");  // recovering, shutting down: try again later
    return {.kind = begins_or_ends ? sql::failure_kind::unreachable : sql::failure_kind::login,
            .message = std::move(by_server.message),
            .sqlstate = std::move(by_server.sqlstate),
            .severity = "FATAL",
            .detail = std::move(by_server.detail),
            .hint = std::move(by_server.hint)};
}

start_up::start_up(const sql::login& as, std::string_view database, std::string_view nonce)
    : as_(as), database_(database.empty() ? default_database : database), scram_("", nonce) {}

void start_up::begin(std::string& to) const {
    const std::array<std::pair<std::string_view, std::string_view>, 5> parameters = {{
        {"user", as_.user},
        {"database", database_},
        {"options", session_options},
        {"application_name", application_name},
        {"client_encoding", "UTF8"},
    }};
    append_startup(to, parameters);
}

start_up::step start_up::take(const message& what, std::string& to) {
    const auto body = what.body;
    switch (what.type) {
        case 'E': {
            auto error = read_error(body);
            return error ? fail(refused(std::move(error->what))) : nonsense();
        }
        case 'N':
            return step::more;
        case 'R':
            return take_request(body, to);
        case 'S':
            return at_ == stage::admitted ? step::more : nonsense();
        case 'K':
            if (at_ != stage::admitted || body.size() != 8) return nonsense();
            backend_ = read32(body.data());
            key_ = read32(body.data() + 4);
            return step::more;
        case 'Z':
            return at_ == stage::admitted ? step::done : nonsense();
        default:
            return nonsense();
    }
}

start_up::step start_up::take_request(std::string_view body, std::string& to) {
    if (body.size() < 4) return nonsense();
    const auto wanted = static_cast<request>(read32(body.data()));
    body.remove_prefix(4);
    const auto& password = as_.password.reveal();
    switch (wanted) {
        case request::ok:
            // Half an exchange is none: the server has yet to prove that it knows the password.
            if (at_ != stage::begun && at_ != stage::proven) return nonsense();
            at_ = stage::admitted;
            return step::more;
        case request::cleartext:
        case request::md5: {
            if (at_ != stage::begun) return nonsense();
            if (password.empty()) return fail(needs_password(as_.user));
            if (wanted == request::cleartext) {
                append_password(to, password);
                return step::more;
            }
            if (body.size() != salt_octets) return nonsense();
            append_password(to, md5_proof(as_.user, password, body));
            return step::more;
        }
        case request::sasl:
            if (at_ != stage::begun) return nonsense();
            if (!lists_scram(body)) return step::for_libpq;
            if (password.empty()) return fail(needs_password(as_.user));
            if (!is_ascii(password)) return step::for_libpq;
            append_sasl_initial_response(to, scram_mechanism, scram_.first());
            at_ = stage::challenged;
            return step::more;
        case request::sasl_continue: {
            if (at_ != stage::challenged) return nonsense();
            const auto proof = scram_.answer(body, password);
            if (!proof && proof.error() == scram_refusal::too_many_rounds) {
                return fail({.kind = sql::failure_kind::unreachable,
                             .message = fmt::format("The database's log-in takes more than {} rounds of SCRAM-SHA-256; "
                                                    "set the password anew with fewer scram_iterations.",
                                                    most_iterations)});
            }
            if (!proof) return nonsense();
            append_sasl_response(to, *proof);
            at_ = stage::answered;
            return step::more;
        }
        case request::sasl_final:
            if (at_ != stage::answered || !scram_.proves(body)) return nonsense();
            at_ = stage::proven;
            return step::more;
    }
    return at_ == stage::begun ? step::for_libpq : nonsense();
}

start_up::step start_up::fail(sql::failure with) {
    problem_ = std::move(with);
    return step::failed;
}

start_up::step start_up::nonsense() {
    return fail(
        {.kind = sql::failure_kind::unreachable, .message = "The database's answers to the log-in make no sense."});
}

}  // namespace borealis::postgres
