#include "postgres/types.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace borealis::postgres {
namespace {

using enum sql::type_class;
using sql::type_class;

constexpr int unlimited = 2147483647;

/// java.sql.Types
namespace jdbc {
constexpr std::int16_t bit = -7, bigint = -5, binary = -2, character = 1, numeric = 2, integer = 4, smallint = 5,
                       real = 7, double_precision = 8, varchar = 12, date = 91, time = 92, timestamp = 93, other = 1111,
                       structure = 2002, array = 2003, sqlxml = 2009;
}  // namespace jdbc

/// Is an array of it in the list of R-5.34 (plus timestamptz and jsonb, R-5.40)?
enum class in_arrays : bool { no, yes };

struct native_type {
    oid id, array_id;
    std::string_view name;     // typname
    std::string_view display;  // sqlx's name, empty where sqlx has none and typname stands
    type_class type;
    in_arrays listed;
    std::int16_t jdbc_type;
    int precision = unlimited;
    int scale = 0;
    bool is_signed = false;
    bool is_case_sensitive = true;
};

constexpr auto no = in_arrays::no;
constexpr auto yes = in_arrays::yes;

// The OIDs are PostgreSQL's src/include/catalog/pg_type.dat; they never change. Types that are neither here nor learnt
// are asked for. The numbers are those of section 6.
constexpr native_type native_types[] = {
    {16, 1000, "bool", "BOOL", boolean, yes, jdbc::bit, 1, 0, false, false},
    {17, 1001, "bytea", "BYTEA", bytes, no, jdbc::binary},
    {18, 1002, "char", "\"CHAR\"", other, no, jdbc::character, 1},
    {19, 1003, "name", "NAME", text, yes, jdbc::varchar},
    {20, 1016, "int8", "INT8", integer, yes, jdbc::bigint, 19, 0, true, false},
    {21, 1005, "int2", "INT2", integer, yes, jdbc::smallint, 5, 0, true, false},
    {22, 1006, "int2vector", "", other, no, jdbc::other},
    {23, 1007, "int4", "INT4", integer, yes, jdbc::integer, 10, 0, true, false},
    {24, 1008, "regproc", "", other, no, jdbc::other},
    {25, 1009, "text", "TEXT", text, yes, jdbc::varchar},
    {26, 1028, "oid", "OID", type_class::object_id, no, jdbc::bigint, 10, 0, false, false},
    {27, 1010, "tid", "", other, no, jdbc::other},
    {28, 1011, "xid", "", other, no, jdbc::other},
    {29, 1012, "cid", "", other, no, jdbc::other},
    {30, 1013, "oidvector", "", other, no, jdbc::other},
    {114, 199, "json", "JSON", json, yes, jdbc::other},
    {142, 143, "xml", "", other, no, jdbc::sqlxml},
    {600, 1017, "point", "POINT", other, no, jdbc::other},
    {601, 1018, "lseg", "LSEG", other, no, jdbc::other},
    {602, 1019, "path", "PATH", other, no, jdbc::other},
    {603, 1020, "box", "BOX", other, no, jdbc::other},
    {604, 1027, "polygon", "POLYGON", other, no, jdbc::other},
    {628, 629, "line", "LINE", other, no, jdbc::other},
    {650, 651, "cidr", "CIDR", text, no, jdbc::other},
    {700, 1021, "float4", "FLOAT4", float4, yes, jdbc::real, 8, 8, true, false},
    {701, 1022, "float8", "FLOAT8", float8, yes, jdbc::double_precision, 17, 17, true, false},
    {705, 0, "unknown", "UNKNOWN", text, no, jdbc::varchar},
    {718, 719, "circle", "CIRCLE", other, no, jdbc::other},
    {774, 775, "macaddr8", "MACADDR8", other, no, jdbc::other},
    {790, 791, "money", "MONEY", other, no, jdbc::double_precision},
    {829, 1040, "macaddr", "MACADDR", other, no, jdbc::other},
    {869, 1041, "inet", "INET", text, no, jdbc::other},
    {1033, 1034, "aclitem", "", other, no, jdbc::other},
    {1042, 1014, "bpchar", "CHAR", text, yes, jdbc::character},
    {1043, 1015, "varchar", "VARCHAR", text, yes, jdbc::varchar},
    {1082, 1182, "date", "DATE", date, yes, jdbc::date, 13, 0, false, false},
    {1083, 1183, "time", "TIME", time, yes, jdbc::time, 15, 6, false, false},
    {1114, 1115, "timestamp", "TIMESTAMP", timestamp, yes, jdbc::timestamp, 29, 6, false, false},
    {1184, 1185, "timestamptz", "TIMESTAMPTZ", timestamptz, yes, jdbc::timestamp, 35, 6, false, false},
    {1186, 1187, "interval", "INTERVAL", interval, no, jdbc::other, 49},
    {1266, 1270, "timetz", "TIMETZ", timetz, no, jdbc::time, 21, 6, false, false},
    {1560, 1561, "bit", "BIT", bits, yes, jdbc::bit},
    {1562, 1563, "varbit", "VARBIT", bits, no, jdbc::other},
    {1700, 1231, "numeric", "NUMERIC", decimal, yes, jdbc::numeric, 0, 0, true, false},
    {1790, 2201, "refcursor", "", other, no, jdbc::other},
    {2202, 2207, "regprocedure", "", other, no, jdbc::other},
    {2203, 2208, "regoper", "", other, no, jdbc::other},
    {2204, 2209, "regoperator", "", other, no, jdbc::other},
    {2205, 2210, "regclass", "", other, no, jdbc::other},
    {2206, 2211, "regtype", "", other, no, jdbc::other},
    {2249, 2287, "record", "RECORD", other, no, jdbc::other},
    {2278, 0, "void", "VOID", nothing, no, jdbc::other},
    {2950, 2951, "uuid", "UUID", uuid, yes, jdbc::other},
    {3614, 3643, "tsvector", "", other, no, jdbc::other},
    {3615, 3645, "tsquery", "", other, no, jdbc::other},
    {3802, 3807, "jsonb", "JSONB", json, yes, jdbc::other},
    {3904, 3905, "int4range", "INT4RANGE", text, no, jdbc::other},
    {3906, 3907, "numrange", "NUMRANGE", text, no, jdbc::other},
    {3908, 3909, "tsrange", "TSRANGE", other, no, jdbc::other},
    {3910, 3911, "tstzrange", "TSTZRANGE", other, no, jdbc::other},
    {3912, 3913, "daterange", "DATERANGE", other, no, jdbc::other},
    {3926, 3927, "int8range", "INT8RANGE", other, no, jdbc::other},
    {4072, 4073, "jsonpath", "JSONPATH", other, no, jdbc::other},
    {4089, 4090, "regnamespace", "", other, no, jdbc::other},
    {4096, 4097, "regrole", "", other, no, jdbc::other},
};
static_assert(std::ranges::is_sorted(native_types, {}, &native_type::id));

const native_type* native(oid id) {
    const auto* found = std::ranges::lower_bound(native_types, id, {}, &native_type::id);
    return found != std::end(native_types) && found->id == id ? found : nullptr;
}

const native_type* native_of_array(oid id) {
    if (id == 0) return nullptr;
    const auto* found = std::ranges::find(native_types, id, &native_type::array_id);
    return found != std::end(native_types) ? found : nullptr;
}

/// Length, precision and scale from the type modifier, as pgjdbc reports them.
void apply_modifier(sql::column& to, const native_type& type, int modifier) {
    const auto fraction = [&](int without) {
        to.scale = modifier;
        to.precision = without + (modifier == 0 ? 0 : modifier + 1);
    };
    if (modifier < 0) return;
    switch (type.id) {
        case 1042:
        case 1043:
            to.precision = modifier - 4;
            break;
        case 1560:
        case 1562:
            to.precision = modifier;
            break;
        case 1700:
            to.precision = (modifier - 4) >> 16 & 0xffff;
            to.scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;  // eleven bits, signed since PostgreSQL 15
            break;
        case 1083:
            fraction(8);
            break;
        case 1266:
            fraction(14);
            break;
        case 1114:
            fraction(22);
            break;
        case 1184:
            fraction(28);
            break;
        default:
            break;
    }
}

/// Those that AWS does not carry even alone (section 5.2).
bool is_refused(type_class type) { return type == other || type == interval || type == timetz; }

void fill(sql::column& out, const native_type& type, int modifier) {
    out.type = type.type;
    out.jdbc_type = type.jdbc_type;
    out.precision = type.precision;
    out.scale = type.scale;
    out.is_signed = type.is_signed;
    out.is_case_sensitive = type.is_case_sensitive;
    out.is_currency = type.id == 790;
    apply_modifier(out, type, modifier);
}

/// An extension's or user's type. citext and vector are text to AWS (section 5.2), enums as well; the rest it refuses.
void fill(sql::column& out, const catalogue_type& type) {
    const bool readable = type.kind == 'e' || (type.kind == 'b' && (type.name == "citext" || type.name == "vector"));
    out.type = readable ? text : other;
    out.jdbc_type = type.name == "citext" ? jdbc::varchar : type.kind == 'c' ? jdbc::structure : jdbc::other;
    out.precision = unlimited;
    out.scale = 0;
    out.is_case_sensitive = true;
}

}  // namespace

