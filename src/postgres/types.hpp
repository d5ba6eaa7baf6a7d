#pragma once
/// PostgreSQL's types as result columns: sections 5.2 and 6 of the Data API reference.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "postgres/handles.hpp"
#include "sql/column.hpp"

namespace borealis::postgres {

/// A type that is not built in, as pg_type describes it.
struct catalogue_type {
    std::string name;      ///< typname
    char kind = 'b';       ///< typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange
    oid element = 0;       ///< Of a true array (its output function is array_out); else 0.
    oid base = 0;          ///< Of a domain; else 0.
    char delimiter = ',';  ///< typdelim
};

/// What a session has learnt about types that are not built in. OIDs are not used again, so entries stay true.
class type_book {
 public:
    /// Built in, or learnt before, and the types it leads to as well.
    [[nodiscard]] bool knows(oid type) const;
    void learn(oid type, catalogue_type what);
    [[nodiscard]] std::size_t size() const { return learnt_.size(); }
    void forget() { learnt_.clear(); }

    /// Describes a column of the type. An unknown type is text.
    /// @param modifier  pg_attribute.atttypmod, -1 for none: length, or precision and scale.
    [[nodiscard]] sql::column column_of(std::string_view label, oid type, int modifier) const;

 private:
    std::unordered_map<oid, catalogue_type> learnt_;
};

/// Asks for the types of an OID list ($1, as oid[] text) and all they lead to: oid, typname, typtype, element, base,
/// delimiter.
extern const char* const types_query;

}  // namespace borealis::postgres
