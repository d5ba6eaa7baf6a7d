#include "server/directory.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data_api/profile.hpp"

namespace borealis::server {
namespace {

void apply(const data_api_limits& from, data_api::profile& to) {
    if (from.result_bytes) to.result_bytes = *from.result_bytes;
    if (from.row_bytes) to.row_bytes = *from.row_bytes;
    if (from.formatted_bytes) to.formatted_bytes = *from.formatted_bytes;
    if (from.sql_characters) to.sql_characters = *from.sql_characters;
    if (from.statement_timeout) to.statement_timeout = *from.statement_timeout;
}

/// Whether `secret` is a secret's name, its ARN, or that without its random suffix.
bool means(std::string_view secret, std::string_view name, std::string_view arn) {
    if (secret == name) return true;
    const bool shorter = arn.size() == secret.size() + 7 && arn.starts_with(secret) && arn[secret.size()] == '-';
    return !arn.empty() && (secret == arn || shorter);
}

data_api::profile profile_with(const std::string& name, const data_api_limits& limits) {
    const auto* base = data_api::find_profile(name);
    data_api::profile made = base == nullptr ? data_api::aws_v2 : *base;
    apply(limits, made);
    return made;
}

directory::found_login shared(core::result<data_api::secret_login> login) {
    if (!login) return std::unexpected(std::move(login.error()));
    return std::make_shared<const data_api::secret_login>(*std::move(login));
}

}  // namespace

directory::directory(clusters::registry& known, secrets::store& logins, outside_secrets& outside,
                     const drivers& engines, const current_config& with)
    : clusters_(known),
      secrets_(logins),
      outside_(outside),
      drivers_(engines),
      with_(with),
      default_(&keep(profile_with(with->profile, with->api_limits))) {}

void directory::reload() {
    default_ = &keep(profile_with(with_->profile, with_->api_limits));
    profiles_.clear();
    logins_.clear();
    subjects_.clear();
    targets_.for_each([](met& each) {
        each.version = 0;
        each.seen = nullptr;
    });
}

void directory::sweep(const std::function<bool(std::string_view arn)>& in_use) {
    targets_.erase_if([&](std::string_view arn, const met& each) { return each.seen == nullptr && !in_use(arn); });
}

/// As many as there are different ones among all configurations so far.
const data_api::profile& directory::keep(data_api::profile made) {
    const auto known = std::ranges::find(all_profiles_, made);
    return known == all_profiles_.end() ? all_profiles_.emplace_back(std::move(made)) : *known;
}

const data_api::profile& directory::profile_of(const clusters::view& cluster) {
    const auto own = with_->cluster_limits.find(cluster.id);
    if (cluster.profile.empty() && own == with_->cluster_limits.end()) return *default_;
    const auto& name = cluster.profile.empty() ? with_->profile : cluster.profile;
    auto key = name;
    if (own != with_->cluster_limits.end()) key.append("/").append(cluster.id);
    if (const auto known = profiles_.find(key); known != profiles_.end()) return *known->second;
    auto made = profile_with(name, with_->api_limits);
    if (own != with_->cluster_limits.end()) apply(own->second, made);
    return *profiles_.emplace(std::move(key), &keep(std::move(made))).first->second;
}

const data_api::profile& directory::profile_of(std::string_view resource_arn) {
    if (const auto* const known = targets_.find(resource_arn); known != nullptr && known->seen)
        return *known->made->behaves;
    if (resource_arn.empty()) return *default_;
    const auto found = clusters_.seen(resource_arn);
    if (found && found->arn == resource_arn) return profile_of(*found);
    const auto former = former_target(resource_arn);
    return former ? *former->behaves : *default_;
}

std::shared_ptr<const data_api::target> directory::former_target(std::string_view resource_arn) {
    const auto* const known = targets_.find(resource_arn);
    return known == nullptr ? nullptr : known->made;
}

sql::driver* directory::driver_for(const clusters::view& cluster) const {
    const auto own = with_->driver_of.find(cluster.id);
    const auto spoken = own == with_->driver_of.end() ? with_->driver : own->second;
    const bool native = spoken == protocol_speaker::native;
    if (cluster.is == clusters::engine::postgresql)
        return native ? drivers_.postgresql.get() : drivers_.postgresql_by_library.get();
    return native ? drivers_.mysql.get() : drivers_.mysql_by_library.get();
}

/// Null: the registry has to be asked.
const directory::met* directory::met_and_ready(std::string_view resource_arn) {
    const auto* const known = targets_.find(resource_arn);
    return known != nullptr && known->version == clusters_.version() ? known : nullptr;
}

std::shared_ptr<const data_api::target> directory::at_hand(std::string_view resource_arn) {
    const auto* const known = met_and_ready(resource_arn);
    return known == nullptr ? nullptr : known->made;
}

core::awaitable<core::result<std::shared_ptr<const data_api::target>>> directory::find_target(
    std::string_view resource_arn, core::deadline until) {
    const auto version = clusters_.version();  // before it looks: what changes meanwhile is seen the next time
    auto found = co_await clusters_.ready(resource_arn, until);
    if (!found) co_return std::unexpected(std::move(found.error()));
    const auto& seen = **found;
    auto& known = targets_[seen.arn];
    if (known.seen != *found) {
        auto made = std::make_shared<data_api::target>();
        made->cluster_id = seen.id;
        made->resource_arn = seen.arn;
        made->driver = driver_for(seen);
        made->endpoint = seen.endpoint;
        made->others = seen.others;
        made->default_database = seen.default_database;
        made->behaves = &profile_of(seen);
        made->limits = with_->pool;
        made->denied = with_->denied_statements;
        if (const auto own = with_->denied_on.find(seen.id); own != with_->denied_on.end())
            made->denied = made->denied | own->second;
        known.seen = *std::move(found);
        known.made = std::move(made);
    }
    known.version = version;
    co_return known.made;
}

std::optional<outside_secret> directory::outside_of(std::string_view secret, const data_api::target& at) const {
    for (const auto& each : with_->outside)
        if (means(secret, each.name, each.arn)) return each.kept;
    const auto found = with_->outside_of.find(at.cluster_id);
    if (found == with_->outside_of.end() || secrets_.look_up(secret)) return std::nullopt;
    auto kept = found->second;
    kept.id = secret;
    return kept;
}

void directory::follow_secrets() {
    const auto now = secrets_.generation();
    if (now == generation_ && std::max(logins_.size(), subjects_.size()) <= with_->remembered_logins) return;
    logins_.clear();
    subjects_.clear();
    generation_ = now;
}

directory::found_login directory::find_login(std::string_view secret, const data_api::target& at) {
    follow_secrets();
    if (const auto* const known = logins_.find(secret)) return *known;

    if (!with_->outside.empty() || !with_->outside_of.empty()) {
        if (const auto kept = outside_of(secret, at)) {
            const auto text = outside_.at_hand(*kept);
            if (!text) return nullptr;
            return shared(parse_login(*text, parser_));
        }
    }
    auto value = secrets_.get(secret);
    if (!value) {
        // the Data API's own words for it, whatever the store said.
        if (value.error().kind == core::error_kind::secret_not_found) {
            return core::fail(core::error_kind::secret_not_found, fmt::format("The secret {} wasn't found.", secret));
        }
        return std::unexpected(std::move(value.error()));
    }
    auto login = shared(parse_login(value->text, parser_));
    if (login) logins_[secret] = *login;
    return login;
}

core::awaitable<directory::found_login> directory::fetch_login(std::string secret, const data_api::target& at,
                                                               const sql::login* refused, core::deadline until) {
    if (auto kept = outside_of(secret, at)) {
        const auto text = co_await outside_.fetch(*std::move(kept), refused != nullptr, until);
        if (!text) co_return std::unexpected(text.error());
        co_return shared(parse_login(*text, parser_));
    }
    if (refused == nullptr) co_return find_login(secret, at);
    secrets_.refresh();
    read_file_again(secret);
    auto now = find_login(secret, at);
    if (!now || !*now || (*now)->login != *refused) co_return now;
    // In the middle of a rotation the database may have the new password before the secret says so.
    const auto record = secrets_.look_up(secret);
    const auto* pending = record && !record->removal ? record->with_label(secrets::pending_label) : nullptr;
    if (pending == nullptr) co_return now;
    co_return shared(parse_login(pending->text, parser_));
}

void directory::read_file_again(std::string_view secret) {
    const auto found = secrets_.describe(secret);
    if (!found || !found->from_config) return;
    const auto declared = std::ranges::find(with_->secrets, found->name, &declared_secret::name);
    if (declared == with_->secrets.end() || declared->password_file.empty()) return;
    try {
        auto now = *declared;
        now.password = read_secret_file(declared->password_file);
        auto text = login_text(now);
        if (const auto before = secrets_.get(secret); !before || before->text != text)
            secrets_.renew_declared(now.name, std::move(text));
    } catch (const std::exception& why) {
        core::log(core::log_level::warning, "the secret {} stays as it was: {}", found->name, why.what());
    }
}

std::shared_ptr<const auth::tags> directory::tags_of(std::string_view resource_arn) {
    const auto* const known = met_and_ready(resource_arn);
    auto found = known != nullptr ? known->seen : clusters_.seen(resource_arn);
    if (!found || found->about->tags.empty()) return nullptr;
    const auto& tags = found->about->tags;
    return {std::move(found), &tags};
}

std::shared_ptr<const directory::secret_subject> directory::subject_of(std::string_view secret) {
    follow_secrets();
    auto& known = subjects_[secret];
    if (!known) known = std::make_shared<const secret_subject>(make_subject(secret));
    return known;
}

directory::secret_subject directory::make_subject(std::string_view secret) const {
    const auto outside = std::ranges::find_if(
        with_->outside, [secret](const declared_outside& each) { return means(secret, each.name, each.arn); });
    if (outside != with_->outside.end() && !outside->arn.empty()) return {.arn = outside->arn};
    if (outside == with_->outside.end()) {
        if (const auto known = secrets_.describe(secret)) {
            secret_subject made{.arn = known->arn};
            for (const auto& each : known->tags) made.tagged.emplace(each.key, each.value);
            return made;
        }
    }
    if (secret.starts_with("arn:")) return {.arn = std::string(secret)};
    // One that AWS keeps has a suffix that is not known here, and what policies say of it covers any suffix.
    const bool kept_elsewhere = outside != with_->outside.end() || !with_->outside_of.empty();
    return {.arn = secrets_.arn_without_suffix(secret) + (kept_elsewhere ? "-??????" : "")};
}

}  // namespace borealis::server
