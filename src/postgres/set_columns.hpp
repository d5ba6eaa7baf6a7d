#pragma once
/// The sets of a batch turned: each parameter's values as one array.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/binding.hpp"
#include "postgres/handles.hpp"

namespace borealis::postgres {

/// Takes sets whose parameters have one type each, NULL being of any.
class set_columns {
 public:
    explicit set_columns(std::size_t parameters) : columns_(parameters) {}

    /// @return False where the set's types are others, or of those that have no array; then all of it is void.
    [[nodiscard]] bool add(const binding& set);

    [[nodiscard]] std::size_t rows() const { return rows_; }
    [[nodiscard]] std::size_t octets() const { return octets_; }
    /// Of the arrays; empty where a parameter is NULL in each set, so that its type is open.
    [[nodiscard]] std::vector<oid> types() const;
    /// Binds a portal of its own name.
    void append_bind(std::string& to, std::string_view portal, std::string_view statement) const;

 private:
    struct column {
        oid type = 0;
        int format = -1;        // not known before the first value
        std::size_t nulls = 0;  // before the first value
        std::string elements;   // as they stand in the array
    };

    static void append_null(column& to);

    std::vector<column> columns_;
    std::size_t rows_ = 0;
    std::size_t octets_ = 0;
};

}  // namespace borealis::postgres
