#include "lambda/function_table.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "lambda/code_package.hpp"

namespace borealis::lambda {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// How often the code of a declared function is looked at: a program costs one system call, a folder one for each file.
constexpr auto look_at_program_every = 20ms;
constexpr auto look_at_folder_every = 500ms;
constexpr std::size_t most_files_looked_at = 5'000;

std::unexpected<core::error> refuse(std::string text) {
    return core::fail(core::error_kind::validation, std::move(text));
}

void mix(std::uint64_t& into, std::uint64_t value) {  // FNV-1a, a word at a time
    into = (into ^ value) * 0x100000001B3ULL;
}

void mix_file(std::uint64_t& into, const fs::path& file) {
    struct stat seen{};
    if (::stat(file.c_str(), &seen) != 0) return mix(into, 1);
    mix(into, seen.st_ino);
    mix(into, static_cast<std::uint64_t>(seen.st_size));
    mix(into, static_cast<std::uint64_t>(seen.st_mtim.tv_sec));
    mix(into, static_cast<std::uint64_t>(seen.st_mtim.tv_nsec));
    mix(into, seen.st_mode);
}

/// Changes when the code does; never 0.
std::uint64_t fingerprint_of(const function_settings& one) {
    std::uint64_t made = 0xCBF29CE484222325ULL;
    if (!one.program.empty()) {
        mix_file(made, one.program);
    } else if (!one.zip.empty()) {
        mix_file(made, one.zip);
    } else {
        std::error_code ignored;  // a file may go while we look
        std::size_t files = 0;
        for (fs::recursive_directory_iterator each(one.folder, ignored), end;
             each != end && ++files < most_files_looked_at; each.increment(ignored)) {
            mix_file(made, each->path());
        }
    }
    return made == 0 ? 1 : made;
}

core::result<std::string> read_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in.good() && !in.eof())
        return core::fail(core::error_kind::not_found, fmt::format("{} cannot be read.", file.string()));
    return bytes;
}

/// Whole or not at all.
void write_file(const fs::path& file, std::string_view bytes) {
    const auto fresh = fs::path(file) += ".new";
    const auto fail = [&] {
        throw std::runtime_error(fmt::format("{}: {}", file.string(), std::generic_category().message(errno)));
    };
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) fail();
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto written = ::write(fd, bytes.data() + done, bytes.size() - done);
        if (written < 0 && errno != EINTR) {
            ::close(fd);
            fail();
        }
        if (written > 0) done += static_cast<std::size_t>(written);
    }
    const bool kept = ::fsync(fd) == 0;
    ::close(fd);
    if (!kept || ::rename(fresh.c_str(), file.c_str()) != 0) fail();
}

void append_map(std::string& out, std::string_view name, const std::map<std::string, std::string>& all) {
    out += fmt::format(R"(,"{}":{{)", name);
    bool first = true;
    for (const auto& [key, value] : all) {
        if (!std::exchange(first, false)) out += ',';
        json::append_string(out, key);
        out += ':';
        json::append_string(out, value);
    }
    out += '}';
}

std::string to_json(const function_record& one) {
    const auto& with = one.settings;
    std::string out = R"({"name":)";
    json::append_string(out, with.name);
    const auto text = [&out](std::string_view name, std::string_view value) {
        out += fmt::format(R"(,"{}":)", name);
        json::append_string(out, value);
    };
    text("runtime", with.runtime);
    text("handler", with.handler);
    text("description", with.description);
    text("role", with.role);
    text("architecture", with.architecture);
    append_map(out, "environment", with.environment);
    append_map(out, "tags", with.tags);
    out += fmt::format(R"(,"timeout":{},"memory":{},"instances":{},"freeze":{})", with.timeout.count(), with.memory_mb,
                       with.instances, with.freeze == freezing::between_events);
    if (with.reserved_concurrency) out += fmt::format(R"(,"reserved":{})", *with.reserved_concurrency);
    text("revision", one.revision);
    text("sha256", one.code_sha256);
    text("code", one.task_root.filename().string());
    out += fmt::format(R"(,"size":{},"modified":{}}})", one.code_size,
                       std::chrono::duration_cast<std::chrono::milliseconds>(one.modified.time_since_epoch()).count());
    return out;
}

