#include "data_api/metadata_writer.hpp"

#include "json/writer.hpp"

namespace borealis::data_api {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view value) {
    out.append(name);
    json::append_string(out, value);
}

void append_member(std::string& out, std::string_view name, bool value) {
    out.append(name).append(value ? "true" : "false");
}

void append_member(std::string& out, std::string_view name, int value) {
    out.append(name);
    json::append_integer(out, value);
}

}  // namespace

void append_column_metadata(std::string& out, std::span<const sql::column> columns, const profile& as) {
    out += '[';
    for (bool first = true; const auto& column : columns) {
        if (!first) out += ',';
        first = false;
        out += R"({"arrayBaseColumnType":0)";  // R-6.13
        append_member(out, R"(,"isAutoIncrement":)", column.is_auto_increment);
        append_member(out, R"(,"isCaseSensitive":)", column.is_case_sensitive);
        append_member(out, R"(,"isCurrency":)", column.is_currency);
        append_member(out, R"(,"isSigned":)", column.is_signed);
        append_member(out, R"(,"label":)", std::string_view(column.label));
        append_member(out, R"(,"name":)", std::string_view(column.name));
        append_member(out, R"(,"nullable":)", column.nullable == 2 ? as.nullable_of_expressions : column.nullable);
        append_member(out, R"(,"precision":)", column.precision);
        append_member(out, R"(,"scale":)", column.scale);
        out += R"(,"schemaName":"")";  // R-6.5
        append_member(out, R"(,"tableName":)", std::string_view(column.table));
        append_member(out, R"(,"type":)", column.jdbc_type);
        const bool by_jdbc = as.jdbc_type_names && !column.jdbc_type_name.empty();
        append_member(out, R"(,"typeName":)", std::string_view(by_jdbc ? column.jdbc_type_name : column.type_name));
        out += '}';
    }
    out += ']';
}

}  // namespace borealis::data_api
