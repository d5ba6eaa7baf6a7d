/// What a hostile server sends, read whole and read in pieces: both must yield the same messages, every view must lie
/// within its message, and what is said of the end of an answer must be true.
/// Input: one byte that seeds the cuts, then the stream.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "postgres/protocol.hpp"

namespace {

namespace postgres = borealis::postgres;
namespace sql = borealis::sql;

void demand(bool holds) {
    if (!holds) std::abort();
}

bool within(std::string_view inner, std::string_view outer) {
    return inner.empty() ||
           (inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size());
}

std::string told(const postgres::message& what) {
    std::string out = fmt::format("{} {} ", what.type, what.body.size());
    switch (what.type) {
        case 'E':
        case 'N':
            if (const auto error = postgres::read_error(what.body)) {
                out += fmt::format("{} {} {} {} {} {} {} {}", error->what.severity.view(), error->what.sqlstate,
                                   error->what.message, error->what.detail.view(), error->what.hint.view(),
                                   error->what.where.view(), error->what.position, error->stale);
                demand(error->what.sqlstate.size() <= what.body.size() || error->what.sqlstate == "XX000");
            }
            break;
        case 'T': {
            std::vector<postgres::result_field> fields;
            if (!postgres::read_row_description(what.body, fields)) break;
            demand(fields.size() * 19 <= what.body.size());
            for (const auto& one : fields) {
                out += fmt::format("{} {} {} {} {},", one.name, one.table, one.number, one.type, one.modifier);
            }
            break;
        }
        case 'D': {
            const int count = postgres::count_columns(what.body);
            if (count < 0) break;
            std::vector<sql::cell> cells(static_cast<std::size_t>(count));
            if (!postgres::read_row(what.body, cells)) break;
            std::size_t octets = 2;
            for (const auto& one : cells) {
                demand(within(one.text, what.body));
                octets += 4 + one.text.size();
                out.append(one.is == sql::cell::form::null ? "NULL" : one.text).append(",");
            }
            demand(octets == what.body.size());
            break;
        }
        case 'C':
            if (const auto tag = postgres::read_command_tag(what.body)) out.append(*tag);
            break;
        case 'Z':
            if (const auto status = postgres::read_ready(what.body)) out.push_back(*status);
            break;
        default:
            break;
    }
    return out + "\n";
}

template <class Piece>
std::string read(std::string_view bytes, Piece piece) {
    postgres::message_reader in;
    std::string out;
    while (!bytes.empty() && !in.failed()) {
        const auto room = in.prepare();
        demand(room.size() >= 1024 && room.size() <= 2 * (bytes.size() + in.unread()) + 128UL * 1024);
        const auto length = std::min({room.size(), bytes.size(), piece()});
        bytes.copy(room.data(), length);
        in.commit(length);
        bytes.remove_prefix(length);
        for (;;) {
            const bool ends = in.holds_end();
            const auto next = in.next();
            if (!next) {
                demand(!ends);
                break;
            }
            demand(next->type != 'Z' || ends);
            out += told(*next);
        }
    }
    return out + (in.failed() ? "failed" : fmt::format("{} left", in.unread()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    std::uint32_t seed = data[0];
    const auto whole = read(bytes, [] { return std::size_t{SIZE_MAX}; });
    demand(read(bytes, [] { return std::size_t{1}; }) == whole);
    demand(read(bytes, [&] {
               seed = seed * 1664525U + 1013904223U;
               return std::size_t{1} + (seed >> 24U) % 48;
           }) == whole);
    return 0;
}