function_record from_json(const json::node& root, const fs::path& folder) {
    if (root.is() != json::kind::object) throw std::runtime_error("is no JSON object");
    function_record made;
    auto& with = made.settings;
    const auto text = [&root](std::string_view name, std::string& into) {
        const auto* found = root.find(name);
        if (found != nullptr && found->is() == json::kind::string) into = found->text();
    };
    const auto number = [&root](std::string_view name, std::int64_t otherwise) {
        const auto* found = root.find(name);
        return found != nullptr && found->is() == json::kind::integer ? found->integer() : otherwise;
    };
    const auto table = [&root](std::string_view name, std::map<std::string, std::string>& into) {
        const auto* found = root.find(name);
        if (found == nullptr || found->is() != json::kind::object) return;
        for (const auto& one : *found)
            if (one.is() == json::kind::string) into.emplace(one.key(), one.text());
    };
    std::string code;
    text("name", with.name);
    text("runtime", with.runtime);
    text("handler", with.handler);
    text("description", with.description);
    text("role", with.role);
    text("architecture", with.architecture);
    table("environment", with.environment);
    table("tags", with.tags);
    with.timeout = std::chrono::seconds(number("timeout", 3));
    with.memory_mb = static_cast<unsigned>(number("memory", 128));
    with.instances = static_cast<unsigned>(number("instances", 16));
    if (const auto* freeze = root.find("freeze");
        freeze != nullptr && freeze->is() == json::kind::boolean && freeze->boolean())
        with.freeze = freezing::between_events;
    if (root.find("reserved") != nullptr) with.reserved_concurrency = static_cast<unsigned>(number("reserved", 0));
    text("revision", made.revision);
    text("sha256", made.code_sha256);
    text("code", code);
    made.code_size = static_cast<std::uint64_t>(number("size", 0));
    made.modified = std::chrono::system_clock::time_point(std::chrono::milliseconds(number("modified", 0)));
    if (const auto good = check(with); !good) throw std::runtime_error(good.error().message);
    if (code.empty() || code.find('/') != std::string::npos) throw std::runtime_error("names no code folder");
    made.task_root = folder / code;
    made.program = made.task_root / "bootstrap";
    if (!fs::exists(made.task_root)) throw std::runtime_error(fmt::format("{} is missing", made.task_root.string()));
    return made;
}

void touch(function_record& one) {
    one.revision = core::random_uuid();
    one.modified = std::chrono::system_clock::now();
}

std::string this_machine() {
#if defined(__aarch64__)
    return "arm64";
#else
    return "x86_64";
#endif
}

}  // namespace

function_table::function_table(fs::path folder) : folder_(std::move(folder)) {
    std::error_code failed;
    fs::remove_all(folder_ / "unpacked", failed);  // of an earlier server
    for (const auto& one : {folder_, folder_ / "functions", folder_ / "unpacked"}) {
        fs::create_directories(one, failed);
        if (failed) throw std::runtime_error(fmt::format("{}: {}", one.string(), failed.message()));
        fs::permissions(one, fs::perms(0755), failed);  // functions may run as another user
    }
    load();
}

void function_table::load() {
    for (const auto& each : fs::directory_iterator(folder_ / "functions")) {
        const auto file = each.path() / "function.json";
        if (!fs::exists(file)) {  // a creation that was cut off
            std::error_code ignored;
            fs::remove_all(each.path(), ignored);
            continue;
        }
        const auto text = read_file(file);
        json::document parser;
        const auto root = text ? parser.parse_copy(*text) : core::fail(text.error().kind, text.error().message);
        try {
            if (!root) throw std::runtime_error(root.error().message);
            auto one = std::make_shared<function_record>(from_json(**root, each.path()));
            for (const auto& code : fs::directory_iterator(each.path())) {  // of updates that were cut off
                if (code.is_directory() && code.path() != one->task_root) {
                    std::error_code ignored;
                    fs::remove_all(code.path(), ignored);
                }
            }
            functions_[one->settings.name] = {.state = one};
        } catch (const std::exception& why) {
            throw std::runtime_error(fmt::format("{}: {}; mend it, or remove the folder", file.string(), why.what()));
        }
    }
}

