#include "clusters/rds.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "clusters/engine.hpp"
#include "clusters/rds_xml.hpp"
#include "clusters/scaler.hpp"
#include "core/log.hpp"
#include "core/random.hpp"

namespace borealis::clusters {
namespace {

using std::chrono::seconds;

constexpr std::size_t longest_password = 128;
constexpr std::size_t most_tags = 50;
constexpr std::size_t longest_identifier = 63;
constexpr std::size_t longest_snapshot_identifier = 255;

/// Thrown where the request cannot be carried out, and answered by `handle`: a reader of twenty parameters that had to
/// hand on twenty results would hide what it reads.
struct refusal {
    int status;
    std::string code;
    std::string message;
};

[[noreturn]] void refuse(std::string_view code, std::string message, int status = 400) {
    throw refusal{status, std::string(code), std::move(message)};
}
[[noreturn]] void invalid(std::string message) { refuse("InvalidParameterValue", std::move(message)); }
[[noreturn]] void badly_combined(std::string message) { refuse("InvalidParameterCombination", std::move(message)); }

/// The one table from what the registry says to what AWS says (R-12.10 to R-12.18).
template <class T>
T taken(core::result<T> from) {
    if (from) {
        if constexpr (std::is_void_v<T>) {
            return;
        } else {
            return std::move(*from);
        }
    }
    auto& [kind, message, ignored] = from.error();
    switch (kind) {
        case core::error_kind::access_denied:
            refuse("AccessDeniedException", std::move(message), 403);
        case core::error_kind::not_found:
            if (message.starts_with("DBClusterSnapshot"))
                refuse("DBClusterSnapshotNotFoundFault", std::move(message), 404);
            refuse("DBClusterNotFoundFault", std::move(message), 404);
        case core::error_kind::already_exists:
            if (message.find("snapshot") != std::string::npos)
                refuse("DBClusterSnapshotAlreadyExistsFault", std::move(message));
            refuse("DBClusterAlreadyExistsFault", std::move(message));
        case core::error_kind::invalid_state:
            refuse("InvalidDBClusterStateFault", std::move(message));
        case core::error_kind::validation:
            refuse("InvalidParameterValue", std::move(message));
        default:
            refuse("InternalFailure", std::move(message), 500);
    }
}

std::string in_lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

/// The parameters of a request (R-12.1). An empty value counts as none, as AWS takes it.
class parameters {
 public:
    explicit parameters(const rds_api::fields& form) : form_(form) {}

    [[nodiscard]] std::string text(std::string_view name) const {
        const auto found =
            std::ranges::find(form_, name, [](const auto& each) { return std::string_view(each.first); });
        return found == form_.end() ? std::string() : found->second;
    }
    [[nodiscard]] bool has(std::string_view name) const { return !text(name).empty(); }
    [[nodiscard]] bool has_any(std::string_view prefix) const {
        return std::ranges::any_of(form_, [&](const auto& each) { return each.first.starts_with(prefix); });
    }
    [[nodiscard]] std::string required(std::string_view name) const {
        auto found = text(name);
        if (found.empty()) refuse("MissingParameter", fmt::format("The request must contain the parameter {}.", name));
        return found;
    }
    [[nodiscard]] std::optional<bool> flag(std::string_view name) const {
        const auto found = in_lower_case(text(name));
        if (found.empty()) return std::nullopt;
        if (found != "true" && found != "false")
            invalid(fmt::format("Invalid value {} for {}: it must be true or false.", found, name));
        return found == "true";
    }
    [[nodiscard]] std::optional<std::int64_t> number(std::string_view name, std::int64_t least,
                                                     std::int64_t most) const {
        const auto found = text(name);
        if (found.empty()) return std::nullopt;
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), value);
        if (error != std::errc() || end != found.data() + found.size() || value < least || value > most)
            invalid(fmt::format("Invalid value {} for {}: it must be from {} to {}.", found, name, least, most));
        return value;
    }
    /// In steps of a half (R-11.10).
    [[nodiscard]] std::optional<capacity> units(std::string_view name, double least, double most) const {
        const auto found = text(name);
        if (found.empty()) return std::nullopt;
        double value = 0;
        const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), value);
        if (error != std::errc() || end != found.data() + found.size() || !(value >= least && value <= most) ||
            value * 2 != std::floor(value * 2)) {
            invalid(fmt::format("Invalid value {} for {}: it must be from {} to {} in steps of 0.5.", found, name,
                                least, most));
        }
        return capacity{static_cast<int>(value * 2)};
    }
    /// `Tags.Tag.1.Key`, `Filters.Filter.1.Name`: the members of a list of structures, whatever its members are called,
    /// by number.
    [[nodiscard]] std::vector<std::map<std::string, std::vector<std::string>>> structures(std::string_view list) const {
        std::map<std::int64_t, std::map<std::string, std::vector<std::string>>> found;
        for (const auto& [name, value] : form_) {
            auto rest = std::string_view(name);
            if (!rest.starts_with(list) || rest.size() <= list.size() || rest[list.size()] != '.') continue;
            rest.remove_prefix(list.size() + 1);
            const auto dot = rest.find('.');
            if (dot == std::string_view::npos) continue;
            rest.remove_prefix(dot + 1);
            std::int64_t number = 0;
            const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
            if (error != std::errc()) continue;
            rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
            if (rest.starts_with('.')) rest.remove_prefix(1);
            found[number][std::string(rest.substr(0, rest.find('.')))].push_back(value);
        }
        std::vector<std::map<std::string, std::vector<std::string>>> all;
        for (auto& [number, each] : found) all.push_back(std::move(each));
        return all;
    }
    [[nodiscard]] auth::tags tags() const {
        auth::tags all;
        for (const auto& each : structures("Tags")) {
            const auto key = each.find("Key");
            const auto value = each.find("Value");
            if (key == each.end() || key->second.front().empty() || key->second.front().size() > 128)
                invalid("A tag needs a Key of 1 to 128 characters.");
            if (in_lower_case(key->second.front()).starts_with("aws:"))
                invalid("The key of a tag must not begin with aws:, which is AWS's own.");
            const auto text = value == each.end() ? std::string() : value->second.front();
            if (text.size() > 256) invalid("The value of a tag has at most 256 characters.");
            if (key->second.front() == resume_tag && !resume_style_of(text)) {
                invalid(fmt::format("The tag {} must be wait, aws-v2 or aws-v1.", resume_tag));
            }
            all[key->second.front()] = text;
        }
        if (all.size() > most_tags) invalid(fmt::format("A resource has at most {} tags.", most_tags));
        return all;
    }

 private:
    const rds_api::fields& form_;
};

