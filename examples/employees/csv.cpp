#include "csv.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include <fmt/format.h>

#include "json/writer.hpp"

namespace employees {

std::vector<std::vector<std::string>> read_csv(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::vector<std::vector<std::string>> records;
    std::vector<std::string> record;
    std::string field;
    std::size_t line = 1;
    bool quoted = false, was_quoted = false;
    const auto end_field = [&] {
        record.push_back(std::move(field));
        field.clear();
        was_quoted = false;
    };
    const auto end_record = [&] {
        const bool empty_line = record.empty() && field.empty() && !was_quoted;
        if (!empty_line) {
            end_field();
            records.push_back(std::move(record));
            record.clear();
        }
        ++line;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '"' && text.substr(i + 1).starts_with('"')) {
                field += '"';
                ++i;
            } else if (c == '"') {
                quoted = false;
            } else {
                field += c;
                if (c == '\n') ++line;
            }
        } else if (c == '"') {
            if (!field.empty() || was_quoted)
                throw std::invalid_argument(fmt::format("line {}: a quote inside an unquoted field", line));
            quoted = was_quoted = true;
        } else if (c == ',') {
            end_field();
        } else if (c == '\n') {
            end_record();
        } else if (c == '\r' && text.substr(i + 1).starts_with('\n')) {
            // The line feed ends the record.
        } else if (was_quoted) {
            throw std::invalid_argument(fmt::format("line {}: text behind a closing quote", line));
        } else {
            field += c;
        }
    }
    if (quoted) throw std::invalid_argument(fmt::format("line {}: a quote is never closed", line));
    end_record();
    return records;
}

std::string employees_of_csv(std::string_view text) {
    const auto records = read_csv(text);
    const auto column = [&records](std::string_view name) {
        const auto found = records.empty()
                               ? std::size_t{0}
                               : static_cast<std::size_t>(std::ranges::find(records[0], name) - records[0].begin());
        if (records.empty() || found == records[0].size()) {
            throw std::invalid_argument(
                fmt::format("the first line must name the columns EmpId and EmpName; {} is missing", name));
        }
        return found;
    };
    const auto id = column("EmpId"), name = column("EmpName");
    std::string out = "[";
    for (std::size_t i = 1; i < records.size(); ++i) {
        if (records[i].size() <= std::max(id, name)) {
            throw std::invalid_argument(
                fmt::format("record {} has {} fields, which is too few", i + 1, records[i].size()));
        }
        out += i > 1 ? R"(,{"EmpId":)" : R"({"EmpId":)";
        borealis::json::append_string(out, records[i][id]);
        out += R"(,"EmpName":)";
        borealis::json::append_string(out, records[i][name]);
        out += '}';
    }
    return out += ']';
}

}  // namespace employees