void function_table::save(const function_record& one) const {
    if (!one.declared) write_file(folder_of(one.settings.name) / "function.json", to_json(one));
}

core::result<function_state> function_table::locate(function_settings one, look& seen) const {
    const auto given = (one.program.empty() ? 0 : 1) + (one.folder.empty() ? 0 : 1) + (one.zip.empty() ? 0 : 1);
    if (given != 1) return refuse(fmt::format("The function {} needs one of program, folder and zip.", one.name));
    auto made = std::make_shared<function_record>();
    made->declared = true;
    std::error_code failed;
    for (auto* path : {&one.program, &one.folder, &one.zip}) {
        if (path->empty()) continue;
        *path = fs::absolute(*path, failed).lexically_normal();
        if (!fs::exists(*path, failed))
            return refuse(
                fmt::format("The function {} has its code in {}, which is not there.", one.name, path->string()));
    }
    if (one.architecture.empty()) one.architecture = this_machine();
    seen.fingerprint = fingerprint_of(one);
    seen.next = std::chrono::steady_clock::now() + (one.folder.empty() ? look_at_program_every : look_at_folder_every);
    if (!one.program.empty()) {
        made->program = one.program;
        made->task_root = one.program.parent_path();
        made->code_size = fs::file_size(one.program, failed);
    } else if (!one.folder.empty()) {
        made->task_root = one.folder;
        made->program = one.folder / "bootstrap";
    } else {
        const auto bytes = read_file(one.zip);
        if (!bytes) return std::unexpected(bytes.error());
        made->task_root = folder_ / "unpacked" / fmt::format("{}-{}", one.name, core::random_alphanumeric(8));
        if (auto done = unpack(*bytes, made->task_root); !done)
            return refuse(fmt::format("{}: {}", one.zip.string(), done.error().message));
        made->program = made->task_root / "bootstrap";
        made->code_size = bytes->size();
        made->code_sha256 = code_sha256(*bytes);
    }
    made->settings = std::move(one);
    touch(*made);
    return made;
}

core::result<function_state> function_table::declare(function_settings one) {
    if (auto good = check(one); !good) return std::unexpected(good.error());
    entry fresh;
    const auto name = one.name;
    auto made = locate(std::move(one), fresh.seen);
    if (!made) return made;
    fresh.state = *made;
    const std::scoped_lock held(lock_);
    functions_[name] = std::move(fresh);
    return made;
}

void function_table::keep_declared(const std::vector<std::string>& names) {
    const std::scoped_lock held(lock_);
    std::erase_if(functions_, [&](const auto& one) {
        return one.second.state->declared && std::ranges::find(names, one.first) == names.end();
    });
}

function_state function_table::find(std::string_view name) const {
    const std::scoped_lock held(lock_);
    const auto found = functions_.find(name);
    return found == functions_.end() ? nullptr : found->second.state;
}

function_state function_table::current(std::string_view name) {
    const std::scoped_lock held(lock_);
    const auto found = functions_.find(name);
    if (found == functions_.end()) return nullptr;
    auto& [state, seen] = found->second;
    const auto now = std::chrono::steady_clock::now();
    if (!state->declared || now < seen.next) return state;
    const auto& with = state->settings;
    seen.next = now + (with.folder.empty() ? look_at_program_every : look_at_folder_every);
    if (fingerprint_of(with) == seen.fingerprint) return state;
    look fresh;
    if (auto made = locate(with, fresh)) {
        core::log(core::log_level::info, "function {}: its code has changed", with.name);
        found->second = {.state = *made, .seen = fresh};
    }  // else it is being replaced: the next call looks again, and this one meets what is there
    return found->second.state;
}

