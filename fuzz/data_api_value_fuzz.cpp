/// Any bytes as a database's text of a value of any type: what is written must be JSON, as a Field and plain.
/// Input: the type, the form of the cell and the options, one byte each, then the text.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "data_api/value_writer.hpp"
#include "json/document.hpp"

namespace {

namespace api = borealis::data_api;
namespace sql = borealis::sql;

void demand(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    sql::column column;
    column.type = static_cast<sql::type_class>(data[0] % (static_cast<unsigned>(sql::type_class::other) + 1));
    column.is_array = (data[1] & 1) != 0;
    column.scale = (data[2] & 4) != 0 ? 2 : 0;
    const auto& rules = ((data[2] & 8) != 0 ? api::aws_v1 : (data[2] & 16) != 0 ? api::relaxed : api::aws_v2).values;
    api::value_writer writer(column, {.decimals_as_numbers = (data[2] & 1) != 0, .longs_as_text = (data[2] & 2) != 0},
                             rules);
    if (!writer.is_supported()) return 0;
    sql::cell cell;
    const bool bytes = (data[1] & 2) != 0 && column.type == sql::type_class::bytes;
    cell.is = bytes ? sql::cell::form::bytes : sql::cell::form::text;
    cell.text = {reinterpret_cast<const char*>(data + 3), size - 3};
    borealis::json::document document;
    std::string out;
    if (writer.field(out, cell) == api::spoilt::no) demand(document.parse_copy(out).has_value());
    out.clear();
    if (writer.plain(out, cell) == api::spoilt::no) demand(document.parse_copy(out).has_value());
    return 0;
}
