#pragma once
/// What is known of a cluster beside its running: the members of the `rds` operations (data-api section 12.1).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/circumstances.hpp"

namespace borealis::clusters {

enum class engine : std::uint8_t { postgresql, mysql };

/// Serverless v1, or provisioned with Serverless v2 instances.
enum class generation : std::uint8_t { v1, v2 };

/// What a call on a paused cluster gets.
enum class resume_style : std::uint8_t {
    wait,    ///< It is held until the cluster runs, within its bounds.
    aws_v2,  ///< DatabaseResumingException at once (R-2.23), while the cluster resumes.
    aws_v1,  ///< BadRequestException with the driver's text at once (R-2.56), while the cluster resumes.
};
[[nodiscard]] std::string_view name_of(resume_style what);
[[nodiscard]] std::optional<resume_style> resume_style_of(std::string_view name);

/// The tag that chooses a cluster's resume style with any client.
inline constexpr std::string_view resume_tag = "borealis:resume";

/// Capacity in halves of an Aurora capacity unit: the steps of, and exact.
struct capacity {
    int halves = 0;
    friend auto operator<=>(const capacity&, const capacity&) = default;
};

/// How far a cluster may grow, and when it pauses.
struct scaling {
    bool given = false;  ///< Else there are no bounds and no pause, and nothing of it is shown.
    capacity least = {};
    capacity most = {};
    bool auto_pause = false;
    std::chrono::milliseconds pause_after{300'000};  ///< SecondsUntilAutoPause
    std::string timeout_action = "RollbackCapacityChange";
    std::chrono::seconds before_timeout{300};  ///< SecondsBeforeTimeout

    friend bool operator==(const scaling&, const scaling&) = default;
};

/// A server of a cluster. Ours has one at most that runs; the others are names.
struct instance {
    std::string id;
    std::string resource_id;  ///< "db-…"
    std::string size;         ///< DBInstanceClass
    std::chrono::system_clock::time_point created;
    auth::tags tags = {};

    friend bool operator==(const instance&, const instance&) = default;
};

struct description {
    std::string id;
    std::string arn;
    std::string resource_id;           ///< "cluster-…", also the name of its folder where the API has made it.
    std::string instance_resource_id;  ///< "db-…", of R-2.23.
    engine is = engine::postgresql;
    std::string engine_name;     ///< Engine: "aurora-postgresql", "aurora-mysql"
    std::string engine_version;  ///< As asked for; empty: what is installed.
    std::string series;          ///< Of the programs that it needs: "15"; empty: the newest.
    generation mode = generation::v2;
    std::string database;
    std::string master_user;
    std::string master_secret_arn = {};  ///< Of ManageMasterUserPassword; empty: none.
    std::string profile = "aws-v2";
    resume_style resume = resume_style::wait;
    bool endpoint_enabled = true;  ///< HttpEndpointEnabled
    bool needs_instance = false;   ///< R-11.21: without one there is nothing to call.
    bool protected_ = false;       ///< DeletionProtection
    bool from_config = false;      ///< Declared in the config: not to be changed through the API.
    std::string source = {};       ///< File of the snapshot that it is to be filled with; empty: none.
    std::uint16_t port = 0;        ///< Shown only: the engine listens on its socket.
    scaling scales = {};
    std::chrono::system_clock::time_point created = {};
    auth::tags tags = {};
    std::vector<instance> instances = {};

    friend bool operator==(const description&, const description&) = default;
};

/// What its calls get while it resumes, unless the config says otherwise: what the tag says, else what AWS does under
/// the cluster's profile; `wait` under one that is not AWS's.
[[nodiscard]] resume_style resume_of(const description& what);

/// A final snapshot: the data folder of a stopped cluster as a file.
struct snapshot {
    std::string id;
    std::string cluster_id;
    std::string engine_name;
    std::string engine_version;
    std::string master_user;
    std::string file;  ///< Below the state folder
    std::chrono::system_clock::time_point created;
    std::int64_t bytes = 0;
    bool available = false;  ///< Written whole.
};

}  // namespace borealis::clusters
