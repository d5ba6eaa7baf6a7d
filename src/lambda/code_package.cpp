#include "lambda/code_package.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "auth/signature.hpp"
#include "core/base64.hpp"

namespace borealis::lambda {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_entries = 100'000;
constexpr std::size_t longest_link = 4096;

struct closes {
    void operator()(zip_t* archive) const { ::zip_discard(archive); }
    void operator()(zip_file_t* file) const { ::zip_fclose(file); }
};

std::unexpected<core::error> refuse(std::string text) {
    return core::fail(core::error_kind::validation, std::move(text));
}

std::unexpected<core::error> not_a_zip() {
    return refuse("Could not unzip uploaded file. Please check your file, then try to upload again.");
}

/// A relative path without `..`, or an empty one.
fs::path inner_path(std::string_view name) {
    if (name.empty() || name.front() == '/' || name.find('\\') != std::string_view::npos ||
        name.find('\0') != std::string_view::npos)
        return {};
    fs::path made;
    for (const auto& part : fs::path(name)) {
        if (part == "..") return {};
        if (part != "." && !part.empty()) made /= part;
    }
    return made;
}

/// Whether a link at `at` (relative to the root) that says `target` stays below the root.
bool stays_inside(const fs::path& at, const fs::path& target) {
    if (target.empty() || target.is_absolute()) return false;
    int depth = 0;
    for (const auto& part : at.parent_path() / target) {
        if (part == "..") {
            if (--depth < 0) return false;
        } else if (part != "." && !part.empty()) {
            ++depth;
        }
    }
    return true;
}

/// No part of the way to `inner` is a link: what is written there lies where it seems to.
bool way_is_plain(const fs::path& root, const fs::path& inner) {
    fs::path at = root;
    for (const auto& part : inner.parent_path()) {
        at /= part;
        std::error_code ignored;  // then it is not there yet
        if (fs::is_symlink(fs::symlink_status(at, ignored))) return false;
    }
    return true;
}

core::result<void> unpack_all(zip_t* archive, const fs::path& into) {
    std::uint64_t total = 0;
    const auto count = ::zip_get_num_entries(archive, 0);
    if (count <= 0) return refuse("Uploaded file must be a non-empty zip");
    if (count > most_entries) return refuse(fmt::format("The zip has more than {} entries.", most_entries));
    std::vector<char> piece(64 * 1024);
    for (std::int64_t i = 0; i < count; ++i) {
        const auto index = static_cast<zip_uint64_t>(i);
        const char* raw = ::zip_get_name(archive, index, ZIP_FL_ENC_GUESS);
        if (raw == nullptr) return not_a_zip();
        const std::string_view name(raw);
        const auto inner = inner_path(name);
        if (inner.empty()) {
            if (name == "./") continue;
            return refuse(
                fmt::format("The zip has an entry `{}`, which leads outside of the function's folder.", name));
        }
        const auto target = into / inner;
        if (!way_is_plain(into, inner)) return not_a_zip();
        zip_uint8_t system = 0;
        zip_uint32_t attributes = 0;
        ::zip_file_get_external_attributes(archive, index, 0, &system, &attributes);
        const mode_t mode = system == ZIP_OPSYS_UNIX ? attributes >> 16U : 0;
        std::error_code failed;
        if (name.back() == '/' || S_ISDIR(mode)) {
            fs::create_directories(target, failed);
            if (failed) return core::fail(core::error_kind::internal, failed.message());
            continue;
        }
        fs::create_directories(target.parent_path(), failed);
        if (failed) return not_a_zip();
        const std::unique_ptr<zip_file_t, closes> file(::zip_fopen_index(archive, index, 0));
        if (!file) return not_a_zip();
        if (S_ISLNK(mode)) {
            std::string link(longest_link, '\0');
            const auto got = ::zip_fread(file.get(), link.data(), link.size());
            if (got <= 0) return not_a_zip();
            link.resize(static_cast<std::size_t>(got));
            if (!stays_inside(inner, link)) {
                return refuse(
                    fmt::format("The zip has a link `{}`, which leads outside of the function's folder.", name));
            }
            fs::create_symlink(link, target, failed);
            if (failed) return not_a_zip();
            continue;
        }
        const int fd = ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) return not_a_zip();
        const auto closed = [fd](core::result<void> with) {
            ::close(fd);
            return with;
        };
        while (true) {
            const auto got = ::zip_fread(file.get(), piece.data(), piece.size());
            if (got < 0) return closed(not_a_zip());
            if (got == 0) break;
            total += static_cast<std::uint64_t>(got);
            if (total > largest_code)
                return closed(refuse(fmt::format("Unzipped size must be smaller than {} bytes", largest_code)));
            for (zip_int64_t done = 0; done < got;) {
                const auto written = ::write(fd, piece.data() + done, static_cast<std::size_t>(got - done));
                if (written < 0 && errno == EINTR) continue;
                if (written < 0) {
                    return closed(
                        core::fail(core::error_kind::internal,
                                   fmt::format("{}: {}", target.string(), std::generic_category().message(errno))));
                }
                done += written;
            }
        }
        ::fchmod(fd, 0444U | (mode & 0111U) | 0200U);
        ::close(fd);
    }
    return {};
}

}  // namespace

core::result<void> unpack(std::string_view bytes, const fs::path& into) {
    if (bytes.empty()) return refuse("Uploaded file must be a non-empty zip");
    zip_error_t failed;
    ::zip_error_init(&failed);
    zip_source_t* source = ::zip_source_buffer_create(bytes.data(), bytes.size(), 0, &failed);
    std::unique_ptr<zip_t, closes> archive(
        source == nullptr ? nullptr : ::zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &failed));
    if (!archive && source != nullptr) ::zip_source_free(source);
    ::zip_error_fini(&failed);
    if (!archive) return not_a_zip();

    std::error_code wrong;
    fs::create_directories(into, wrong);
    if (wrong) return core::fail(core::error_kind::internal, fmt::format("{}: {}", into.string(), wrong.message()));
    fs::permissions(into, fs::perms(0755), wrong);
    auto done = unpack_all(archive.get(), into);
    if (!done) fs::remove_all(into, wrong);
    return done;
}

std::string code_sha256(std::string_view bytes) {
    const auto digest = auth::sha256(bytes);
    std::string text;
    core::append_base64(text, {reinterpret_cast<const char*>(digest.data()), digest.size()});
    return text;
}

}  // namespace borealis::lambda