bool type_book::knows(oid type) const {
    if (native(type) != nullptr || native_of_array(type) != nullptr) return true;
    const auto found = learnt_.find(type);
    if (found == learnt_.end()) return false;
    // The query learns a type together with all it leads to.
    return true;
}

void type_book::learn(oid type, catalogue_type what) { learnt_.insert_or_assign(type, std::move(what)); }

sql::column type_book::column_of(std::string_view label, oid type, int modifier) const {
    sql::column out;
    out.label = label;
    out.name = label;
    out.native_type = type;

    if (const auto* found = native(type)) {
        out.type_name = found->name;
        fill(out, *found, modifier);
        if (is_refused(out.type)) out.refused_name = found->display.empty() ? found->name : found->display;
        return out;
    }

    const native_type* element = native_of_array(type);
    const catalogue_type* own_element = nullptr;
    if (element != nullptr) {
        out.type_name.append("_").append(element->name);
    } else if (const auto found = learnt_.find(type); found != learnt_.end()) {
        const catalogue_type* named = &found->second;
        out.type_name = named->name;
        // A domain's column arrives as its base type; only inside an array is it met (like its base type, section 5.2).
        const auto to_base = [&](oid id) {
            for (auto it = learnt_.find(id); it != learnt_.end() && it->second.base != 0; it = learnt_.find(id)) {
                id = it->second.base;
            }
            return id;
        };
        if (named->element == 0) {
            if (named->base != 0) {
                auto base = column_of(label, to_base(type), modifier);
                base.native_type = type;
                return base;
            }
            fill(out, *named);
            if (is_refused(out.type)) out.refused_name = named->name;
            return out;
        }
        const oid id = to_base(named->element);
        out.array_delimiter = named->delimiter;
        element = native(id);
        if (element == nullptr) {
            const auto it = learnt_.find(id);
            own_element = it == learnt_.end() ? nullptr : &it->second;
        }
    } else {
        fill(out, *native(25), -1);
        out.type_name = "unknown";
        return out;
    }

    out.is_array = true;
    if (element != nullptr) {
        fill(out, *element, modifier);
        if (element->id == 603) out.array_delimiter = ';';  // box is the one built-in type with its own
    } else if (own_element != nullptr) {
        fill(out, *own_element);
    }
    if (element == nullptr || element->listed == in_arrays::no) {
        if (element != nullptr && !element->display.empty() && native_of_array(type) != nullptr) {
            out.refused_name.append(element->display).append("[]");
        } else {
            out.refused_name = out.type_name;
        }
    }
    out.is_currency = false;
    out.jdbc_type = jdbc::array;
    return out;
}

// Names are qualified: the session's search_path is its user's.
const char* const types_query =
    "WITH RECURSIVE wanted(id) AS ("
    "SELECT pg_catalog.unnest($1::pg_catalog.oid[])"
    " UNION SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END"
    " FROM wanted w JOIN pg_catalog.pg_type t ON t.oid = w.id"
    " WHERE t.typtype = 'd' OR (t.typelem <> 0 AND t.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc))"
    " SELECT t.oid, t.typname, t.typtype,"
    " CASE WHEN t.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc AND t.typtype = 'b' THEN t.typelem ELSE 0 END,"
    " CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE 0 END, t.typdelim"
    " FROM wanted w JOIN pg_catalog.pg_type t ON t.oid = w.id";

}  // namespace borealis::postgres
