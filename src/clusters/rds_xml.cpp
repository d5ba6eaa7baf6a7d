#include "clusters/rds_xml.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/xml.hpp"

namespace borealis::clusters {

xml& xml::text(std::string_view name, std::string_view value) {
    core::append_xml_element(out_, name, value);
    return *this;
}

xml& xml::number(std::string_view name, std::int64_t value) { return text(name, std::to_string(value)); }
xml& xml::flag(std::string_view name, bool value) { return text(name, value ? "true" : "false"); }

xml& xml::time(std::string_view name, std::chrono::system_clock::time_point at) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
    return text(name, fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                                  fmt::gmtime(static_cast<std::time_t>(milliseconds / 1000)), milliseconds % 1000));
}

xml& xml::units(std::string_view name, capacity value) {
    return text(name, fmt::format("{}{}", value.halves / 2, value.halves % 2 == 0 ? "" : ".5"));
}

xml& xml::tags(const auth::tags& all) {
    const element list(*this, "TagList");
    for (const auto& [key, value] : all) {
        const element tag(*this, "Tag");
        text("Key", key).text("Value", value);
    }
    return *this;
}

std::string rds_arn(const settings& with, std::string_view kind, std::string_view id) {
    return fmt::format("arn:aws:rds:{}:{}:{}:{}", with.region, with.account, kind, id);
}

namespace {

/// A name that nobody can connect to (RFC 2606): the engine listens on its private socket alone.
std::string host_of(std::string_view id, std::string_view kind, std::string_view region) {
    return fmt::format("{}.{}.{}.rds.borealis.invalid", id, kind, region);
}

std::string version_of(const view& what) {
    return what.about->engine_version.empty() ? what.engine_version : what.about->engine_version;
}

}  // namespace

void append_cluster(xml& to, const view& what, std::string_view region) {
    const auto& about = *what.about;
    const auto zone = fmt::format("{}a", region);
    to.text("DBClusterIdentifier", what.id).text("DBClusterArn", what.arn);
    to.text("DbClusterResourceId", about.resource_id);
    to.text("Status", aws_name_of(what.state));
    to.text("Engine", about.engine_name).text("EngineVersion", version_of(what));
    to.text("EngineMode", about.mode == generation::v1 ? "serverless" : "provisioned");
    if (!about.database.empty()) to.text("DatabaseName", about.database);
    to.text("MasterUsername", about.master_user);
    if (!about.master_secret_arn.empty()) {
        const xml::element secret(to, "MasterUserSecret");
        to.text("SecretArn", about.master_secret_arn).text("SecretStatus", "active");
    }
    to.text("Endpoint", host_of(what.id, "cluster", region));
    if (about.mode == generation::v2) to.text("ReaderEndpoint", host_of(what.id, "cluster-ro", region));
    to.number("Port", about.port);
    to.text("HostedZoneId", "Z2R2ITUGPM61AM");
    to.flag("MultiAZ", false).number("AllocatedStorage", 1).number("BackupRetentionPeriod", 1);
    to.time("ClusterCreateTime", about.created);
    to.flag("HttpEndpointEnabled", about.endpoint_enabled).flag("DeletionProtection", about.protected_);
    to.flag("StorageEncrypted", false).flag("IAMDatabaseAuthenticationEnabled", false);
    to.flag("CopyTagsToSnapshot", false).flag("CrossAccountClone", false).flag("AutoMinorVersionUpgrade", true);
    to.text("ActivityStreamStatus", "stopped").text("DBSubnetGroup", "default");
    {
        const xml::element zones(to, "AvailabilityZones");
        to.text("AvailabilityZone", zone);
    }
    {
        const xml::element members(to, "DBClusterMembers");
        bool writer = true;
        for (const auto& each : about.instances) {
            const xml::element member(to, "DBClusterMember");
            to.text("DBInstanceIdentifier", each.id).flag("IsClusterWriter", writer);
            to.text("DBClusterParameterGroupStatus", "in-sync").number("PromotionTier", 1);
            writer = false;
        }
    }
    for (const std::string_view empty : {"VpcSecurityGroups", "AssociatedRoles"}) const xml::element none(to, empty);
    if (about.scales.given) {
        const auto& scales = about.scales;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(scales.pause_after).count();
        if (about.mode == generation::v1) {
            to.number("Capacity", what.now.halves / 2);
            const xml::element info(to, "ScalingConfigurationInfo");
            to.units("MinCapacity", scales.least).units("MaxCapacity", scales.most);
            to.flag("AutoPause", scales.auto_pause).number("SecondsUntilAutoPause", seconds);
            to.text("TimeoutAction", scales.timeout_action);
            to.number("SecondsBeforeTimeout", scales.before_timeout.count());
        } else {
            const xml::element configuration(to, "ServerlessV2ScalingConfiguration");
            to.units("MinCapacity", scales.least).units("MaxCapacity", scales.most);
            if (scales.least.halves == 0) to.number("SecondsUntilAutoPause", seconds);
        }
    }
    to.tags(about.tags);
}

void append_instance(xml& to, const instance& what, const view& of, std::string_view region) {
    const auto& about = *of.about;
    to.text("DBInstanceIdentifier", what.id).text("DBInstanceClass", what.size).text("Engine", about.engine_name);
    to.text("EngineVersion", version_of(of)).text("DBInstanceStatus", aws_name_of(of.state));
    to.text("MasterUsername", about.master_user);
    if (!about.database.empty()) to.text("DBName", about.database);
    {
        const xml::element endpoint(to, "Endpoint");
        to.text("Address", host_of(what.id, "instance", region)).number("Port", about.port);
    }
    to.number("AllocatedStorage", 1).time("InstanceCreateTime", what.created);
    to.text("AvailabilityZone", fmt::format("{}a", region)).flag("MultiAZ", false);
    to.text("StorageType", "aurora").flag("StorageEncrypted", false).flag("PubliclyAccessible", false);
    to.text("DBClusterIdentifier", of.id).text("DbiResourceId", what.resource_id);
    to.text("DBInstanceArn", of.arn.substr(0, of.arn.find(":cluster:")) + ":db:" + what.id);
    to.number("PromotionTier", 1).flag("DeletionProtection", false).flag("AutoMinorVersionUpgrade", true);
    to.tags(what.tags);
}

void append_snapshot(xml& to, const snapshot& what, std::string_view region, std::string_view account) {
    to.text("DBClusterSnapshotIdentifier", what.id).text("DBClusterIdentifier", what.cluster_id);
    to.text("DBClusterSnapshotArn", fmt::format("arn:aws:rds:{}:{}:cluster-snapshot:{}", region, account, what.id));
    to.time("SnapshotCreateTime", what.created).text("SnapshotType", "manual");
    to.text("Engine", what.engine_name).text("EngineVersion", what.engine_version);
    to.text("MasterUsername", what.master_user).text("Status", what.available ? "available" : "creating");
    to.number("PercentProgress", what.available ? 100 : 0).number("AllocatedStorage", 1);
    to.flag("StorageEncrypted", false);
}

}  // namespace borealis::clusters
