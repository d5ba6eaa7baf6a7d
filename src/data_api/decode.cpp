#include "data_api/decode.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "core/base64.hpp"
#include "core/give_back.hpp"
#include "data_api/array_parameter.hpp"
#include "data_api/json_text.hpp"
#include "sql/rewrite.hpp"

namespace borealis::data_api {
namespace {

using core::error_kind;
using json::kind;
using json::node;

constexpr std::size_t echoed_characters = 100;
/// A request that was larger gives its memory back before the next one.
constexpr std::size_t kept_parameters = 4096;

constexpr bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Unicode code points of UTF-8 text.
std::size_t characters(std::string_view text) {
    return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues_character));
}

/// What of a value goes into an error text.
std::string echo(std::string_view value) {
    if (value.size() <= echoed_characters) return std::string(value);
    auto size = echoed_characters;
    while (continues_character(value[size])) --size;
    return std::string(value.substr(0, size)) + "...";
}

struct length {
    std::size_t least = 0, most = std::numeric_limits<std::size_t>::max();
};
constexpr length arn_length{11, 570};
constexpr length database_length{0, 64};
constexpr length transaction_length{0, 192};

enum class presence : bool { optional, required };

/// In the order of `member`.
constexpr std::array<std::string_view, 15> member_names = {"resourceArn",
                                                           "secretArn",
                                                           "database",
                                                           "sql",
                                                           "parameters",
                                                           "transactionId",
                                                           "includeResultMetadata",
                                                           "continueAfterTimeout",
                                                           "formatRecordsAs",
                                                           "resultSetOptions",
                                                           "parameterSets",
                                                           "schema",
                                                           "dbClusterOrInstanceArn",
                                                           "awsSecretStoreArn",
                                                           "sqlStatements"};
constexpr std::string_view name_of(member which) { return member_names[static_cast<std::size_t>(which)]; }

std::string too_long(std::string_view value, std::string_view path, std::size_t most) {
    return fmt::format(
        "Value '{}' at '{}' failed to satisfy constraint: Member must have length less than or equal to {}",
        echo(value), path, most);
}

core::error constraint_error(std::string_view violations, std::size_t count) {
    return {error_kind::validation,
            fmt::format("{} validation error{} detected: {}", count, count == 1 ? "" : "s", violations)};
}

/// Collects what is wrong with one body. The first wrong type wins over all constraints, these over the first refusal.
class decoder {
 public:
    decoder(request& into, const profile& as) : into_(into), as_(as) {}

    core::result<void> read(operation what, const named_members& body) {
        if (!body.of_object()) return core::fail(error_kind::serialization, "The body must be a JSON object");
        if (what == operation::execute_sql) {
            into_.resource_arn = text(body, member::cluster_arn, presence::required, arn_length);
            into_.secret_arn = text(body, member::secret_store_arn, presence::required, arn_length);
            into_.sql = text(body, member::sql_statements, presence::required, {0, as_.sql_characters});
            into_.database = text(body, member::database, presence::optional, database_length);
            text(body, member::schema, presence::optional, database_length);
            return verdict();
        }
        into_.resource_arn = text(body, member::resource_arn, presence::required, arn_length);
        into_.secret_arn = text(body, member::secret_arn, presence::required, arn_length);
        const bool ends = what == operation::commit_transaction || what == operation::rollback_transaction;
        const bool runs = what == operation::execute_statement || what == operation::batch_execute_statement;
        if (runs) into_.sql = text(body, member::sql, presence::required, {0, as_.sql_characters});  // R-3.2
        if (!ends) {
            into_.database = text(body, member::database, presence::optional, database_length);
            const auto schema = text(body, member::schema, presence::optional, database_length);
            if (!schema.empty() && !as_.ignores_schema)          // R-10.7: "" counts as absent
                refuse("The schema parameter isn't supported");  // R-2.15
        }
        if (what != operation::begin_transaction)
            into_.transaction_id =
                text(body, member::transaction_id, ends ? presence::required : presence::optional, transaction_length);
        if (what == operation::execute_statement) read_execute(body);
        if (what == operation::batch_execute_statement) read_sets(body);
        return verdict();
    }

