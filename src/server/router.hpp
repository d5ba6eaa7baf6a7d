#pragma once
/// Which service answers a request, and who may ask.

#include <atomic>
#include <optional>
#include <string>

#include "auth/caller.hpp"
#include "clusters/rds.hpp"
#include "core/async.hpp"
#include "core/listener.hpp"
#include "data_api/service.hpp"
#include "http/request.hpp"
#include "secrets/api.hpp"
#include "secrets/store.hpp"
#include "server/access_log.hpp"
#include "server/answerer.hpp"
#include "server/call_record.hpp"
#include "server/callers.hpp"
#include "server/cluster_paths.hpp"
#include "server/current_config.hpp"
#include "server/fault_injection.hpp"
#include "server/functions.hpp"
#include "server/gate.hpp"
#include "server/protocol.hpp"
#include "server/reply.hpp"
#include "server/web_pages.hpp"

namespace borealis::server {

/// Those who answer. All outlive the router.
struct services {
    data_api::service& data;
    secrets::store& secrets;
    callers& known;
    clusters::registry& clusters;
    clusters::rds_api& rds;
    functions* hosted = nullptr;        ///< Null: no Lambda host.
    secrets::rotator* turns = nullptr;  ///< Null: no secret can be rotated.
    access_log::lane* log = nullptr;    ///< Null: no access log.
    const std::atomic<bool>& stopping;
};

/// One a thread. Finds the service that a request addresses (`addressed_by`), says who the caller is, and hands both to
/// the room that answers; an error of its own is in that service's protocol.
///
///   GET  /health/live, /health/ready          no credentials needed; ready is 503 once the server stops
///   POST /Execute, /BatchExecute, …           the Data API
///   POST / with X-Amz-Target: secretsmanager… the Secrets Manager operations of `secrets`
///   POST / with a form                        the `rds` and `sts` operations
///   /borealis/clusters/…                      what `rds` has no word for (`cluster_paths`)
///   /2015-03-31/… and its like                 the Lambda operations
///
/// With keys in the config or the keys file, every request must be signed (SigV4) with one of them, for the service it
/// addresses.
/// In developer mode (no keys) every request must carry an Authorization header and be for a loopback Host, and no web
/// page may stand behind it but those of `allowed_origins`: a page cannot set that header without a preflight, which is
/// refused, and DNS rebinding brings a foreign Host.
class router : public answerer {
 public:
    router(const current_config& with, services answering);

    /// The configuration is another one now.
    void reload();

    core::awaitable<reply> route(const http::request& asked, const peer& from) override;
    [[nodiscard]] reply answer_unreadable(const http::refusal& why, const peer& from) const override;
    [[nodiscard]] reply answer_failed() const override;

 private:
    [[nodiscard]] bool is_for_us(std::string_view host);
    [[nodiscard]] bool is_watched() const;
    /// As `route`, with a look at what becomes of it.
    core::awaitable<reply> watch(const http::request& asked, const peer& from);
    // No coroutines: what they refuse is at hand, and one of those below answers the rest.
    /// @param seen  Null: nobody looks on.
    core::awaitable<reply> answer(const http::request& asked, const peer& from, call_record* seen);
    core::awaitable<reply> dispatch(const http::request& asked, const peer& from, service addressed, call_record* seen);

    core::awaitable<reply> answer_page(const http::request& asked, const peer& from, service addressed,
                                       page_behind page, call_record* seen);
    core::awaitable<reply> answer_data_api(const http::request& asked, auth::caller who,
                                           std::optional<auth::meter::use> running, const core::listener* by,
                                           call_record* seen);
    core::awaitable<reply> answer_other(const http::request& asked, auth::caller who,
                                        std::optional<auth::meter::use> running, service addressed, call_record* seen);
    [[nodiscard]] reply answer_secrets(const http::request& asked, const auth::caller& who);
    core::awaitable<reply> answer_rds(const http::request& asked, const auth::caller& who, call_record* seen);
    [[nodiscard]] reply answer_sts(const http::request& asked, const auth::caller& who, call_record* seen);
    core::awaitable<reply> answer_lambda(const http::request& asked, const auth::caller& who);

    const current_config& config_;
    data_api::service& api_;
    secrets::api secrets_;
    clusters::rds_api& rds_;
    cluster_paths clusters_;
    fault_injection faults_;
    functions* hosted_;
    const std::atomic<bool>& stopping_;
    access_log::lane* log_;
    bool watches_;
    std::string host_;  ///< The last one that was ours, for there are few. Empty: none yet, or the rules are new.
    gate gate_;
};

}  // namespace borealis::server