struct engine_choice {
    engine is;
    std::string_view name;
    bool aurora;
};
constexpr std::array<engine_choice, 6> engines = {{{engine::mysql, "aurora-mysql", true},
                                                   {engine::postgresql, "aurora-postgresql", true},
                                                   {engine::mysql, "aurora", true},
                                                   {engine::mysql, "mysql", false},
                                                   {engine::mysql, "mariadb", false},
                                                   {engine::postgresql, "postgres", false}}};

const engine_choice& engine_of(std::string_view name) {
    const auto* found = std::ranges::find(engines, name, &engine_choice::name);
    if (found == engines.end()) {
        invalid(
            fmt::format("Invalid DB engine: {}. Known are aurora-mysql, aurora-postgresql, aurora, mysql, mariadb "
                        "and postgres.",
                        name));
    }
    return *found;
}

std::string series_of(engine of, std::string_view version) {
    const auto first = version.find('.');
    if (of == engine::postgresql) return std::string(version.substr(0, first));
    return std::string(version.substr(0, version.find('.', std::min(first, version.size() - 1) + 1)));
}

/// Which programs run an EngineVersion: those of the same series. Aurora MySQL's own versions, and MySQL's, are run by
/// the newest MariaDB.
std::string series_for(const registry& of, engine is, std::string_view wanted) {
    const auto there = of.versions(is);
    if (there.empty()) {
        invalid(fmt::format("Cannot find a version of {} on this machine.",
                            is == engine::postgresql ? "PostgreSQL (apt-get install postgresql)"
                                                     : "MariaDB (apt-get install mariadb-server-core)"));
    }
    if (wanted.empty()) return {};
    if (is == engine::mysql &&
        (wanted.find("mysql_aurora") != std::string_view::npos || wanted.starts_with("8.") || wanted.starts_with("5.")))
        return {};
    for (const auto& each : there) {
        if (series_of(is, each) == series_of(is, wanted)) return series_of(is, each);
    }
    invalid(fmt::format("Cannot find version {} for {}. Installed: {}.", wanted,
                        is == engine::postgresql ? "aurora-postgresql" : "aurora-mysql", fmt::join(there, ", ")));
}

void check_password(engine is, std::string_view password) {
    const std::size_t longest = is == engine::mysql ? 41 : longest_password;
    if (password.size() < 8 || password.size() > longest) {
        invalid(
            fmt::format("The parameter MasterUserPassword is not a valid password because it is not from 8 to {} "
                        "characters long.",
                        longest));
    }
    for (const char c : password) {
        if (c <= ' ' || c > '~' || c == '/' || c == '@' || c == '"') {
            invalid(
                "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides "
                "'/', '@', '\"', ' ' may be used.");
        }
    }
}

/// R-12.23, of an identifier that has no cluster to be checked with.
void check_identifier(std::string_view name, std::string_view value, std::size_t longest) {
    const bool fits = !value.empty() && value.size() <= longest && value.front() >= 'a' && value.front() <= 'z' &&
                      value.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos &&
                      value.back() != '-' && value.find("--") == std::string_view::npos;
    if (!fits) {
        invalid(
            fmt::format("The parameter {} is not a valid identifier: \"{}\". It must begin with a letter, have 1 to {} "
                        "letters, digits and hyphens, and no hyphen at its end nor two in a row.",
                        name, value, longest));
    }
}

void check_class(std::string_view size) {
    if (!size.starts_with("db.")) invalid(fmt::format("Invalid DB Instance class: {}", size));
}

