#include "server/application.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "lambda/gateway.hpp"

namespace borealis::server {
namespace {

/// The cluster that a template's AWS::RDS::DBCluster stands for.
const clusters::view* cluster_for(const std::string& logical_id, const lambda::yaml_value& resource, const config& with,
                                  const std::vector<clusters::view>& all) {
    const auto with_id = [&](std::string_view id) {
        const auto found = std::ranges::find(all, id, &clusters::view::id);
        return found == all.end() ? nullptr : &*found;
    };
    if (const auto chosen = with.application.clusters.find(logical_id); chosen != with.application.clusters.end()) {
        const auto* found = with_id(chosen->second);
        if (found == nullptr) {
            throw lambda::template_error(
                resource.line, fmt::format("`clusters` says that {} is `{}`, but there is no such cluster", logical_id,
                                           chosen->second));
        }
        return found;
    }
    const auto* properties = resource.find("Properties");
    const auto* engine = properties == nullptr ? nullptr : properties->find("Engine");
    const bool postgresql = engine != nullptr && engine->text.contains("postgres");
    const auto wanted = postgresql ? clusters::engine::postgresql : clusters::engine::mysql;
    if (with.default_clusters) {
        if (const auto* usual = with_id(postgresql ? default_postgresql_id : default_mysql_id)) return usual;
    }
    const auto found = std::ranges::find(all, wanted, &clusters::view::is);
    return found == all.end() ? nullptr : &*found;
}

std::optional<std::string> attribute_of_cluster(const clusters::view& of, std::string_view attribute,
                                                const config& with, const secrets::store& secrets) {
    if (attribute == "Ref") return of.id;
    if (attribute == "DBClusterArn") return of.arn;
    if (attribute == "MasterUserSecret.SecretArn") return secret_of_cluster(of.id, with, secrets);
    if (attribute == "Endpoint.Address" && !of.endpoint.host.empty()) return of.endpoint.host;
    if (attribute == "Endpoint.Port" && of.endpoint.port != 0) return std::to_string(of.endpoint.port);
    return std::nullopt;
}

std::optional<std::string> attribute_of_secret(const std::string& logical_id, const lambda::yaml_value& resource,
                                               std::string_view attribute, const secrets::store& secrets) {
    if (attribute != "Ref" && attribute != "Id") return std::nullopt;
    const auto* properties = resource.find("Properties");
    const auto* name = properties == nullptr ? nullptr : properties->find("Name");
    const auto known = secrets.describe(name == nullptr || name->text.empty() ? logical_id : name->text);
    if (!known) return std::nullopt;
    return known->arn;
}

}  // namespace

std::optional<std::string> secret_of_cluster(std::string_view cluster_id, const config& with,
                                             const secrets::store& secrets) {
    if (const auto own = secrets.describe(cluster_id)) return own->arn;
    if (with.secrets.size() != 1) return std::nullopt;
    const auto only = secrets.describe(with.secrets.front().name);
    return only ? std::optional(only->arn) : std::nullopt;
}

lambda::application read_application(const config& with, const clusters::registry& clusters,
                                     const secrets::store& secrets) {
    lambda::application made;
    const auto& from = with.application;
    if (!from.file.empty()) {
        const auto all = clusters.list();
        lambda::template_options options{.context = {.region = with.region,
                                                     .account = with.account,
                                                     .stack = from.file.stem().string(),
                                                     .parameters = from.parameters,
                                                     .attributes = from.attributes},
                                         .folder = {},
                                         .code = from.code};
        options.context.resource = [&](const std::string& id, const std::string& type,
                                       const lambda::yaml_value& resource,
                                       std::string_view attribute) -> std::optional<std::string> {
            if (type == "AWS::RDS::DBCluster") {
                const auto* cluster = cluster_for(id, resource, with, all);
                return cluster == nullptr ? std::nullopt : attribute_of_cluster(*cluster, attribute, with, secrets);
            }
            if (type == "AWS::SecretsManager::Secret") return attribute_of_secret(id, resource, attribute, secrets);
            return std::nullopt;
        };
        made = lambda::load_template(from.file, std::move(options));
    }
    if (!with.http_api.routes.empty()) {
        lambda::api_description own{.name = "http_api",
                                    .id = lambda::local_api_id("config", "http_api"),
                                    .stage = with.http_api.stage,
                                    .cors = with.http_api.cors,
                                    .routes = with.http_api.routes,
                                    .account = with.account,
                                    .region = with.region};
        static_cast<void>(lambda::gateway(own));  // throws where its CORS cannot be
        made.apis.insert(made.apis.begin(), std::move(own));
    }
    return made;
}

}  // namespace borealis::server
