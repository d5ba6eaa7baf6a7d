/// What a hostile server answers to our own commands: whole or cut into pieces it must come to the same, every cell
/// must lie within its packet or our own memory, and the outline must say of each packet what the reading of it does.
/// Input: one byte that chooses what was asked, one that seeds the cuts, then the stream.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "mysql/answers.hpp"

namespace {

namespace mysql = borealis::mysql;
namespace sql = borealis::sql;

void demand(bool holds) {
    if (!holds) std::abort();
}

class telling_sink final : public sql::row_sink {
 public:
    sql::reception columns(std::span<const sql::column> all) override {
        for (const auto& one : all)
            told += fmt::format("[{} {} {} {}]", one.label, one.type_name, one.precision, one.scale);
        return sql::reception::plain;
    }
    sql::flow row(std::span<const sql::cell> cells, std::size_t octets) override {
        for (const auto& one : cells) {
            using form = sql::cell::form;
            told += fmt::format("{}", static_cast<int>(one.is));
            if (one.is == form::text || one.is == form::bytes) told.append(one.text).append(",");
            if (one.is == form::integer || one.is == form::unsigned_integer)
                told += fmt::format("{},", one.unsigned_integer);
        }
        return (given += octets) > 4096 ? sql::flow::stop : sql::flow::more;
    }
    std::string told;
    std::size_t given = 0;
};

/// All that is made of the stream, when it comes in pieces of up to `most` octets.
std::string read(std::uint8_t kind, std::string_view stream, std::size_t most) {
    telling_sink sink;
    mysql::row_shape shape;
    mysql::execution rows(shape, sink, kind % 2 == 0);
    mysql::preparation made;
    mysql::replies several(3);
    mysql::one_reply one;
    mysql::answer* const all[] = {&rows, &made, &several, &one};
    mysql::answer& to = *all[kind / 2 % 4];
    mysql::outline outline;
    std::string pending, whole, told;
    auto how = mysql::answer::progress::more;
    while (how == mysql::answer::progress::more && !stream.empty()) {
        const auto some = stream.substr(0, most);
        stream.remove_prefix(some.size());
        pending += some;
        std::string_view left = pending;
        while (how == mysql::answer::progress::more) {
            const auto packet = mysql::take_packet(left, whole);
            if (!packet) break;
            how = to.take(*packet);
            told += fmt::format("{} {};", packet->size(), static_cast<int>(how));
            if (&to != &rows) continue;
            const auto part = outline.next(*packet);
            demand(part != mysql::outline::part::nonsense || how == mysql::answer::progress::nonsense);
            demand((how == mysql::answer::progress::whole) <= outline.whole());
        }
        pending.erase(0, pending.size() - left.size());
    }
    if (to.error()) told += fmt::format("{} {} {}", to.error()->code, to.error()->sqlstate, to.error()->message);
    return told + sink.told + fmt::format("{} {}", made.made.statement, several.got.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
    demand(read(data[0], stream, stream.size() + 1) == read(data[0], stream, 1 + data[1] % 16));
    return 0;
}
