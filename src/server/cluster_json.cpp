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
    member(out, "host", what.endpoint.host);
    out += R"(,"port":)";
    json::append_integer(out, what.endpoint.port);
    member(out, "socket", what.endpoint.socket);
    out += R"(,"processId":)";
    json::append_integer(out, what.process_id);
    out += '}';
}

}  // namespace borealis::server
