#include "data_api/result_writer.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "core/give_back.hpp"
#include "data_api/metadata_writer.hpp"
#include "json/writer.hpp"

namespace borealis::data_api {
namespace {

using core::error_kind;

constexpr std::size_t megabyte = 1024 * 1024;

// R-3.4: what a row costs beside its values.
constexpr std::size_t row_cost(std::size_t columns) { return 2 + 4 * columns; }

std::string size_text(std::size_t limit) {
    return limit % megabyte == 0 ? fmt::format("{} MB", limit / megabyte) : fmt::format("{} bytes", limit);
}

core::error size_error(const profile& as) {  // R-2.24, R-2.25
    return {error_kind::unsupported_result,
            fmt::format(fmt::runtime(as.texts.result_too_large), size_text(as.result_bytes))};
}

bool has_duplicates(std::span<const sql::column> columns) {
    std::unordered_set<std::string_view> seen;
    for (const auto& column : columns)
        if (!seen.insert(column.label).second) return true;
    return false;
}

/// How many ids a statement's answer names (R-8.2).
std::size_t generated_by(const sql::outcome& of, const profile& as) {
    if (of.last_insert_id == 0 || of.has_rows) return 0;  // R-8.6: rows are dropped, and their ids
    const auto rows = static_cast<std::size_t>(std::max<std::int64_t>(of.affected, 1));
    // Where all would pass the limit the first stands for them: what is inserted is not taken back for its ids.
    const bool fit = rows <= as.result_bytes / (row_cost(1) + sizeof of.last_insert_id);
    return as.lists_every_generated_id && fit ? rows : 1;
}

void append_generated(std::string& out, const sql::outcome& of, const profile& as) {
    out += R"("generatedFields":[)";
    const auto count = generated_by(of, as);
    for (std::size_t at = 0; at < count; ++at) {
        const auto id = of.last_insert_id + at;
        if (at > 0) out += ',';
        if (id > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            fmt::format_to(std::back_inserter(out), R"({{"stringValue":"{}"}})", id);
        } else {
            out += R"({"longValue":)";
            json::append_unsigned(out, id);
            out += '}';
        }
    }
    out += ']';
}

}  // namespace

result_writer::result_writer(const profile& as, const request& wanted, statement what)
    : profile_(as),
      options_(wanted.options),
      describe_(wanted.include_result_metadata),
      formatted_(wanted.records_as_json),
      statement_(what) {}

sql::reception result_writer::columns(std::span<const sql::column> all) {
    has_columns_ = true;
    writers_.reserve(all.size());
    for (const auto& column : all) {
        const auto& made = writers_.emplace_back(column, options_, profile_.values);
        if (!made.is_supported() && unsupported_.empty())
            unsupported_ = column.refused_name.empty() ? column.type_name : column.refused_name;
        if (!formatted_) continue;
        auto& key = keys_.emplace_back();
        json::append_string(key, column.label);
        key += ':';
    }
    if (formatted_) {
        if (has_duplicates(all))  // R-7.8
            trouble_ = core::error{error_kind::unsupported_result, "The result contains duplicate column names."};
        formatted_body_ = "[";
    } else {
        body_.reserve(512);
        body_ = "{";
        if (describe_) {
            body_ += R"("columnMetadata":)";
            append_column_metadata(body_, all, profile_);
            body_ += ',';
        }
        body_ += R"("numberOfRecordsUpdated":0,"records":[)";  // R-1.20, R-1.28
    }
    guarded_ = trouble_ || !unsupported_.empty();
    return guarded_ ? sql::reception::guarded : sql::reception::plain;
}

sql::flow result_writer::row(std::span<const sql::cell> cells, std::size_t wire_bytes) {
    if (abandoned_) return sql::flow::more;
    if (guarded_) {  // only now: without a row there is no unsupported type (R-5.31)
        if (!trouble_)
            trouble_ = core::error{error_kind::unsupported_result,
                                   fmt::format("The result contains the unsupported data type {}.", unsupported_)};
        return sql::flow::stop;
    }
    if (trouble_) return sql::flow::more;
    if (++rows_ > profile_.result_rows && profile_.result_rows != 0)
        return refuse(error_kind::unsupported_result,
                      fmt::format("The result exceeds the limit of {} rows.", profile_.result_rows));
    bytes_ += wire_bytes;
    if (auto why = size_error(wire_bytes, bytes_, profile_)) {
        too_large_ = true;
        return refuse(why->kind, std::move(why->message));
    }
    const auto problem = formatted_ ? write_object(cells) : write_fields(cells);
    if (problem != spoilt::no) return refuse(problem);
    if (formatted_body_.size() > profile_.formatted_bytes)  // R-3.6
        return refuse(error_kind::unsupported_result, fmt::format(fmt::runtime(profile_.texts.formatted_too_large),
                                                                  size_text(profile_.formatted_bytes)));
    return sql::flow::more;
}

void result_writer::abandon() {
    abandoned_ = true;
    core::give_back(body_);
    core::give_back(formatted_body_);
}

std::string result_writer::finish(const sql::outcome& of) {
    if (!has_columns_) {
        std::string made = "{";
        append_generated(made, of, profile_);
        made += R"(,"numberOfRecordsUpdated":)";
        json::append_integer(made, of.affected);
        made += '}';
        return made;
    }
    if (!formatted_) {
        body_ += "]}";
        return std::move(body_);
    }
    formatted_body_ += ']';
    std::string made = R"({"formattedRecords":)";
    made.reserve(formatted_body_.size() + formatted_body_.size() / 4 + 64);
    json::append_string(made, formatted_body_);
    made += R"(,"numberOfRecordsUpdated":0})";
    return made;
}

sql::flow result_writer::refuse(error_kind kind, std::string text) {
    trouble_ = core::error{kind, std::move(text)};
    core::give_back(body_);
    core::give_back(formatted_body_);
    return statement_ == statement::writes ? sql::flow::more : sql::flow::stop;
}

sql::flow result_writer::refuse(spoilt why) {
    // No 5xx for what may have been written, or the client's SDK repeats it (R-1.34).
    if (why == spoilt::infinite_moment && statement_ == statement::reads)
        return refuse(error_kind::internal_failure, {});  // R-2.29
    auto error = carried_error(why);
    return refuse(error.kind, std::move(error.message));
}

spoilt result_writer::write_fields(std::span<const sql::cell> cells) {
    body_ += any_row_ ? ",[" : "[";
    any_row_ = true;
    for (std::size_t at = 0; at < cells.size(); ++at) {
        if (at > 0) body_ += ',';
        if (const auto problem = writers_[at].field(body_, cells[at]); problem != spoilt::no) return problem;
    }
    body_ += ']';
    return spoilt::no;
}

spoilt result_writer::write_object(std::span<const sql::cell> cells) {
    formatted_body_ += any_row_ ? ",{" : "{";
    any_row_ = true;
    for (std::size_t at = 0; at < cells.size(); ++at) {
        if (at > 0) formatted_body_ += ',';
        formatted_body_ += keys_[at];
        if (const auto problem = writers_[at].plain(formatted_body_, cells[at]); problem != spoilt::no) return problem;
    }
    formatted_body_ += '}';
    return spoilt::no;
}

core::result<std::string> batch_body(std::span<const sql::outcome> outcomes, const profile& as) {
    std::string made = R"({"updateResults":[)";
    std::size_t bytes = 0;
    for (bool first = true; const auto& each : outcomes) {
        made += first ? "{" : ",{";
        first = false;
        append_generated(made, each, as);
        made += '}';
        bytes += generated_by(each, as) * (row_cost(1) + sizeof each.last_insert_id);
        if (bytes > as.result_bytes) return std::unexpected(size_error(as));
    }
    made += "]}";
    return made;
}

std::optional<core::error> size_error(std::size_t row, std::size_t all, const profile& as) {
    if (as.row_bytes != 0 && row > as.row_bytes)  // R-2.26
        return core::error{error_kind::unsupported_result,
                           fmt::format(fmt::runtime(as.texts.row_too_large), row, as.row_bytes)};
    if (all > as.result_bytes) return size_error(as);
    return std::nullopt;
}

core::error carried_error(spoilt why) {
    switch (why) {
        case spoilt::nested_array:
            return {error_kind::unsupported_result, "The result contains a multidimensional array."};
        case spoilt::json_number_range:
            return {error_kind::unsupported_result, "The result contains a JSON number that is out of range."};
        case spoilt::infinite_moment:
            return {error_kind::unsupported_result, "The result contains an infinite date or timestamp."};
        case spoilt::unreadable_array:
        case spoilt::no:
            break;
    }
    return {error_kind::unsupported_result, "The result contains an array that cannot be read."};
}

}  // namespace borealis::data_api
