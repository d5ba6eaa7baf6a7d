#pragma once
/// What the `rds` operations have no word for: pausing, resuming and failing a cluster on request.

#include <string>
#include <string_view>

#include "auth/caller.hpp"
#include "clusters/registry.hpp"
#include "core/async.hpp"
#include "http/request.hpp"
#include "server/reply.hpp"

namespace borealis::server {

///   POST /borealis/clusters              all that the caller may see, with what AWS does not show
///   POST /borealis/clusters/ID           one
///   POST /borealis/clusters/ID/pause     stops its engine until the next call; 409 while it is used
///   POST /borealis/clusters/ID/resume    starts it, and answers when it runs
///   POST /borealis/clusters/ID/faults    the body is a fault (`latency=250,times=3`), which waits for its occasion, or
///                                        `none`, or empty; answers those that wait
///
/// JSON, signed for `rds-data`. The actions of policies are borealis:DescribeCluster, PauseCluster, ResumeCluster and
/// InjectFault, their resource is the cluster's ARN.
class cluster_paths {
 public:
    static constexpr std::string_view prefix = "/borealis/clusters";

    explicit cluster_paths(clusters::registry& known) : registry_(known) {}

    [[nodiscard]] static bool concerns(const http::request& asked) { return asked.path.starts_with(prefix); }
    core::awaitable<reply> answer(const http::request& asked, const auth::caller& who);

 private:
    [[nodiscard]] reply list(const auth::caller& who) const;
    [[nodiscard]] reply show(std::string_view id) const;
    [[nodiscard]] reply faults(std::string_view asked, const std::string& id);

    clusters::registry& registry_;
};

}  // namespace borealis::server