/// ScalingConfiguration over `into` (R-11.1).
void read_v1_scaling(const parameters& from, engine is, scaling& into) {
    const auto units = [&](std::string_view name, capacity& to) {
        if (const auto given = from.number(name, 0, 1024)) {
            if (!is_capacity_value(is, static_cast<int>(*given))) {
                invalid(fmt::format("Invalid value {} for {}: it must be one of {}.", *given, name,
                                    fmt::join(capacity_values(is), ", ")));
            }
            to = capacity{static_cast<int>(*given) * 2};
        }
    };
    units("ScalingConfiguration.MinCapacity", into.least);
    units("ScalingConfiguration.MaxCapacity", into.most);
    if (into.least > into.most) badly_combined("MinCapacity must not be greater than MaxCapacity.");
    if (const auto given = from.flag("ScalingConfiguration.AutoPause")) into.auto_pause = *given;
    if (const auto given = from.text("ScalingConfiguration.TimeoutAction"); !given.empty()) {
        if (given != "RollbackCapacityChange" && given != "ForceApplyCapacityChange")
            invalid("TimeoutAction must be RollbackCapacityChange or ForceApplyCapacityChange.");
        into.timeout_action = given;
    }
    if (const auto given = from.number("ScalingConfiguration.SecondsBeforeTimeout", 60, 600))
        into.before_timeout = seconds(*given);
}

/// ServerlessV2ScalingConfiguration over `into` (R-11.10).
void read_v2_scaling(const parameters& from, scaling& into) {
    if (const auto given = from.units("ServerlessV2ScalingConfiguration.MinCapacity", 0, 256)) into.least = *given;
    if (const auto given = from.units("ServerlessV2ScalingConfiguration.MaxCapacity", 1, 256)) into.most = *given;
    if (into.most.halves == 0)
        refuse("MissingParameter", "ServerlessV2ScalingConfiguration needs MinCapacity and MaxCapacity.");
    if (into.least > into.most) badly_combined("MinCapacity must not be greater than MaxCapacity.");
    into.auto_pause = into.least.halves == 0;
    if (!into.auto_pause && from.has("ServerlessV2ScalingConfiguration.SecondsUntilAutoPause"))
        badly_combined("SecondsUntilAutoPause can be set only where MinCapacity is 0.");
}

