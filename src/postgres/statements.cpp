#include "postgres/statements.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "sql/lexer.hpp"

namespace borealis::postgres {
namespace {

/// Does the text certainly not write, by its first word? (WITH may, by a data-modifying part.)
bool only_reads(std::string_view text) {
    const auto start = text.find_first_not_of(" \t\r\n(");
    if (start == std::string_view::npos) return true;
    text.remove_prefix(start);
    const auto is = [&](std::string_view word) {
        return text.size() >= word.size() && std::ranges::equal(text.substr(0, word.size()), word, [](char a, char b) {
                   return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
               });
    };
    return is("select") || is("values") || is("table") || is("show");
}

/// Might the sink call this result `guarded`? (driver.hpp)
bool worth_asking(const statement& which) {
    const auto& all = which.columns;
    for (auto it = all.begin(); it != all.end(); ++it) {
        if (!it->refused_name.empty()) return true;
        if (it->is_array && !only_reads(which.text)) return true;
    }
    if (only_reads(which.text)) return false;
    for (auto it = all.begin(); it != all.end(); ++it) {
        if (std::any_of(all.begin(), it, [&](const auto& other) { return other.label == it->label; })) return true;
    }
    return false;
}

/// The first word, if it is bare; brackets before it do not count.
std::string_view first_word(std::string_view text) {
    text = text.substr(0, 1024);
    for (const auto& token : sql::cut(text, sql::dialect::postgresql).all) {
        const auto word = text.substr(token.from, token.to - token.from);
        if (token.is == sql::lexeme::word) return word;
        if (word != "(") break;
    }
    return {};
}

}  // namespace

bool is_planned(std::string_view text) {
    const auto word = first_word(text);
    constexpr std::string_view verbs[] = {"select", "values", "table", "with", "insert", "update", "delete", "merge"};
    return std::ranges::any_of(verbs, [&](std::string_view verb) {
        return std::ranges::equal(word, verb, {}, [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
    });
}

void statement::describe_as(std::span<const result_field> fields, const type_book& book) {
    columns.clear();
    origins.clear();
    for (const auto& field : fields) {
        columns.push_back(book.column_of(field.name, field.type, field.modifier));
        origins.push_back({field.table, field.number, field.modifier});
    }
    described = true;
    full = false;
    asks = worth_asking(*this);
}

bool statement::describes(std::span<const result_field> fields) {
    if (fields.size() != columns.size()) return false;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto& field = fields[i];
        if (columns[i].native_type != field.type || columns[i].label != field.name ||
            origins[i].modifier != field.modifier) {
            return false;
        }
        if (origins[i].table == field.table) continue;
        origins[i].table = field.table;
        origins[i].number = field.number;
        full = false;
    }
    return true;
}

std::size_t statement_cache::hash::operator()(const key& of) const noexcept {
    std::size_t out = std::hash<std::string_view>{}(of.text);
    for (const oid type : of.types) out = out * 31 + type;
    return out;
}

std::shared_ptr<statement> statement_cache::find(std::string_view text, std::span<const oid> types) {
    auto& last = last_.at(text);
    if (last == entries_.end() || (*last)->text != text || !std::ranges::equal((*last)->types, types)) {
        const auto found = index_.find({text, types});
        if (found == index_.end()) return nullptr;
        last = found->second;
    }
    if (last != entries_.begin()) entries_.splice(entries_.begin(), entries_, last);
    return *last;
}

std::shared_ptr<statement> statement_cache::add(std::string_view text, std::span<const oid> types) {
    if (entries_.size() >= capacity_) retire(*entries_.back());
    auto made = unlisted(text, types);
    entries_.push_front(made);
    index_.insert({key{made->text, made->types}, entries_.begin()});
    return made;
}

std::shared_ptr<statement> statement_cache::unlisted(std::string_view text, std::span<const oid> types) {
    auto made = std::make_shared<statement>();
    made->text = text;
    made->types.assign(types.begin(), types.end());
    made->name = fmt::format("borealis_{}", ++names_);
    made->planned = is_planned(text);
    return made;
}

void statement_cache::erase(const statement& which) {
    const auto found = index_.find({which.text, which.types});
    if (found == index_.end() || found->second->get() != &which) return;
    const auto entry = found->second;
    index_.erase(found);
    last_.forget();
    entries_.erase(entry);
}

void statement_cache::retire(const statement& which) {
    to_close_.push_back(which.name);
    erase(which);
}

void statement_cache::clear() {
    index_.clear();
    last_.forget();
    entries_.clear();
    to_close_.clear();
}

}  // namespace borealis::postgres