std::vector<function_state> function_table::list() const {
    const std::scoped_lock held(lock_);
    std::vector<function_state> all;
    all.reserve(functions_.size());
    for (const auto& [name, one] : functions_) all.push_back(one.state);
    return all;
}

core::result<void> function_table::place_code(function_record& into, std::string_view zip_bytes) const {
    if (zip_bytes.size() > largest_zip)
        return refuse(fmt::format("Zip file size must be smaller than {} bytes", largest_zip));
    const auto folder = folder_of(into.settings.name);
    const auto root = folder / ("code-" + core::random_alphanumeric(12));
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) return core::fail(core::error_kind::internal, fmt::format("{}: {}", folder.string(), failed.message()));
    fs::permissions(folder, fs::perms(0755), failed);
    if (auto done = unpack(zip_bytes, root); !done) return done;
    into.task_root = root;
    into.program = root / "bootstrap";
    into.code_sha256 = code_sha256(zip_bytes);
    into.code_size = zip_bytes.size();
    return {};
}

core::result<function_state> function_table::create(function_settings one, std::string_view zip_bytes) {
    if (auto good = check(one); !good) return std::unexpected(good.error());
    const std::scoped_lock held(lock_);
    if (functions_.contains(one.name)) {
        return core::fail(core::error_kind::already_exists, fmt::format("Function already exist: {}", one.name));
    }
    if (one.architecture.empty()) one.architecture = "x86_64";
    auto made = std::make_shared<function_record>();
    made->settings = std::move(one);
    made->settings.program = made->settings.folder = made->settings.zip = fs::path();
    if (auto placed = place_code(*made, zip_bytes); !placed) {
        std::error_code ignored;
        fs::remove_all(folder_of(made->settings.name), ignored);
        return std::unexpected(placed.error());
    }
    touch(*made);
    save(*made);
    functions_[made->settings.name] = {.state = made};
    return made;
}

core::result<function_state> function_table::update_code(std::string_view name, std::string_view zip_bytes) {
    const std::scoped_lock held(lock_);
    const auto found = functions_.find(name);
    if (found == functions_.end()) return core::fail(core::error_kind::not_found, std::string(name));
    if (found->second.state->declared) {
        return core::fail(
            core::error_kind::forbidden,
            fmt::format("The function {} is declared by this server's configuration: change its code there.", name));
    }
    auto made = std::make_shared<function_record>(*found->second.state);
    const auto before = made->task_root;
    if (auto placed = place_code(*made, zip_bytes); !placed) return std::unexpected(placed.error());
    touch(*made);
    save(*made);
    found->second.state = made;
    // Processes that run have their program open; what they load later comes from the new code's folder or fails, as
    // they are ended after their call.
    std::error_code ignored;
    fs::remove_all(before, ignored);
    return made;
}

core::result<function_state> function_table::update_settings(function_settings changed) {
    if (auto good = check(changed); !good) return std::unexpected(good.error());
    const std::scoped_lock held(lock_);
    const auto found = functions_.find(changed.name);
    if (found == functions_.end()) return core::fail(core::error_kind::not_found, changed.name);
    auto made = std::make_shared<function_record>(*found->second.state);
    changed.program = made->settings.program;
    changed.folder = made->settings.folder;
    changed.zip = made->settings.zip;
    made->settings = std::move(changed);
    touch(*made);
    save(*made);
    found->second.state = made;
    return made;
}

core::result<void> function_table::remove(std::string_view name) {
    const std::scoped_lock held(lock_);
    const auto found = functions_.find(name);
    if (found == functions_.end()) return core::fail(core::error_kind::not_found, std::string(name));
    const bool uploaded = found->second.state->uploaded();
    functions_.erase(found);
    if (uploaded) {
        std::error_code failed;
        fs::remove(folder_of(name) / "function.json", failed);  // first: what is left is then no function
        fs::remove_all(folder_of(name), failed);
        if (failed) core::log(core::log_level::warning, "{}: {}", folder_of(name).string(), failed.message());
    }
    return {};
}

}  // namespace borealis::lambda