void read_scaling(const parameters& from, const rds_settings& with, description& into) {
    const bool v1 = from.has_any("ScalingConfiguration.");
    const bool v2 = from.has_any("ServerlessV2ScalingConfiguration.");
    if (v1 && into.mode == generation::v2)
        badly_combined("ScalingConfiguration is for clusters of the engine mode serverless.");
    if (v2 && into.mode == generation::v1)
        badly_combined("ServerlessV2ScalingConfiguration is for clusters of the engine mode provisioned.");
    if (!v1 && !v2) return;
    auto& scales = into.scales;
    scales.given = true;
    if (v1) read_v1_scaling(from, into.is, scales);
    if (v2) read_v2_scaling(from, scales);
    for (const std::string_view each : {"ScalingConfiguration", "ServerlessV2ScalingConfiguration"}) {
        if (const auto given =
                from.number(fmt::format("{}.SecondsUntilAutoPause", each), with.least_pause_after.count(), 86'400))
            scales.pause_after = seconds(*given);
    }
}

/// One request: everything that an operation works with.
struct operation {
    registry& known;
    master_secrets& secrets;
    const rds_settings& with;
    const parameters& in;
    const auth::caller& who;
    std::string_view action;
    xml out = {};

    [[nodiscard]] const settings& given() const { return known.given(); }

    void check(std::string_view arn, const auth::tags& tagged = {}) const {
        if (who.may_everything()) return;
        taken(who.may(fmt::format("rds:{}", action), arn, &tagged));
    }

    /// The cluster that the parameter names by id or ARN, which the caller may use so.
    [[nodiscard]] view cluster(std::string_view parameter = "DBClusterIdentifier") const {
        const auto id = in.required(parameter);
        auto found = known.find(id);
        if (!found) {
            check(id.starts_with("arn:") ? id : known.arn_of(in_lower_case(id)));
            return taken(std::move(found));
        }
        check(found->arn, found->about->tags);
        return *found;
    }

    /// The same, and the API may change it.
    [[nodiscard]] view own_cluster(std::string_view parameter = "DBClusterIdentifier") const {
        auto found = cluster(parameter);
        if (found.about->from_config) {
            refuse("InvalidDBClusterStateFault",
                   fmt::format("DbCluster {} is declared in the server's configuration; change it there.", found.id));
        }
        return found;
    }

    /// Asks for the instance, which need not be there; with what it is tagged.
    void check_instance(std::string_view id) const {
        for (const auto& each : known.list()) {
            const auto& all = each.about->instances;
            if (const auto found = std::ranges::find(all, id, &instance::id); found != all.end())
                return check(rds_arn(given(), "db", id), found->tags);
        }
        check(rds_arn(given(), "db", id));
    }

    void show(const view& what) {
        const xml::element cluster(out, "DBCluster");
        append_cluster(out, what, given().region);
    }

    void create_cluster(std::string_view from_snapshot);
    /// The data of a snapshot is of one engine and one series of its versions.
    void check_fits(description& what, std::string_view from_snapshot) const;
    void describe_clusters();
    void modify_cluster();
    void delete_cluster();
    void set_endpoint(bool on);
    void modify_capacity();
    void create_instance();
    void describe_instances();
    void delete_instance();
    void modify_instance();
    void change_tags();
    void describe_snapshots();
    void delete_snapshot();
    void describe_versions();
    void describe_options();

    /// What of `all` the page has; writes the Marker of the next one.
    template <class T>
    std::vector<T> page(std::vector<T> all, const std::function<std::string(const T&)>& key) {
        const auto size = static_cast<std::size_t>(in.number("MaxRecords", 20, 100).value_or(100));
        std::ranges::sort(all, {}, key);
        if (const auto marker = in.text("Marker"); !marker.empty())
            std::erase_if(all, [&](const T& each) { return key(each) <= marker; });
        if (all.size() > size) {
            all.resize(size);
            out.text("Marker", key(all.back()));
        }
        return all;
    }

    /// Whether the Filters let through what has these values; an unknown filter is an error.
    [[nodiscard]] bool passes(const std::map<std::string, std::vector<std::string>>& values) const {
        for (const auto& each : in.structures("Filters")) {
            const auto name = each.find("Name");
            const auto wanted = each.find("Values");
            if (name == each.end() || wanted == each.end()) invalid("A filter needs a Name and Values.");
            const auto has = values.find(name->second.front());
            if (has == values.end()) invalid(fmt::format("Unrecognized filter name: {}", name->second.front()));
            const auto is_of_it = [&](const std::string& one) {  // whatever the case (R-12.23)
                return std::ranges::find(has->second, in_lower_case(one), in_lower_case) != has->second.end();
            };
            if (std::ranges::none_of(wanted->second, is_of_it)) return false;
        }
        return true;
    }
};

void operation::check_fits(description& what, std::string_view from_snapshot) const {
    const auto all = known.snapshots();
    const auto found = std::ranges::find(all, from_snapshot, &snapshot::id);
    if (found == all.end()) return;  // the registry says so
    if (engine_of(found->engine_name).is != what.is) {
        badly_combined(
            fmt::format("The engine {} is not that of the snapshot, {}.", what.engine_name, found->engine_name));
    }
    const auto series = series_for(known, what.is, series_of(what.is, found->engine_version));
    if (!what.series.empty() && !series.empty() && what.series != series)
        badly_combined(fmt::format("The snapshot is of version {}: leave EngineVersion out.", found->engine_version));
    if (!series.empty()) what.series = series;
}

void operation::create_cluster(std::string_view from_snapshot) {
    description what;
    what.id = in_lower_case(in.required("DBClusterIdentifier"));
    what.tags = in.tags();
    check(known.arn_of(what.id), what.tags);
    // Whoever restores a snapshot may read all of it.
    if (!from_snapshot.empty()) check(rds_arn(given(), "cluster-snapshot", from_snapshot));
    const auto& choice = engine_of(in.required("Engine"));
    what.is = choice.is;
    what.engine_name = choice.name;
    what.engine_version = in.text("EngineVersion");
    what.series = series_for(known, choice.is, what.engine_version);
    if (!from_snapshot.empty()) check_fits(what, from_snapshot);
    const auto mode = in.text("EngineMode");
    if (mode == "serverless") {
        what.mode = generation::v1;
    } else if (!mode.empty() && mode != "provisioned") {
        invalid(fmt::format("Invalid engine mode: {}. It must be provisioned or serverless.", mode));
    }
    what.profile = what.mode == generation::v1 ? "aws-v1" : with.profile;
    what.needs_instance = choice.aurora && what.mode == generation::v2;
    for (const std::string_view other : {"ReplicationSourceIdentifier", "GlobalClusterIdentifier"}) {
        if (in.has(other)) badly_combined(fmt::format("Borealis has no copies of clusters: leave {} out.", other));
    }
    what.database = in.text("DatabaseName");
    what.endpoint_enabled = in.flag("EnableHttpEndpoint").value_or(false);
    what.protected_ = in.flag("DeletionProtection").value_or(false);
    what.port = static_cast<std::uint16_t>(in.number("Port", 1150, 65'535).value_or(0));
    if (what.mode == generation::v1) {  // R-11.1
        what.scales = {.given = true, .least = {choice.is == engine::mysql ? 2 : 4}, .most = {32}, .auto_pause = true};
    }
    read_scaling(in, with, what);
    what.resume = resume_of(what);
    const auto made = known.list();
    if (static_cast<std::size_t>(std::ranges::count_if(
            made, [](const view& each) { return !each.about->from_config; })) >= with.most_clusters) {
        refuse(
            "DBClusterQuotaExceededFault",
            fmt::format("This server takes {} clusters; delete some, or raise clusters.maximum in its configuration.",
                        with.most_clusters),
            403);
    }
    // Before a secret is made for it.
    if (known.find(what.id)) refuse("DBClusterAlreadyExistsFault", "DB Cluster already exists");

    core::secret_text password(in.text("MasterUserPassword"));
    const bool managed = in.flag("ManageMasterUserPassword").value_or(false);
    if (from_snapshot.empty()) {
        what.master_user = in.required("MasterUsername");
        if (managed && !password.empty()) {
            badly_combined(
                "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.");
        }
        if (!managed && password.empty())
            invalid("The parameter MasterUserPassword must be provided and must not be blank.");
        if (!managed) check_password(what.is, password.reveal());
    } else if (managed || !password.empty()) {
        badly_combined("A cluster of a snapshot has the snapshot's users; change the password afterwards.");
    }
    if (managed) {
        auto secret = taken(secrets.make(known.arn_of(what.id), what.master_user));
        what.master_secret_arn = secret.arn;
        password = std::move(secret.password);
    }
    const auto secret_arn = what.master_secret_arn;
    auto done = known.create(std::move(what), password, from_snapshot);
    if (!done && !secret_arn.empty()) secrets.remove(secret_arn);
    show(taken(std::move(done)));
}

void operation::describe_clusters() {
    std::vector<view> all;
    if (in.has("DBClusterIdentifier")) {
        all.push_back(cluster());
    } else {
        check(known.arn_of("*"));
        all = known.list();
    }
    std::erase_if(all, [&](const view& each) {
        return !passes({{"db-cluster-id", {each.id, each.arn}},
                        {"db-cluster-resource-id", {each.about->resource_id}},
                        {"engine", {each.about->engine_name}}});
    });
    all = page<view>(std::move(all), [](const view& each) { return each.id; });
    const xml::element list(out, "DBClusters");
    for (const auto& each : all) show(each);
}

void operation::modify_cluster() {
    const auto found = own_cluster();
    if (in.has("NewDBClusterIdentifier"))
        badly_combined("Borealis does not rename clusters: leave NewDBClusterIdentifier out.");
    if (const auto wanted = in.text("EngineVersion");
        !wanted.empty() && wanted != found.about->engine_version && wanted != found.engine_version)
        badly_combined("Borealis does not upgrade clusters: leave EngineVersion out.");
    auto next = *found.about;
    read_scaling(in, with, next);
    if (const auto given = in.flag("EnableHttpEndpoint")) next.endpoint_enabled = *given;
    if (const auto given = in.flag("DeletionProtection")) next.protected_ = *given;
    if (const auto given = in.number("Port", 1150, 65'535)) next.port = static_cast<std::uint16_t>(*given);
    core::secret_text password(in.text("MasterUserPassword"));
    const bool is_managed = !next.master_secret_arn.empty();
    const bool stays_managed = in.flag("ManageMasterUserPassword").value_or(is_managed);
    const bool rotate = in.flag("RotateMasterUserPassword").value_or(false);
    if (is_managed && !stays_managed && password.empty())
        badly_combined("MasterUserPassword is required when ManageMasterUserPassword is switched off.");
    if (rotate && !(is_managed && stays_managed))
        badly_combined("RotateMasterUserPassword is for clusters whose password is managed.");
    if (rotate && !in.flag("ApplyImmediately").value_or(false))
        badly_combined("A rotation of the master user's password needs ApplyImmediately.");
    if (!password.empty()) {
        if (stays_managed)
            badly_combined("The password is managed: rotate the secret, or switch ManageMasterUserPassword off.");
        check_password(next.is, password.reveal());
    }
    if ((!password.empty() || rotate || (stays_managed && !is_managed)) && aws_name_of(found.state) != "available")
        taken<view>(core::fail(core::error_kind::invalid_state,
                               fmt::format("DbCluster {} is in {} state but expected to be one of available.", found.id,
                                           aws_name_of(found.state))));
    if (stays_managed && !is_managed) {
        auto secret = taken(secrets.make(next.arn, next.master_user));
        next.master_secret_arn = secret.arn;
        password = std::move(secret.password);
    } else if (rotate) {
        password = taken(secrets.renew(next.master_secret_arn, next.master_user));
    } else if (is_managed && !stays_managed) {
        next.master_secret_arn.clear();
    }
    show(taken(known.change(
        found.id,
        [&](description& into) {
            into.scales = next.scales;
            into.endpoint_enabled = next.endpoint_enabled;
            into.protected_ = next.protected_;
            into.port = next.port;
            into.master_secret_arn = next.master_secret_arn;
        },
        password.empty() ? nullptr : &password)));
    if (is_managed && !stays_managed) secrets.remove(found.about->master_secret_arn);
}

void operation::delete_cluster() {
    const auto found = own_cluster();
    const bool skip = in.flag("SkipFinalSnapshot").value_or(false);
    const auto snapshot = in_lower_case(in.text("FinalDBSnapshotIdentifier"));
    if (!skip && snapshot.empty())  // R-12.17
        badly_combined("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.");
    if (skip && !snapshot.empty())
        badly_combined("FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.");
    if (!snapshot.empty()) {
        check_identifier("FinalDBSnapshotIdentifier", snapshot, longest_snapshot_identifier);
        check(rds_arn(given(), "cluster-snapshot", snapshot));
    }
    if (found.about->protected_)  // R-12.18
        badly_combined("Cannot delete protected Cluster, please disable deletion protection and try again.");
    if (!found.about->instances.empty()) {
        refuse("InvalidDBClusterStateFault",
               "Cluster cannot be deleted, it still contains DB instances in non-deleting state.");
    }
    const auto after = taken(known.begin_remove(found.id, snapshot));
    if (!found.about->master_secret_arn.empty()) secrets.remove(found.about->master_secret_arn);
    known.faults().clear(found.id);
    show(after);
}

void operation::set_endpoint(bool on) {
    const auto arn = in.required("ResourceArn");
    const auto found = known.find(arn);
    if (found) {
        check(found->arn, found->about->tags);
    } else {
        check(arn);
    }
    if (!found || found->arn != arn)
        refuse("ResourceNotFoundFault", fmt::format("DBCluster {} not found.", arn), 404);  // R-12.14
    if (found->about->from_config) {
        refuse("InvalidResourceStateFault",
               fmt::format("DbCluster {} is declared in the server's configuration; change it there.", found->id));
    }
    if (found->about->mode == generation::v1) {  // R-12.21
        refuse("InvalidResourceStateFault",
               "The engine mode serverless is not supported: use ModifyDBCluster with EnableHttpEndpoint.");
    }
    taken(known.change(found->id, [on](description& into) { into.endpoint_enabled = on; }, nullptr));
    out.text("ResourceArn", arn).flag("HttpEndpointEnabled", on);
}

void operation::modify_capacity() {
    const auto found = own_cluster();
    if (found.about->mode != generation::v1) {
        refuse("InvalidDBClusterStateFault",
               fmt::format("DbCluster {} is not of the engine mode serverless: modify its "
                           "ServerlessV2ScalingConfiguration.",
                           found.id));
    }
    const auto wanted = in.number("Capacity", 0, 1'000'000);
    const auto before = in.number("SecondsBeforeTimeout", 10, 600).value_or(300);
    auto how = in.text("TimeoutAction");
    if (how.empty()) how = "RollbackCapacityChange";
    if (how != "RollbackCapacityChange" && how != "ForceApplyCapacityChange")
        invalid("TimeoutAction must be RollbackCapacityChange or ForceApplyCapacityChange.");
    if (wanted && !is_capacity_value(found.is, static_cast<int>(*wanted))) {  // R-12.13
        refuse("InvalidDBClusterCapacityFault", fmt::format("Capacity {} isn't a valid capacity value. Valid are {}.",
                                                            *wanted, fmt::join(capacity_values(found.is), ", ")));
    }
    if (found.process_id == 0 || found.state != status::available) {
        taken<view>(core::fail(core::error_kind::invalid_state,
                               fmt::format("DbCluster {} is {} but its capacity can be changed only while it runs.",
                                           found.id, name_of(found.state))));
    }
    const auto current = found.now;
    if (wanted) taken(known.scale(found.id, capacity{static_cast<int>(*wanted) * 2}));
    out.text("DBClusterIdentifier", found.id);
    out.number("PendingCapacity", wanted.value_or(current.halves / 2)).number("CurrentCapacity", current.halves / 2);
    out.number("SecondsBeforeTimeout", before).text("TimeoutAction", how);
}

void operation::create_instance() {
    const auto id = in_lower_case(in.required("DBInstanceIdentifier"));
    const auto size = in.required("DBInstanceClass");
    const auto name = in.required("Engine");
    check(rds_arn(given(), "db", id), in.tags());
    check_identifier("DBInstanceIdentifier", id, longest_identifier);
    if (!in.has("DBClusterIdentifier")) {
        badly_combined(
            "Borealis runs instances of clusters only: make the cluster first, and name it as DBClusterIdentifier.");
    }
    const auto found = cluster();
    if (found.about->from_config) {
        refuse("InvalidDBClusterStateFault",
               fmt::format("DbCluster {} is declared in the server's configuration; change it there.", found.id));
    }
    if (found.about->mode == generation::v1)
        refuse("InvalidDBClusterStateFault", "A cluster of the engine mode serverless has no DB instances.");
    if (name != found.about->engine_name)
        badly_combined(fmt::format("The engine {} is not that of the cluster, {}.", name, found.about->engine_name));
    check_class(size);
    if (size == "db.serverless" && !found.about->scales.given) {
        badly_combined(
            "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB "
            "instance.");
    }
    if (!known.cluster_of_instance(id).empty()) refuse("DBInstanceAlreadyExists", "DB instance already exists");
    instance made{.id = id,
                  .resource_id = found.about->instance_resource_id,
                  .size = size,
                  .created = std::chrono::system_clock::now(),
                  .tags = in.tags()};
    if (!found.about->instances.empty())
        made.resource_id = made.resource_id.substr(0, 24) + core::random_uuid().substr(0, 5);
    std::ranges::transform(made.resource_id.begin() + 3, made.resource_id.end(), made.resource_id.begin() + 3,
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    const auto after =
        taken(known.change(found.id, [&](description& into) { into.instances.push_back(made); }, nullptr));
    const xml::element shown(out, "DBInstance");
    append_instance(out, made, after, given().region);
}

void operation::describe_instances() {
    struct one {
        instance what;
        view of;
    };
    std::vector<one> all;
    for (const auto& each : known.list())
        for (const auto& what : each.about->instances) all.push_back({what, each});
    if (auto id = in_lower_case(in.text("DBInstanceIdentifier")); !id.empty()) {
        if (const auto colon = id.rfind(":db:"); colon != std::string::npos) id = id.substr(colon + 4);
        check_instance(id);
        std::erase_if(all, [&](const one& each) { return each.what.id != id; });
        if (all.empty()) refuse("DBInstanceNotFound", fmt::format("DBInstance {} not found.", id), 404);
    } else {
        check(rds_arn(given(), "db", "*"));
    }
    std::erase_if(all, [&](const one& each) {
        return !passes({{"db-cluster-id", {each.of.id, each.of.arn}},
                        {"db-instance-id", {each.what.id, rds_arn(given(), "db", each.what.id)}},
                        {"dbi-resource-id", {each.what.resource_id}},
                        {"engine", {each.of.about->engine_name}}});
    });
    all = page<one>(std::move(all), [](const one& each) { return each.what.id; });
    const xml::element list(out, "DBInstances");
    for (const auto& each : all) {
        const xml::element shown(out, "DBInstance");
        append_instance(out, each.what, each.of, given().region);
    }
}

void operation::delete_instance() {
    const auto id = in_lower_case(in.required("DBInstanceIdentifier"));
    check_instance(id);
    const auto of = known.cluster_of_instance(id);
    if (of.empty()) refuse("DBInstanceNotFound", fmt::format("DBInstance {} not found.", id), 404);
    instance gone;
    auto after = taken(known.change(
        of,
        [&](description& into) {
            const auto found = std::ranges::find(into.instances, id, &instance::id);
            if (found == into.instances.end()) return;
            gone = *found;
            into.instances.erase(found);
        },
        nullptr));
    after.state = status::deleting;
    const xml::element shown(out, "DBInstance");
    append_instance(out, gone, after, given().region);
}

void operation::modify_instance() {
    const auto id = in_lower_case(in.required("DBInstanceIdentifier"));
    check_instance(id);
    const auto of = known.cluster_of_instance(id);
    if (of.empty()) refuse("DBInstanceNotFound", fmt::format("DBInstance {} not found.", id), 404);
    if (in.has("NewDBInstanceIdentifier"))
        badly_combined("Borealis does not rename instances: leave NewDBInstanceIdentifier out.");
    if (in.has("DBInstanceClass")) check_class(in.text("DBInstanceClass"));
    instance changed;
    const auto after = taken(known.change(
        of,
        [&](description& into) {
            for (auto& each : into.instances) {
                if (each.id != id) continue;
                if (in.has("DBInstanceClass")) each.size = in.text("DBInstanceClass");
                changed = each;
            }
        },
        nullptr));
    const xml::element shown(out, "DBInstance");
    append_instance(out, changed, after, given().region);
}

void operation::change_tags() {
    const auto arn = in.required("ResourceName");
    const auto db = arn.find(":db:");
    const auto id = db == std::string::npos ? arn : known.cluster_of_instance(arn.substr(db + 4));
    const auto found = known.find(id);
    if (db != std::string::npos && id.empty()) {
        check_instance(arn.substr(db + 4));
        refuse("DBInstanceNotFound", fmt::format("DBInstance {} not found.", arn.substr(db + 4)), 404);
    }
    if (!found) {
        check(arn);
        taken(found);
    }
    if (db != std::string::npos) {
        check_instance(arn.substr(db + 4));
    } else {
        check(found->arn, found->about->tags);  // however it was named
    }
    const auto tags_of = [&](description& into) -> auth::tags& {
        for (auto& each : into.instances) {
            if (db != std::string::npos && each.id == arn.substr(db + 4)) return each.tags;
        }
        return into.tags;
    };
    if (action == "ListTagsForResource") {
        auto copy = *found->about;
        out.tags(tags_of(copy));
        return;
    }
    if (found->about->from_config) {
        refuse("InvalidDBClusterStateFault",
               fmt::format("DbCluster {} is declared in the server's configuration; change it there.", found->id));
    }
    const auto added = in.tags();
    taken(known.change(
        found->id,
        [&](description& into) {
            auto& tags = tags_of(into);
            for (const auto& [key, value] : added) tags[key] = value;
            if (tags.size() > most_tags) invalid(fmt::format("A resource has at most {} tags.", most_tags));
            if (action == "RemoveTagsFromResource") {
                for (const auto& each : in.structures("TagKeys"))
                    for (const auto& [member, keys] : each)
                        for (const auto& key : keys) tags.erase(key);
            }
        },
        nullptr));
}

void operation::describe_snapshots() {
    auto all = known.snapshots();
    if (const auto id = in_lower_case(in.text("DBClusterSnapshotIdentifier")); !id.empty()) {
        check(rds_arn(given(), "cluster-snapshot", id));
        std::erase_if(all, [&](const snapshot& each) { return each.id != id; });
        if (all.empty()) {
            refuse("DBClusterSnapshotNotFoundFault", fmt::format("DBClusterSnapshot {} not found.", id), 404);
        }
    } else {
        check(rds_arn(given(), "cluster-snapshot", "*"));
    }
    if (const auto id = in_lower_case(in.text("DBClusterIdentifier")); !id.empty())
        std::erase_if(all, [&](const snapshot& each) { return each.cluster_id != id; });
    all = page<snapshot>(std::move(all), [](const snapshot& each) { return each.id; });
    const xml::element list(out, "DBClusterSnapshots");
    for (const auto& each : all) {
        const xml::element shown(out, "DBClusterSnapshot");
        append_snapshot(out, each, given().region, given().account);
    }
}

void operation::delete_snapshot() {
    const auto id = in_lower_case(in.required("DBClusterSnapshotIdentifier"));
    check(rds_arn(given(), "cluster-snapshot", id));
    const auto gone = taken(known.remove_snapshot(id));
    const xml::element shown(out, "DBClusterSnapshot");
    append_snapshot(out, gone, given().region, given().account);
}

void operation::describe_versions() {
    check("*");
    const auto wanted = in.text("Engine");
    const xml::element list(out, "DBEngineVersions");
    for (const auto& each : engines) {
        if (!each.aurora || each.name == "aurora" || (!wanted.empty() && wanted != each.name)) continue;
        for (const auto& version : known.versions(each.is)) {
            const auto asked = in.text("EngineVersion");
            if (!asked.empty() && asked != version && asked != series_of(each.is, version)) continue;
            const xml::element shown(out, "DBEngineVersion");
            const auto series = series_of(each.is, version);
            out.text("Engine", each.name).text("EngineVersion", version).text("MajorEngineVersion", series);
            out.text("DBParameterGroupFamily", fmt::format("{}{}", each.name, series));
            out.text("DBEngineDescription", each.is == engine::postgresql ? "PostgreSQL" : "MariaDB");
            out.text("DBEngineVersionDescription",
                     fmt::format("{} {} of this machine", each.is == engine::postgresql ? "PostgreSQL" : "MariaDB",
                                 version));
            {
                const xml::element modes(out, "SupportedEngineModes");
                out.text("member", "provisioned").text("member", "serverless");
            }
            out.text("Status", "available").flag("SupportsParallelQuery", false).flag("SupportsGlobalDatabases", false);
            const xml::element features(out, "ServerlessV2FeaturesSupport");
            out.text("MinCapacity", "0").text("MaxCapacity", "256");
        }
    }
}

void operation::describe_options() {
    check("*");
    const auto& choice = engine_of(in.required("Engine"));
    const auto wanted = in.text("DBInstanceClass");
    const xml::element list(out, "OrderableDBInstanceOptions");
    if (!wanted.empty() && wanted != "db.serverless") return;
    for (const auto& version : known.versions(choice.is)) {
        const xml::element option(out, "OrderableDBInstanceOption");
        out.text("Engine", choice.name).text("EngineVersion", version).text("DBInstanceClass", "db.serverless");
        {
            const xml::element zones(out, "AvailabilityZones");
            const xml::element zone(out, "AvailabilityZone");
            out.text("Name", fmt::format("{}a", given().region));
        }
        out.text("StorageType", "aurora").flag("SupportsClusters", true).flag("Vpc", true);
    }
}

constexpr std::string_view name_space = "http://rds.amazonaws.com/doc/2014-10-31/";

/// True where there is such an operation; its result is in `out` then.
bool run(operation& on) {
    const auto action = on.action;
    if (action == "CreateDBCluster") {
        on.create_cluster({});
    } else if (action == "RestoreDBClusterFromSnapshot") {
        auto id = in_lower_case(on.in.required("SnapshotIdentifier"));
        if (const auto colon = id.rfind(':'); colon != std::string::npos) id = id.substr(colon + 1);
        on.create_cluster(id);
    } else if (action == "DescribeDBClusters") {
        on.describe_clusters();
    } else if (action == "ModifyDBCluster") {
        on.modify_cluster();
    } else if (action == "DeleteDBCluster") {
        on.delete_cluster();
    } else if (action == "StartDBCluster") {
        const auto id = on.cluster().id;
        on.show(taken(on.known.begin_start(id)));
    } else if (action == "StopDBCluster") {
        const auto id = on.cluster().id;
        on.show(taken(on.known.begin_stop(id)));
    } else if (action == "EnableHttpEndpoint" || action == "DisableHttpEndpoint") {
        on.set_endpoint(action == "EnableHttpEndpoint");
    } else if (action == "ModifyCurrentDBClusterCapacity") {
        on.modify_capacity();
    } else if (action == "CreateDBInstance") {
        on.create_instance();
    } else if (action == "DescribeDBInstances") {
        on.describe_instances();
    } else if (action == "DeleteDBInstance") {
        on.delete_instance();
    } else if (action == "ModifyDBInstance") {
        on.modify_instance();
    } else if (action == "AddTagsToResource" || action == "ListTagsForResource" || action == "RemoveTagsFromResource") {
        on.change_tags();
    } else if (action == "DescribeDBClusterSnapshots") {
        on.describe_snapshots();
    } else if (action == "DeleteDBClusterSnapshot") {
        on.delete_snapshot();
    } else if (action == "DescribeDBEngineVersions") {
        on.describe_versions();
    } else if (action == "DescribeOrderableDBInstanceOptions") {
        on.describe_options();
    } else {
        return false;
    }
    return true;
}

}  // namespace

rds_answer rds_api::handle(const fields& form, const auth::caller& who) const {
    rds_answer made{.request_id = core::random_uuid()};
    try {
        const parameters in(form);
        const auto action = in.text("Action");
        if (action.empty()) refuse("MissingAction", "The request must contain the parameter Action.");
        const auto with = given();
        operation on{.known = registry_, .secrets = secrets_, .with = with, .in = in, .who = who, .action = action};
        if (!run(on)) {
            refuse("InvalidAction",
                   fmt::format("Could not find operation {} for version {}", action, in.text("Version")));
        }
        made.body = fmt::format(
            R"(<{0}Response xmlns="{1}"><{0}Result>{2}</{0}Result><ResponseMetadata><RequestId>{3}</RequestId></ResponseMetadata></{0}Response>)",
            action, name_space, on.out.take(), made.request_id);
    } catch (const refusal& why) {
        made.status = why.status;
        made.error_code = why.code;
        made.message = why.message;
    } catch (const std::runtime_error& why) {  // the state cannot be written: a full disk
        core::log(core::log_level::error, "rds: {}", why.what());
        made.status = 500;
        made.error_code = "InternalFailure";
        made.message = "The state of the server cannot be read or written; its log says why.";
    }
    return made;
}

}  // namespace borealis::clusters
