#include "client/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <pwd.h>
#include <unistd.h>

#include "client/failure.hpp"

namespace borealis::client {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), lower);
    return out;
}

bool is_true(const std::optional<std::string>& text) { return text && lowered(*text) == "true"; }

std::string file_path(const environment& in, const std::string& variable, const std::string& otherwise) {
    return expand_home(in.variable(variable).value_or(otherwise), in);
}

/// Behind the option; nothing where the built-in endpoint stands (L-5.50, 2 to 5).
std::optional<std::string> configured_endpoint(const profile_settings& profile, const environment& in,
                                               const service_names& of) {
    const auto ignored = in.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (ignored ? is_true(ignored) : is_true(profile.find("ignore_configured_endpoint_urls"))) return std::nullopt;
    if (auto url = in.variable("AWS_ENDPOINT_URL_" + std::string(of.variable))) return url;
    if (auto url = in.variable("AWS_ENDPOINT_URL")) return url;
    if (const auto services = profile.find("services")) {
        const auto section = profile.file.find("services " + *services);
        if (section == profile.file.end()) {
            throw_configuration("The profile '" + profile.name + "' names services = " + *services +
                                ", but the config file has no section [services " + *services + "]");
        }
        const auto service = section->second.nested.find(std::string(of.config));
        if (service != section->second.nested.end()) {
            const auto url = service->second.find("endpoint_url");
            if (url != service->second.end() && !url->second.empty()) return url->second;
        }
    }
    return profile.find("endpoint_url");
}

}  // namespace

std::optional<std::string> profile_settings::find(const std::string& key) const {
    auto value = credentials.find(key);
    return value ? value : config.find(key);
}

std::string expand_home(const std::string& path, const environment& in) {
    if (!path.starts_with("~/")) return path;
    if (const auto home = in.variable("HOME")) return *home + path.substr(1);
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> buffer{};
    if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return path;
    return found->pw_dir + path.substr(1);
}

