#include "client/shapes.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "client/failure.hpp"
#include "core/base64.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace borealis::client {
namespace {

/// Members of one object, with their commas and names.
class object_writer {
 public:
    object_writer(std::string& out, std::string_view operation) : out_(out), operation_(operation) { out_ += '{'; }
    object_writer(const object_writer&) = delete;
    object_writer& operator=(const object_writer&) = delete;

    std::string& member(std::string_view name) {
        if (!std::exchange(first_, false)) out_ += ',';
        out_ += '"';
        out_ += name;
        out_ += "\":";
        return out_;
    }
    void text(std::string_view name, std::string_view value) {
        if (!is_utf8(value))
            throw_invalid_request(operation_, "The text of '" + std::string(name) + "' is not valid UTF-8");
        json::append_string(member(name), value);
    }
    /// Left out where it is empty.
    void optional_text(std::string_view name, std::string_view value) {
        if (!value.empty()) text(name, value);
    }
    void flag(std::string_view name) { member(name) += "true"; }
    void end() { out_ += '}'; }

 private:
    std::string& out_;
    std::string_view operation_;
    bool first_ = true;
};

template <class List, class Each>
void append_list(std::string& out, const List& list, Each each) {
    out += '[';
    for (bool first = true; const auto& one : list) {
        if (!std::exchange(first, false)) out += ',';
        each(one);
    }
    out += ']';
}

void append_array(std::string& out, std::string_view operation, const array_value& array) {
    std::visit(
        [&]<class List>(const List& list) {
            if constexpr (std::is_same_v<List, std::monostate>) {
                out += "null";
            } else {
                object_writer object(out, operation);
                if constexpr (std::is_same_v<List, array_value::arrays>) {
                    object.member("arrayValues");
                    append_list(out, list, [&](const array_value& one) { append_array(out, operation, one); });
                } else {
                    using element = typename List::value_type::value_type;
                    object.member(std::is_same_v<element, bool>           ? "booleanValues"
                                  : std::is_same_v<element, std::int64_t> ? "longValues"
                                  : std::is_same_v<element, double>       ? "doubleValues"
                                                                          : "stringValues");
                    append_list(out, list, [&](const auto& one) {
                        if (!one) {
                            out += "null";
                        } else if constexpr (std::is_same_v<element, bool>) {
                            out += *one ? "true" : "false";
                        } else if constexpr (std::is_same_v<element, std::int64_t>) {
                            json::append_integer(out, *one);
                        } else if constexpr (std::is_same_v<element, double>) {
                            json::append_double(out, *one);
                        } else {
                            if (!is_utf8(*one))
                                throw_invalid_request(operation, "A text in an array is not valid UTF-8");
                            json::append_string(out, *one);
                        }
                    });
                }
                object.end();
            }
        },
        array.elements);
}

void append_field(std::string& out, std::string_view operation, const parameter& of) {
    object_writer object(out, operation);
    std::visit(
        [&]<class Value>(const Value& value) {
            if constexpr (std::is_same_v<Value, std::monostate>) {
                object.flag("isNull");
            } else if constexpr (std::is_same_v<Value, bool>) {
                object.member("booleanValue") += value ? "true" : "false";
            } else if constexpr (std::is_same_v<Value, std::int64_t>) {
                json::append_integer(object.member("longValue"), value);
            } else if constexpr (std::is_same_v<Value, double>) {
                json::append_double(object.member("doubleValue"), value);
            } else if constexpr (std::is_same_v<Value, std::string>) {
                if (!is_utf8(value)) {
                    throw_invalid_request(operation, "The text of the parameter '" + of.name +
                                                         "' is not valid UTF-8; send bytes as a blob");
                }
                json::append_string(object.member("stringValue"), value);
            } else if constexpr (std::is_same_v<Value, blob>) {
                object.member("blobValue") += '"';
                core::append_base64(out, {reinterpret_cast<const char*>(value.data()), value.size()});
                out += '"';
            } else {
                append_array(object.member("arrayValue"), operation, value);
            }
        },
        of.value.value());
    object.end();
}

std::string_view name_of(type_hint hint) {
    switch (hint) {
        case type_hint::json:
            return "JSON";
        case type_hint::uuid:
            return "UUID";
        case type_hint::timestamp:
            return "TIMESTAMP";
        case type_hint::date:
            return "DATE";
        case type_hint::time:
            return "TIME";
        case type_hint::decimal:
            return "DECIMAL";
    }
    std::unreachable();
}

void append_parameters(std::string& out, std::string_view operation, const std::vector<parameter>& parameters) {
    append_list(out, parameters, [&](const parameter& one) {
        object_writer object(out, operation);
        object.text("name", one.name);
        object.member("value");
        append_field(out, operation, one);
        if (one.hint) object.text("typeHint", name_of(*one.hint));
        object.end();
    });
}

void append_target(object_writer& object, const database_target& target) {
    object.text("resourceArn", target.resource_arn);
    object.text("secretArn", target.secret_arn);
    object.optional_text("database", target.database);
    object.optional_text("schema", target.schema);
}

[[noreturn]] void refuse(std::string text) { throw std::invalid_argument(std::move(text)); }

const json::node& root_of(json::document& document, std::string_view body) {
    const auto root = document.parse_copy(body);
    if (!root) refuse("it is not JSON: " + root.error().message);
    if ((*root)->is() != json::kind::object) refuse("it is no JSON object");
    return **root;
}

/// The member where it is there and not null, checked for its kind.
const json::node* find(const json::node& in, std::string_view name, json::kind kind) {
    const auto* found = in.find(name);
    if (found == nullptr || found->is() == json::kind::null) return nullptr;
    if (found->is() != kind) refuse("its member '" + std::string(name) + "' has the wrong JSON type");
    return found;
}

std::string text_of(const json::node& in, std::string_view name) {
    const auto* found = find(in, name, json::kind::string);
    return found == nullptr ? std::string() : std::string(found->text());
}

std::int64_t number_of(const json::node& in, std::string_view name, std::int64_t otherwise) {
    const auto* found = find(in, name, json::kind::integer);
    return found == nullptr ? otherwise : found->integer();
}

bool flag_of(const json::node& in, std::string_view name) {
    const auto* found = find(in, name, json::kind::boolean);
    return found != nullptr && found->boolean();
}

void expect(const json::node& of, json::kind kind) {
    if (of.is() != kind) refuse("the value of '" + std::string(of.key()) + "' has the wrong JSON type");
}

/// Numbers, and the three texts for what numbers cannot say.
double double_of(const json::node& of) {
    if (of.is() == json::kind::integer || of.is() == json::kind::real) return of.real();
    if (of.is() == json::kind::string && of.text() == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (of.is() == json::kind::string && of.text() == "Infinity") return std::numeric_limits<double>::infinity();
    if (of.is() == json::kind::string && of.text() == "-Infinity") return -std::numeric_limits<double>::infinity();
    refuse("the value of '" + std::string(of.key()) + "' is no number");
}

template <class List, class Each>
List list_of(const json::node& of, Each each) {
    expect(of, json::kind::array);
    List list;
    list.reserve(of.size());
    for (const auto& one : of) {
        if (one.is() == json::kind::null) {
            list.emplace_back();
        } else {
            list.emplace_back(each(one));
        }
    }
    return list;
}

array_value array_of(const json::node& of) {
    expect(of, json::kind::object);
    for (const auto& member : of) {
        if (member.is() == json::kind::null) continue;
        if (member.key() == "booleanValues") {
            return {list_of<array_value::booleans>(member, [](const json::node& one) {
                expect(one, json::kind::boolean);
                return one.boolean();
            })};
        }
        if (member.key() == "longValues") {
            return {list_of<array_value::longs>(member, [](const json::node& one) {
                expect(one, json::kind::integer);
                return one.integer();
            })};
        }
        if (member.key() == "doubleValues") return {list_of<array_value::doubles>(member, double_of)};
        if (member.key() == "stringValues") {
            return {list_of<array_value::strings>(member, [](const json::node& one) {
                expect(one, json::kind::string);
                return std::string(one.text());
            })};
        }
        if (member.key() == "arrayValues") return {list_of<array_value::arrays>(member, array_of)};
        refuse("an array has the unknown member '" + std::string(member.key()) + "'");
    }
    refuse("an array has no member");
}

field field_of(const json::node& of) {
    expect(of, json::kind::object);
    for (const auto& member : of) {
        const auto name = member.key();
        if (member.is() == json::kind::null) continue;
        if (name == "stringValue") {
            expect(member, json::kind::string);
            return member.text();
        }
        if (name == "longValue") {
            expect(member, json::kind::integer);
            return member.integer();
        }
        if (name == "isNull") {
            expect(member, json::kind::boolean);
            if (member.boolean()) return {};
            continue;
        }
        if (name == "booleanValue") {
            expect(member, json::kind::boolean);
            return member.boolean();
        }
        if (name == "doubleValue") return double_of(member);
        if (name == "blobValue") {
            expect(member, json::kind::string);
            const auto bytes = core::decode_base64(member.text());
            if (!bytes) refuse("a blobValue is not base64");
            return std::span(reinterpret_cast<const std::byte*>(bytes->data()), bytes->size());
        }
        if (name == "arrayValue") return array_of(member);
        refuse("a field has the unknown member '" + std::string(name) + "'");
    }
    refuse("a field has no value");
}

std::vector<field> fields_of(const json::node& of) {
    expect(of, json::kind::array);
    std::vector<field> fields;
    fields.reserve(of.size());
    for (const auto& one : of) fields.push_back(field_of(one));
    return fields;
}

column_metadata column_of(const json::node& of) {
    expect(of, json::kind::object);
    return {.name = text_of(of, "name"),
            .label = text_of(of, "label"),
            .type_name = text_of(of, "typeName"),
            .schema_name = text_of(of, "schemaName"),
            .table_name = text_of(of, "tableName"),
            .type = number_of(of, "type", 0),
            .precision = number_of(of, "precision", 0),
            .scale = number_of(of, "scale", 0),
            .nullable = number_of(of, "nullable", 2),
            .array_base_column_type = number_of(of, "arrayBaseColumnType", 0),
            .is_auto_increment = flag_of(of, "isAutoIncrement"),
            .is_signed = flag_of(of, "isSigned"),
            .is_currency = flag_of(of, "isCurrency"),
            .is_case_sensitive = flag_of(of, "isCaseSensitive")};
}

}  // namespace

bool is_utf8(std::string_view text) {
    // RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
    for (std::size_t i = 0; i < text.size();) {
        const auto octet = [&text](std::size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        const unsigned first = octet(i);
        const std::size_t length = first < 0x80                    ? 1
                                   : first >= 0xC2 && first < 0xE0 ? 2
                                   : (first & 0xF0U) == 0xE0       ? 3
                                   : first >= 0xF0 && first < 0xF5 ? 4
                                                                   : 0;
        if (length == 0) return false;
        for (std::size_t k = 1; k < length; ++k) {
            if ((octet(i + k) & 0xC0U) != 0x80) return false;
        }
        const unsigned second = octet(i + 1);
        if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
            (first == 0xF4 && second > 0x8F)) {
            return false;
        }
        i += length;
    }
    return true;
}

std::string encode(const execute_statement_request& request, const database_target& target) {
    static constexpr std::string_view operation = "ExecuteStatement";
    std::string out;
    object_writer object(out, operation);
    append_target(object, target);
    object.text("sql", request.sql);
    if (!request.parameters.empty()) append_parameters(object.member("parameters"), operation, request.parameters);
    object.optional_text("transactionId", request.transaction_id);
    if (request.include_result_metadata) object.flag("includeResultMetadata");
    if (request.continue_after_timeout) object.flag("continueAfterTimeout");
    const auto& [decimals, longs] = request.result_options;
    if (decimals || longs) {
        object_writer options(object.member("resultSetOptions"), operation);
        if (decimals)
            options.text("decimalReturnType", *decimals == decimal_return::string ? "STRING" : "DOUBLE_OR_LONG");
        if (longs) options.text("longReturnType", *longs == long_return::string ? "STRING" : "LONG");
        options.end();
    }
    if (request.format_records_as == record_format::json) object.text("formatRecordsAs", "JSON");
    object.end();
    return out;
}

std::string encode(const batch_execute_statement_request& request, const database_target& target) {
    static constexpr std::string_view operation = "BatchExecuteStatement";
    std::string out;
    object_writer object(out, operation);
    append_target(object, target);
    object.text("sql", request.sql);
    object.member("parameterSets");
    append_list(out, request.parameter_sets, [&out](const auto& set) { append_parameters(out, operation, set); });
    object.optional_text("transactionId", request.transaction_id);
    object.end();
    return out;
}

std::string encode_begin(const database_target& target) {
    std::string out;
    object_writer object(out, "BeginTransaction");
    append_target(object, target);
    object.end();
    return out;
}

std::string encode_end(std::string_view operation, std::string_view transaction_id, const database_target& target) {
    std::string out;
    object_writer object(out, operation);
    object.text("resourceArn", target.resource_arn);
    object.text("secretArn", target.secret_arn);
    object.text("transactionId", transaction_id);
    object.end();
    return out;
}

execute_statement_result decode_execute(std::string_view body) {
    json::document document;
    const auto& root = root_of(document, body);
    execute_statement_result result;
    result.records_updated = number_of(root, "numberOfRecordsUpdated", 0);
    if (const auto* records = find(root, "records", json::kind::array)) {
        auto& rows = result.records.emplace();
        rows.reserve(records->size());
        for (const auto& one : *records) rows.push_back(fields_of(one));
    }
    if (const auto* columns = find(root, "columnMetadata", json::kind::array)) {
        auto& list = result.columns.emplace();
        list.reserve(columns->size());
        for (const auto& one : *columns) list.push_back(column_of(one));
    }
    if (const auto* fields = find(root, "generatedFields", json::kind::array))
        result.generated_fields = fields_of(*fields);
    if (const auto* text = find(root, "formattedRecords", json::kind::string)) result.formatted_records = text->text();
    return result;
}

batch_execute_statement_result decode_batch(std::string_view body) {
    json::document document;
    const auto& root = root_of(document, body);
    batch_execute_statement_result result;
    if (const auto* updates = find(root, "updateResults", json::kind::array)) {
        result.generated_fields.reserve(updates->size());
        for (const auto& one : *updates) {
            expect(one, json::kind::object);
            const auto* fields = find(one, "generatedFields", json::kind::array);
            result.generated_fields.push_back(fields == nullptr ? std::vector<field>() : fields_of(*fields));
        }
    }
    return result;
}

std::string decode_text(std::string_view body, std::string_view name) {
    json::document document;
    const auto* found = find(root_of(document, body), name, json::kind::string);
    if (found == nullptr) refuse("it lacks '" + std::string(name) + "'");
    return std::string(found->text());
}

}  // namespace borealis::client