 private:
    // ---- what was wrong

    void wrong_type(std::string_view path, std::string_view expected) {
        if (!wrong_type_) wrong_type_ = fmt::format("The value of '{}' must be {}", path, expected);
    }
    void violation(std::string_view text) {
        if (violation_count_++ > 0) violations_ += "; ";
        violations_ += text;
    }
    void refuse(std::string text) {
        if (!refused_) refused_ = std::move(text);
    }

    core::result<void> verdict() {
        if (wrong_type_) return core::fail(error_kind::serialization, std::move(*wrong_type_));
        if (violation_count_ > 0) return std::unexpected(constraint_error(violations_, violation_count_));
        if (refused_) return core::fail(error_kind::validation, std::move(*refused_));
        return {};
    }

    // ---- members

    std::string_view text(const named_members& of, member which, presence wanted, length allowed) {
        const node* const found = of[which];
        const auto name = name_of(which);
        if (found == nullptr) {
            if (wanted == presence::required)
                violation(
                    fmt::format("Value null at '{}' failed to satisfy constraint: Member must not be null", name));
            return {};
        }
        if (found->is() != kind::string) {
            wrong_type(name, "a string");
            return {};
        }
        const auto value = found->text();
        if (value.size() > allowed.most && characters(value) > allowed.most)
            violation(too_long(value, name, allowed.most));
        else if (value.size() < 4 * allowed.least && characters(value) < allowed.least)
            violation(fmt::format(
                "Value '{}' at '{}' failed to satisfy constraint: Member must have length greater than or equal to {}",
                echo(value), name, allowed.least));
        return value;
    }

    bool flag(const named_members& of, member which) {
        const node* const found = of[which];
        if (found == nullptr) return false;
        if (found->is() != kind::boolean) {
            wrong_type(name_of(which), "a boolean");
            return false;
        }
        return found->boolean();
    }

