#include "server/environment.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace borealis::server {
namespace {

namespace fs = std::filesystem;

std::string read_first_line(const fs::path& from) {
    std::ifstream in(from);
    std::string line;
    if (!in || !std::getline(in, line))
        throw std::runtime_error(fmt::format("cannot read a secret from {}", from.string()));
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

}  // namespace

core::secret_text read_secret_file(const fs::path& file) { return core::secret_text(read_first_line(file)); }

core::secret_text resolve_secret(std::string_view text, const fs::path& folder, const environment& variables) {
    if (text.starts_with("env:")) {
        const std::string name(text.substr(4));
        const char* value = variables(name.c_str());
        if (value == nullptr) throw std::runtime_error(fmt::format("the environment variable {} is not set", name));
        return core::secret_text(value);
    }
    if (text.starts_with("file:")) return read_secret_file(folder / std::string(text.substr(5)));
    if (text.starts_with("text:")) text.remove_prefix(5);
    return core::secret_text(std::string(text));
}

environment process_environment() {
    return [](const char* name) -> const char* { return std::getenv(name); };
}

}  // namespace borealis::server
