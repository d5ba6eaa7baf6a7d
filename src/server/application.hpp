#pragma once
/// The template's application, with what this server knows filled in: which cluster and secret its resources mean here.

#include "clusters/registry.hpp"
#include "lambda/template.hpp"
#include "secrets/store.hpp"
#include "server/config.hpp"

namespace borealis::server {

/// Reads `with.application.file` and adds the API of `[[route]]`s, the first one.
///
/// A resource of the template stands for something here: an AWS::RDS::DBCluster for the cluster that
/// `[lambda.clusters]` names, else for the first one of its engine, with that cluster's secret as its MasterUserSecret;
/// an AWS::SecretsManager::Secret for the secret of its Name.
/// Throws std::runtime_error, `FILE:LINE: text`.
[[nodiscard]] lambda::application read_application(const config& with, const clusters::registry& clusters,
                                                   const secrets::store& secrets);

/// The secret that holds a cluster's login: the one of its name, else the only one that the config declares.
[[nodiscard]] std::optional<std::string> secret_of_cluster(std::string_view cluster_id, const config& with,
                                                           const secrets::store& secrets);

}  // namespace borealis::server
