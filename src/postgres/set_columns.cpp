#include "postgres/set_columns.hpp"

#include "postgres/protocol.hpp"

namespace borealis::postgres {
namespace {

constexpr int as_text = 0;
constexpr int as_binary = 1;

/// Of the types that `binding` declares, but for arrays; 0 for others.
oid array_of(oid type) {
    switch (type) {
        case 16:
            return 1000;
        case 17:
            return 1001;
        case 20:
            return 1016;
        case 25:
            return 1009;
        case 114:
            return 199;
        case 701:
            return 1022;
        case 1043:
            return 1015;
        case 1082:
            return 1182;
        case 1083:
            return 1183;
        case 1114:
            return 1115;
        case 1700:
            return 1231;
        case 2950:
            return 2951;
        case 3802:
            return 3807;
        default:
            return 0;
    }
}

/// PostgreSQL manual 8.15.6: in double quotes all is taken as it is but for these two.
void append_quoted(std::string& to, std::string_view value) {
    to.push_back('"');
    for (const char c : value) {
        if (c == '"' || c == '\\') to.push_back('\\');
        to.push_back(c);
    }
    to.push_back('"');
}

}  // namespace

void set_columns::append_null(column& to) {
    if (to.format == as_binary) {
        append32(to.elements, 0xffff'ffff);
    } else {
        to.elements.append(to.elements.empty() ? "NULL" : ",NULL");
    }
}

bool set_columns::add(const binding& set) {
    if (static_cast<std::size_t>(set.count()) != columns_.size()) return false;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        auto& column = columns_[i];
        const char* const value = set.values()[i];
        const oid type = set.types()[i];
        if (value == nullptr) {
            if (column.format == -1) {
                ++column.nulls;
            } else {
                append_null(column);
            }
            continue;
        }
        const int format = set.formats()[i];
        if (column.format == -1) {
            if (array_of(type) == 0) return false;
            column.type = type;
            column.format = format;
            for (; column.nulls > 0; --column.nulls) append_null(column);
        } else if (type != column.type || format != column.format) {
            return false;
        }
        const std::string_view octets(value, static_cast<std::size_t>(set.lengths()[i]));
        if (format == as_binary) {
            append32(column.elements, static_cast<std::uint32_t>(octets.size()));
            column.elements.append(octets);
        } else {
            if (!column.elements.empty()) column.elements.push_back(',');
            append_quoted(column.elements, octets);
        }
    }
    octets_ += set.octets();
    ++rows_;
    return true;
}

std::vector<oid> set_columns::types() const {
    std::vector<oid> made;
    for (const auto& each : columns_) {
        if (each.format == -1) return {};
        made.push_back(array_of(each.type));
    }
    return made;
}

void set_columns::append_bind(std::string& to, std::string_view portal, std::string_view statement) const {
    std::vector<bound_array> all;
    for (const auto& each : columns_)
        all.push_back({.is_text = each.format == as_text, .element = each.type, .elements = each.elements});
    postgres::append_bind(to, portal, statement, all, rows_);
}

}  // namespace borealis::postgres
