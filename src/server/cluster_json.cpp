#include "server/cluster_json.hpp"

#include "json/writer.hpp"

namespace borealis::server {
namespace {

void member(std::string& out, std::string_view name, std::string_view value) {
    if (out.back() != '{') out += ',';
    json::append_string(out, name);
    out += ':';
    json::append_string(out, value);
}

}  // namespace

void append_cluster(std::string& out, const clusters::view& what) {
    out += '{';
    member(out, "id", what.id);
    member(out, "resourceArn", what.arn);
    member(out, "engine", what.is == clusters::engine::postgresql ? "postgresql" : "mysql");
    member(out, "engineVersion", what.engine_version);
    member(out, "status", clusters::name_of(what.state));
    out += what.managed ? R"(,"managed":true)" : R"(,"managed":false)";
    member(out, "database", what.default_database);
    member(out, "masterUsername", what.master_user);
    member(out, "profile", what.profile);
    const auto& about = *what.about;
    member(out, "resourceId", about.resource_id);
    member(out, "instanceResourceId", about.instance_resource_id);
    member(out, "resume", clusters::name_of(about.resume));
    member(out, "folder", what.folder.string());
    out += about.endpoint_enabled ? R"(,"httpEndpointEnabled":true)" : R"(,"httpEndpointEnabled":false)";
    out += about.from_config ? R"(,"fromConfiguration":true)" : R"(,"fromConfiguration":false)";
    member(out, "secretArn", about.master_secret_arn);
    out += R"(,"instances":[)";
    for (const auto& each : about.instances) {
        if (out.back() != '[') out += ',';
        json::append_string(out, each.id);
    }
    out += ']';
    if (about.scales.given) {
        out += R"(,"capacity":)";
        json::append_double(out, what.now.halves / 2.0);
        out += R"(,"minCapacity":)";
        json::append_double(out, about.scales.least.halves / 2.0);
        out += R"(,"maxCapacity":)";
        json::append_double(out, about.scales.most.halves / 2.0);
        out += R"(,"pauseAfterSeconds":)";
        if (about.scales.auto_pause) {
            json::append_double(out, static_cast<double>(about.scales.pause_after.count()) / 1000);
        } else {
            out += "null";
        }
    }
    member(out, "host", what.endpoint.host);
    out += R"(,"port":)";
    json::append_integer(out, what.endpoint.port);
    member(out, "socket", what.endpoint.socket);
    out += R"(,"processId":)";
    json::append_integer(out, what.process_id);
    out += '}';
}

}  // namespace borealis::server
