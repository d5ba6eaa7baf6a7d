#pragma once
/// Parameters in the form libpq sends.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "postgres/handles.hpp"
#include "sql/failure.hpp"
#include "sql/parameter.hpp"

namespace borealis::postgres {

/// The parameters of one execution, in libpq's arrays. Kept by the session, so that steady use allocates nothing.
/// Text, bytes, int8, float8 and boolean travel in binary form with their length (so a zero byte reaches the server,
/// which refuses it in its own words, R-4.24); what the server parses from text (date, numeric, jsonb, uuid …) as text.
class binding {
 public:
    /// Takes the values over; text and bytes stay views into `parameters`.
    /// @return A failure, as the server would put it, for a zero byte in a value that travels as text, or for more
    /// values
    ///         than the protocol can number.
    sql::result<void> bind(std::span<const sql::parameter> parameters);

    /// Some types are left to the server to infer, and have another to fall back on.
    [[nodiscard]] bool infers() const { return !fallbacks_.empty(); }
    /// Declares those after all.
    void use_fallbacks();

    [[nodiscard]] int count() const { return static_cast<int>(types_.size()); }
    [[nodiscard]] std::span<const oid> types() const { return types_; }
    [[nodiscard]] const char* const* values() const { return values_.data(); }
    [[nodiscard]] const int* lengths() const { return lengths_.data(); }
    [[nodiscard]] const int* formats() const { return formats_.data(); }
    /// About as many octets as the values take on the wire.
    [[nodiscard]] std::size_t octets() const { return octets_; }

 private:
    struct fallback {
        std::size_t at;
        oid type;
    };

    std::vector<oid> types_;
    std::vector<fallback> fallbacks_;
    std::vector<const char*> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
    std::vector<std::size_t> offsets_;  // of values that live in scratch_, which may move while it grows
    std::string scratch_;
    std::size_t octets_ = 0;
};

}  // namespace borealis::postgres
