#include "server/gate.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "core/deadline.hpp"
#include "server/web_pages.hpp"

namespace borealis::server {
namespace {

/// Sessions that one thread keeps opened; past it the thread starts afresh.
constexpr std::size_t remembered_sessions = 1'000;

}  // namespace

std::string_view access_key_of(std::string_view authorization) {
    static constexpr std::string_view before = "Credential=";
    const auto at = authorization.find(before);
    if (at == std::string_view::npos) return "anonymous";
    auto id = authorization.substr(at + before.size());
    id = id.substr(0, id.find('/'));
    return id.empty() || id.size() > 128 ? "anonymous" : id;
}

reply throttled(service by) {
    if (by != service::lambda) return refuse(by, 400, "ThrottlingException", "Rate exceeded");
    return {.status = 429,  // L-2.21
            .error_type = "TooManyRequestsException",
            .body = R"({"Type":"User","message":"Rate Exceeded.","Reason":"CallerRateLimitExceeded"})"};
}

gate::gate(const current_config& with, callers& known) : with_(with), known_(known), ring_(known.ring()) {
    generation_ = known.generation();
    reload();
}

void gate::reload() {
    auto regions = with_->access.regions;
    if (regions.empty()) regions.push_back(with_->region);
    if (std::ranges::find(regions, "*") != regions.end()) regions.clear();
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        rules_[i] = {.service = std::string(signing_name(static_cast<service>(i))),
                     .regions = regions,
                     .clock_skew = with_->access.clock_skew,
                     .presigned = with_->access.presigned};
    }
    developer_ = nullptr;
}

const auth::key_ring& gate::ring() {
    if (const auto now = known_.generation(); now != generation_) {
        ring_ = known_.ring();
        generation_ = now;
        sessions_.clear();
    }
    return *ring_;
}

const auth::key_ring::holder* gate::find(std::string_view access_key_id, std::string_view session_token) {
    const auto& all = ring();
    if (session_token.empty()) return all.find(access_key_id);
    std::string token(session_token);
    token.append(1, ' ').append(access_key_id);
    if (const auto known = sessions_.find(token); known != sessions_.end()) return &known->second;
    auto opened = all.open(access_key_id, session_token, known_.seal());
    if (!opened) return nullptr;
    if (sessions_.size() >= remembered_sessions) sessions_.clear();
    return &sessions_.emplace(std::move(token), *std::move(opened)).first->second;
}

auth::caller gate::developer(std::string_view authorization, auth::circumstances where) {
    const auto id = access_key_of(authorization);
    if (developer_ == nullptr || developer_->access_key_id != id) {
        auto who = auth::caller::developer(id, with_->account).who();
        who.limits = with_->access.defaults;
        who.used = known_.developers();
        developer_ = std::make_shared<const auth::principal>(std::move(who));
    }
    return {developer_, std::move(where)};
}

std::expected<auth::caller, reply> gate::verify(const http::request& asked, service addressed,
                                                auth::circumstances where) {
    const auth::message message = {
        .method = asked.method, .path = asked.path, .query = asked.query, .headers = asked.headers, .body = asked.body};
    const auth::key_ring::holder* held = nullptr;
    const auto find_key = [&](std::string_view id, std::string_view token) -> const auth::known_key* {
        held = find(id, token);
        return held == nullptr ? nullptr : &held->key;
    };
    const auto now = where.at;
    auto who = auth::verify(message, rules_[static_cast<std::size_t>(addressed)], find_key, derived_, now);
    if (!who) return std::unexpected(refuse(addressed, who.error().status, who.error().type, who.error().message));
    switch (known_.replays().look(who->signature, who->good_until, now)) {
        case auth::replay_memory::seen::never:
            break;
        case auth::replay_memory::seen::before:
            // A client that says the same twice within a second signs it the same. SDKs sign anew after this error; who
            // cannot sign cannot go on.
            return std::unexpected(refuse(addressed, 400, "ThrottlingException",
                                          "This signed request has been received before: sign it again."));
        case auth::replay_memory::seen::full:
            return std::unexpected(refuse(addressed, 400, "ThrottlingException",
                                          "More requests than auth.replay_memory holds: try again later."));
    }
    return auth::caller(held->who, std::move(where));
}

std::expected<auth::caller, reply> gate::admit_unsigned(const http::request& asked, service addressed,
                                                        auth::circumstances where) {
    const auto authorization = asked.find("authorization");
    if (authorization.empty() || is_sent_by_itself(authorization)) {  // R-10.30
        return std::unexpected(
            refuse(addressed, 403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    // A function's own credentials are held to its role here too: what passes here passes on AWS.
    const auto token = asked.find("x-amz-security-token");
    if (!token.empty() && find(access_key_of(authorization), token) != nullptr)
        return verify(asked, addressed, std::move(where));
    return developer(authorization, std::move(where));
}

std::expected<auth::caller, reply> gate::admit(const http::request& asked, const peer& from, service addressed) {
    auth::circumstances where{.source_ip = from.address,
                              .secure_transport = from.secure,
                              .at = std::chrono::sys_seconds(std::chrono::seconds(std::time(nullptr)))};
    auto who = known_.authenticate() ? verify(asked, addressed, std::move(where))
                                     : admit_unsigned(asked, addressed, std::move(where));
    if (who && who->limits().requests_per_second &&
        !who->who().used->take_request(who->limits(), core::clock::now().time_since_epoch()))
        return std::unexpected(throttled(addressed));
    return who;
}

}  // namespace borealis::server
