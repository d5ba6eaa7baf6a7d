#pragma once
/// One database value into JSON: as a Field (section 5 of the reference), as ExecuteSql's Value, or plain
///

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "data_api/decode.hpp"
#include "data_api/profile.hpp"
#include "data_api/temporal.hpp"
#include "sql/column.hpp"
#include "sql/row_sink.hpp"

namespace borealis::data_api {

/// Why a value cannot be carried although its type can.
enum class spoilt : std::uint8_t {
    no,
    infinite_moment,    ///< R-2.29
    nested_array,       ///< R-2.28, where the profile refuses it
    unreadable_array,   ///< Not PostgreSQL array text.
    json_number_range,  ///< A number in JSON beyond the range of double.
};

/// Writes the values of one column. Decides once, by type and options, how.
class value_writer {
 public:
    value_writer(const sql::column& of, result_options with, const value_rules& by);

    /// False: AWS refuses the type; the column has its name in `refused_name`. Do not write.
    [[nodiscard]] bool is_supported() const { return supported_; }

    /// Appends `{"longValue":1}`.
    spoilt field(std::string& out, const sql::cell& value);
    /// Appends `{"intValue":1}`.
    spoilt value(std::string& out, const sql::cell& value);
    /// Appends `1`.
    spoilt plain(std::string& out, const sql::cell& value);

 private:
    enum class form : std::uint8_t {
        boolean,
        integer,
        integer_as_text,
        real,
        decimal,
        decimal_as_number,
        text,
        blob,
        bit_blob,
        moment,
        moment_in_utc,
        time_in_utc,
        time_of_day,
        interval,
        year_as_date,
        json,
        nothing,
    };
    enum class member : std::uint8_t { boolean, integer, real, text, blob };
    enum class dress : std::uint8_t { field, value, plain };

    static form form_of(const sql::column& column, result_options with, const value_rules& by);
    static member list_member(form of);

    template <dress Dress>
    spoilt write(std::string& out, const sql::cell& value);
    template <dress Dress>
    spoilt write_scalar(std::string& out, const sql::cell& value);
    template <dress Dress>
    spoilt write_array(std::string& out, const sql::cell& value);
    template <dress Dress>
    spoilt write_list(std::string& out, std::string_view text);
    void append_real(std::string& out, const sql::cell& value, dress as);
    /// `{"longValue":` …; nothing in plain dress.
    template <dress Dress>
    void open(std::string& out, member which) const;
    template <dress Dress>
    void write_integer(std::string& out, const sql::cell& value);
    template <dress Dress>
    void write_number_of_decimal(std::string& out, std::string_view digits);

    value_rules rules_;
    form form_;
    fraction_style fraction_;
    bool supported_;
    bool is_array_;
    char delimiter_;
    bool whole_ = true;  // of decimal_as_number: values without a fraction are longs
    bool longs_as_text_ = false;
    bool wide_ = false;           // of integer: BIGINT
    bool single_ = false;         // of real: float4
    std::size_t bit_octets_ = 0;  // of bit_blob
    std::string scratch_;
};

}  // namespace borealis::data_api
