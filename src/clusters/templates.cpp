#include "clusters/templates.hpp"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "core/log.hpp"

namespace borealis::clusters {

namespace fs = std::filesystem;

fs::path template_store::find(const flavour& kind, const installation& of, const account& who, const folder_maker& make,
                              const runner& run) {
    const std::lock_guard only_one(making_);
    const auto ready = folder_ / fmt::format("{}-{}", kind.name(), of.version);
    struct stat about{};
    if (::stat((ready / "data").c_str(), &about) == 0) {
        if (about.st_uid == who.user) return ready / "data";
        fs::remove_all(ready);  // of a time when databases ran as somebody else
    }
    fs::create_directories(folder_);
    fs::permissions(folder_, fs::perms(0711));
    const auto draft = folder_ / fmt::format(".making-{}-{}", kind.name(), of.version);
    fs::remove_all(draft);
    fs::create_directory(draft);
    fs::permissions(draft, fs::perms(0711));
    const site at{.data = draft / "data", .run = draft / "run", .temporary = draft / "tmp"};
    make(at.data);
    make(at.temporary);
    for (const auto& each : kind.template_creation(of, at)) run(each);
    sync_file_system(draft);
    fs::rename(draft, ready);
    core::log(core::log_level::info, "a template for clusters of {} {} is made", kind.name(), of.version);
    return ready / "data";
}

}  // namespace borealis::clusters