    void not_in_enum(std::string_view value, std::string_view path, std::string_view members) {
        violation(
            fmt::format("Value '{}' at '{}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                        echo(value), path, members));
    }

    /// True for `second` of two enum members; false for `first`, or when there is none.
    bool either(const node* found, std::string_view path, std::string_view first, std::string_view second) {
        if (found == nullptr || found->is() == kind::null) return false;
        if (found->is() != kind::string) {
            wrong_type(path, "a string");
            return false;
        }
        if (found->text() == second) return true;
        if (found->text() != first) not_in_enum(found->text(), path, fmt::format("{}, {}", first, second));
        return false;
    }

    // ---- ExecuteStatement and BatchExecuteStatement

    void read_execute(const named_members& body) {
        into_.include_result_metadata = flag(body, member::include_result_metadata);
        into_.continue_after_timeout = flag(body, member::continue_after_timeout);
        into_.records_as_json = either(body[member::format_records_as], "formatRecordsAs", "NONE", "JSON");
        if (const node* const options = body[member::result_set_options]) {
            if (options->is() == kind::object) {
                into_.options.decimals_as_numbers =
                    either(options->find("decimalReturnType"), "resultSetOptions.decimalReturnType", "STRING",
                           "DOUBLE_OR_LONG");
                into_.options.longs_as_text =
                    either(options->find("longReturnType"), "resultSetOptions.longReturnType", "LONG", "STRING");
            } else {
                wrong_type("resultSetOptions", "an object");
            }
        }
        const node* const list = body[member::parameters];
        if (list == nullptr) return;
        if (list->is() != kind::array) return wrong_type("parameters", "an array");
        into_.parameters.reserve(list->size());
        read_list(*list);
    }

    void read_sets(const named_members& body) {
        const node* const sets = body[member::parameter_sets];
        if (sets == nullptr) return;
        if (sets->is() != kind::array) return wrong_type("parameterSets", "an array");
        into_.set_ends.reserve(sets->size());
        for (const node& set : *sets) {
            ++set_;
            if (set.is() != kind::array) return wrong_type(fmt::format("parameterSets.{}.member", set_), "an array");
            read_list(set);
            into_.set_ends.push_back(into_.parameters.size());
        }
    }

    void read_list(const node& list) {
        index_ = 0;
        for (const node& each : list) {
            ++index_;
            if (each.is() == kind::object)
                read_parameter(each);
            else
                wrong_type(place(), "an object");
        }
    }

    /// Where the parameter stands, in the form of AWS's constraint texts.
    [[nodiscard]] std::string place(std::string_view below = {}) const {
        auto path = set_ == 0 ? fmt::format("parameters.{}.member", index_)
                              : fmt::format("parameterSets.{}.member.{}.member", set_, index_);
        if (!below.empty()) path.append(".").append(below);
        return path;
    }

    void read_parameter(const node& from) {
        named_parameter& made = into_.parameters.emplace_back();
        const node* value = nullptr;
        for (const node& member : from) {
            if (member.is() == kind::null) continue;
            if (member.key() == "name") {
                if (member.is() == kind::string)
                    made.name = member.text();
                else
                    wrong_type(place("name"), "a string");
            } else if (member.key() == "typeHint") {
                if (member.is() != kind::string)
                    wrong_type(place("typeHint"), "a string");
                else if (const auto hint = find_type_hint(member.text()))
                    made.hint = *hint;
                else
                    not_in_enum(member.text(), place("typeHint"), "JSON, UUID, TIMESTAMP, DATE, TIME, DECIMAL");
            } else if (member.key() == "value") {
                if (member.is() == kind::object)
                    value = &member;
                else
                    wrong_type(place("value"), "an object");
            }
        }
        if (!sql::is_parameter_name(made.name))  // R-2.16, R-4.11
            refuse(fmt::format("Named parameter syntax is invalid, input: {}", echo(made.name)));
        read_value(value, made);
    }

    void read_value(const node* value, named_parameter& into) {
        std::size_t members = 0;
        bool is_null_false = false, is_text = false;
        if (value != nullptr) {
            for (const node& member : *value) {
                if (member.is() == kind::null) continue;
                const auto key = member.key();
                ++members;
                if (key == "stringValue") {
                    if (expect(member, kind::string, "a string"))
                        into.value = {type_of_strings(), member.text()}, is_text = true;
                } else if (key == "longValue") {
                    if (expect(member, kind::integer, "an integer from -9223372036854775808 to 9223372036854775807"))
                        into.value = {sql::parameter_type::int8, member.integer()};
                } else if (key == "doubleValue") {
                    read_double(member, into.value);
                } else if (key == "booleanValue") {
                    if (expect(member, kind::boolean, "a boolean"))
                        into.value = {sql::parameter_type::boolean, member.boolean()};
                } else if (key == "isNull") {
                    if (expect(member, kind::boolean, "a boolean")) is_null_false = !member.boolean();
                    into.value = {};
                } else if (key == "blobValue") {
                    read_blob(member, into.value);
                } else if (key == "arrayValue") {
                    if (expect(member, kind::object, "an object")) read_array(member, into);
                } else {
                    --members;  // R-1.24
                }
            }
        }
        if (members != 1)  // R-4.11
            refuse(fmt::format("The value of parameter {} must have exactly one member, such as stringValue or isNull",
                               echo(into.name)));
        else if (is_null_false)
            refuse(fmt::format("The value of parameter {} must not be isNull: false", echo(into.name)));
        if (is_text)
            apply_hint(into);
        else
            into.hint = type_hint::none;
    }

    [[nodiscard]] sql::parameter_type type_of_strings() const {
        switch (as_.strings) {
            case string_binding::varchar:
                return sql::parameter_type::varchar;
            case string_binding::inferred:
                return sql::parameter_type::untyped;
            case string_binding::text:
                break;
        }
        return sql::parameter_type::text;
    }

    void read_array(const node& member, named_parameter& into) {
        if (!as_.binds_arrays) return refuse(std::string(as_.texts.array_parameters));  // R-2.17, R-2.18
        into.array = &member;
        if (auto checked = check_array(member); !checked) wrong_type(place("value.arrayValue"), checked.error());
    }

    bool expect(const node& member, kind wanted, std::string_view words) {
        if (member.is() == wanted) return true;
        wrong_type(place(fmt::format("value.{}", member.key())), words);
        return false;
    }

    void read_double(const node& member, sql::parameter& into) {
        into.type = sql::parameter_type::float8;
        if (member.is() == kind::integer || member.is() == kind::real) {
            if (std::isfinite(member.real())) {
                into.value = member.real();
                return;
            }
        } else if (member.is() == kind::string) {  // R-1.26
            using limits = std::numeric_limits<double>;
            into.value = member.text() == "NaN"
                             ? limits::quiet_NaN()
                             : (member.text() == "-Infinity" ? -limits::infinity() : limits::infinity());
            if (member.text() == "NaN" || member.text() == "Infinity" || member.text() == "-Infinity") return;
        }
        wrong_type(place("value.doubleValue"), R"(a number that a double can hold, "NaN", "Infinity" or "-Infinity")");
    }

    void read_blob(const node& member, sql::parameter& into) {
        if (!expect(member, kind::string, "a string")) return;
        auto bytes = core::decode_base64(member.text());
        if (!bytes)
            return wrong_type(place("value.blobValue"), "base64 (RFC 4648, section 4) with its padding");  // R-1.25
        into = {sql::parameter_type::bytes, std::string_view(into_.made.emplace_back(*std::move(bytes)))};
    }

    void apply_hint(named_parameter& to) {
        if (to.hint == type_hint::none) return;
        const auto given = std::get<std::string_view>(to.value.value);
        to.value.type = bound_type(to.hint);
        bool good = fits(to.hint, given);
        if (!good && as_.takes_iso_moments) {
            if (auto plain = plain_moment(to.hint, given)) {
                to.value.value = std::string_view(into_.made.emplace_back(*std::move(plain)));
                good = true;
            }
        }
        if (to.hint == type_hint::json && as_.binds_json_as_is) {
            to.value.type = sql::parameter_type::plain_json;
        } else if (to.hint == type_hint::json) {  // R-4.35
            std::string compact;
            good = append_compact(compact, given) == compacting::done;
            to.value.value = std::string_view(into_.made.emplace_back(std::move(compact)));
        }
        if (!good) refuse(fmt::format("Invalid value for type hint {}: {}", name_of(to.hint), echo(given)));  // R-4.31
    }

    request& into_;
    const profile& as_;
    std::optional<std::string> wrong_type_, refused_;
    std::string violations_;
    std::size_t violation_count_ = 0;
    std::size_t set_ = 0, index_ = 0;  // from 1, as AWS counts; no set outside a batch
};

}  // namespace

void request::clear() {
    resource_arn = secret_arn = sql = database = transaction_id = {};
    parameters.clear();
    set_ends.clear();
    made.clear();
    if (parameters.capacity() > kept_parameters) core::give_back(parameters);
    if (set_ends.capacity() > kept_parameters) core::give_back(set_ends);
    options = {};
    include_result_metadata = continue_after_timeout = records_as_json = false;
}

std::span<const named_parameter> request::set(std::size_t index) const {
    const auto begin = index == 0 ? 0 : set_ends[index - 1];
    return std::span(parameters).subspan(begin, set_ends[index] - begin);
}

named_members::named_members(const json::node& root) : of_object_(root.is() == kind::object) {
    static_assert(member_names.size() == count);
    if (!of_object_) return;
    for (const node& each : root) {
        const auto known = std::ranges::find(member_names, each.key());
        if (known == member_names.end()) continue;
        found_[static_cast<std::size_t>(known - member_names.begin())] = each.is() == kind::null ? nullptr : &each;
    }
}

core::result<void> decode(operation what, const named_members& body, const profile& as, request& into) {
    into.clear();
    return decoder(into, as).read(what, body);
}

std::string_view resource_named_in(operation what, const named_members& body) {
    const auto* const found = body[what == operation::execute_sql ? member::cluster_arn : member::resource_arn];
    return found == nullptr || found->is() != kind::string ? std::string_view() : found->text();
}

}  // namespace borealis::data_api
