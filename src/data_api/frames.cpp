#include "data_api/frames.hpp"

#include <utility>

#include <fmt/format.h>

#include "data_api/metadata_writer.hpp"
#include "data_api/result_writer.hpp"
#include "json/writer.hpp"

namespace borealis::data_api {

sql::reception shared_writer::columns(std::span<const sql::column> all) {
    for (const auto& column : all) {
        writers_.emplace_back(column, result_options{}, profile_.values);
        if (!writers_.back().is_supported() && !trouble_)
            trouble_ =
                core::error{core::error_kind::unsupported_result,
                            fmt::format("The result contains the unsupported data type {}.", column.refused_name)};
    }
    begin(all);
    return sql::reception::plain;
}

sql::flow shared_writer::row(std::span<const sql::cell> cells, std::size_t wire_bytes) {
    if (trouble_) return sql::flow::more;
    bytes_ += wire_bytes;
    trouble_ = size_error(wire_bytes, bytes_, profile_);
    if (trouble_) return sql::flow::more;
    if (const auto problem = add(cells); problem != spoilt::no) trouble_ = carried_error(problem);
    return sql::flow::more;
}

void frame_writer::begin(std::span<const sql::column> all) {
    has_columns_ = true;
    columns_ = all.size();
    append_column_metadata(metadata_, all, as());
}

spoilt frame_writer::add(std::span<const sql::cell> cells) {
    records_ += records_.empty() ? R"({"values":[)" : R"(,{"values":[)";
    for (std::size_t at = 0; at < cells.size(); ++at) {
        if (at > 0) records_ += ',';
        if (const auto problem = writers()[at].value(records_, cells[at]); problem != spoilt::no) return problem;
    }
    records_ += "]}";
    return spoilt::no;
}

std::string frame_writer::finish(const sql::outcome& of) {
    std::string made = R"({"numberOfRecordsUpdated":)";
    json::append_integer(made, of.affected);
    if (has_columns_) {
        made += R"(,"resultFrame":{"records":[)";
        made.append(std::exchange(records_, {})).append(R"(],"resultSetMetadata":{"columnCount":)");
        json::append_unsigned(made, columns_);
        made.append(R"(,"columnMetadata":)").append(metadata_).append("}}");
    }
    return made + '}';
}

spoilt inserted_writer::add(std::span<const sql::cell> cells) {
    for (std::size_t at = 0; at < cells.size(); ++at) {
        if (!fields_.empty()) fields_ += ',';
        if (const auto problem = writers()[at].field(fields_, cells[at]); problem != spoilt::no) return problem;
    }
    return spoilt::no;
}

}  // namespace borealis::data_api