bool is_loopback(std::string_view host) {
    if (host == "localhost" || host == "::1") return true;
    return host.starts_with("127.") &&
           std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

profile_settings find_profile(const client_options& options, const environment& in) {
    profile_settings profile;
    bool named = true;
    if (!options.profile.empty()) {
        profile.name = options.profile;
        profile.chosen_in_code = true;
    } else if (const auto first = in.variable("AWS_PROFILE")) {
        profile.name = *first;
    } else if (const auto second = in.variable("AWS_DEFAULT_PROFILE")) {
        profile.name = *second;
    } else {
        named = false;
    }
    profile.file = read_config(file_path(in, "AWS_CONFIG_FILE", "~/.aws/config"));
    const auto credentials = read_config(file_path(in, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"));
    bool found = false;
    const auto take = [&found](const config_file& from, const std::string& section, config_section& into) {
        const auto at = from.find(section);
        if (at == from.end()) return;
        found = true;
        for (const auto& [key, value] : at->second.values) into.values[key] = value;
        for (const auto& [key, values] : at->second.nested) into.nested[key] = values;
    };
    if (profile.name == "default") take(profile.file, "default", profile.config);
    take(profile.file, "profile " + profile.name, profile.config);
    take(credentials, profile.name, profile.credentials);
    if (named && !found && profile.name != "default")
        throw_configuration("The config profile (" + profile.name + ") could not be found");
    return profile;
}

std::string find_region(const client_options& options, const profile_settings& profile, const environment& in) {
    std::string region = options.region;
    if (region.empty()) region = in.variable("AWS_REGION").value_or("");
    if (region.empty()) region = in.variable("AWS_DEFAULT_REGION").value_or("");
    if (region.empty()) region = profile.find("region").value_or("");
    if (region.empty()) {
        throw_configuration(
            "You must specify a region: set client_options::region, AWS_REGION, or 'region' in the profile '" +
            profile.name + "'.");
    }
    // It becomes part of a host name and of the signature's scope.
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (!std::ranges::all_of(region, fits) || region.size() > 63 || region.front() == '-' || region.back() == '-') {
        throw_configuration("Provided region_name '" + region + "' doesn't match a supported format.");
    }
    return region;
}

endpoint parse_endpoint(std::string_view url) {
    const auto refuse = [url](std::string_view why) {
        throw_configuration("Invalid endpoint '" + std::string(url) + "': " + std::string(why));
    };
    endpoint at;
    // A password may be in it: no error below shows such a URL.
    if (url.contains('@')) throw_configuration("Invalid endpoint: it must not hold '@' (a user name or password)");
    const auto colon = url.find("://");
    if (colon != std::string_view::npos) at.scheme = lowered(url.substr(0, colon));
    if (at.scheme != "http" && at.scheme != "https") refuse("it must begin with http:// or https://");
    const auto rest = url.substr(colon + 3);
    if (rest.find_first_of("?#") != std::string_view::npos) refuse("it must not have a query or fragment");
    if (std::ranges::any_of(rest, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; })) {
        refuse("it has a blank or control character in it");
    }
    const auto slash = std::min(rest.find('/'), rest.size());
    auto authority = lowered(rest.substr(0, slash));
    at.base_path = rest.substr(slash);
    while (at.base_path.ends_with('/')) at.base_path.pop_back();

    std::size_t host_end = 0;
    if (authority.starts_with('[')) {
        host_end = authority.find(']');
        if (host_end == std::string::npos) refuse("the address does not end in ']'");
        at.host = authority.substr(1, host_end - 1);
        ++host_end;
    } else {
        host_end = std::min(authority.find(':'), authority.size());
        at.host = authority.substr(0, host_end);
    }
    if (at.host.empty()) refuse("it has no host");
    if (host_end < authority.size()) {
        const std::string_view port = std::string_view(authority).substr(host_end);
        unsigned value = 0;
        const auto read = std::from_chars(port.data() + 1, port.data() + port.size(), value);
        if (port.front() != ':' || port.size() < 2 || read.ec != std::errc() || read.ptr != port.data() + port.size() ||
            value == 0 || value > 65535) {
            refuse("its port is not a number from 1 to 65535");
        }
        // Who connects to the scheme's own port does not write it into Host (RFC 9110, 4.2.3), and so does not sign it.
        if (value == (at.scheme == "https" ? 443U : 80U)) authority.resize(host_end);
    }
    at.authority = authority;
    return at;
}

endpoint find_endpoint(const client_options& options, const profile_settings& profile, const environment& in,
                       const service_names& of, const std::string& region) {
    if (!options.endpoint_url.empty()) return parse_endpoint(options.endpoint_url);
    if (const auto url = configured_endpoint(profile, in, of)) return parse_endpoint(*url);
    return parse_endpoint("https://" + std::string(of.signing) + "." + region +
                          (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com"));
}

int find_max_attempts(const client_options& options, const profile_settings& profile, const environment& in) {
    const auto mode = in.variable("AWS_RETRY_MODE").value_or(profile.find("retry_mode").value_or("standard"));
    if (mode != "standard" && mode != "legacy" && mode != "adaptive") {
        throw_configuration("Invalid retry mode '" + mode +
                            "': use standard (legacy and adaptive are taken as standard)");
    }
    if (options.max_attempts > 0) return options.max_attempts;
    auto text = in.variable("AWS_MAX_ATTEMPTS");
    if (!text) text = profile.find("max_attempts");
    if (!text) return 3;
    int value = 0;
    const auto read = std::from_chars(text->data(), text->data() + text->size(), value);
    if (read.ec != std::errc() || read.ptr != text->data() + text->size() || value < 1) {
        throw_configuration("Invalid number of attempts '" + *text +
                            "' (AWS_MAX_ATTEMPTS or max_attempts): use a whole number from 1");
    }
    return value;
}

std::string find_ca_file(const client_options& options, const profile_settings& profile, const environment& in) {
    auto chosen = options.ca_file;
    if (chosen.empty()) chosen = in.variable("AWS_CA_BUNDLE").value_or("");
    if (chosen.empty()) chosen = profile.find("ca_bundle").value_or("");
    if (chosen.empty()) chosen = in.variable("SSL_CERT_FILE").value_or("");
    if (!chosen.empty()) {
        chosen = expand_home(chosen, in);
        if (::access(chosen.c_str(), R_OK) != 0) throw_configuration("The CA bundle '" + chosen + "' cannot be read");
        return chosen;
    }
    // Where Debian, Amazon Linux and Red Hat, SUSE, Alpine keep theirs: a libcurl linked on one runs on another.
    for (const char* path :
         {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
          "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"}) {
        if (::access(path, R_OK) == 0) return path;
    }
    return {};
}

}  // namespace borealis::client
