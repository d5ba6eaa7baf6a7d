#include "postgres/binding.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace borealis::postgres {
namespace {

using sql::parameter;
using sql::parameter_type;
using namespace std::string_view_literals;

struct bound_case {
    std::string_view name;
    parameter given;
    oid type;
    int format;  // 0 text, 1 binary
    std::string_view sent;
};

class binding_of : public testing::TestWithParam<bound_case> {};

// the declared types; section 4.2.
TEST_P(binding_of, given_a_parameter_when_bound_then_it_has_the_declared_type_and_form) {
    binding bound;
    const parameter all[] = {GetParam().given};
    ASSERT_TRUE(bound.bind(all));
    ASSERT_EQ(bound.count(), 1);
    EXPECT_EQ(bound.types()[0], GetParam().type);
    EXPECT_EQ(bound.formats()[0], GetParam().format);
    const auto length = static_cast<std::size_t>(bound.lengths()[0]);
    EXPECT_EQ(std::string_view(bound.values()[0], length), GetParam().sent);
    if (GetParam().format == 0) EXPECT_EQ(bound.values()[0][length], '\0') << "libpq takes text up to its end";
}

INSTANTIATE_TEST_SUITE_P(
    all, binding_of,
    testing::Values(
        bound_case{"text", {parameter_type::text, "it's"sv}, 25, 1, "it's"},
        bound_case{"empty", {parameter_type::text, std::string_view()}, 25, 1, ""},
        bound_case{"bytes", {parameter_type::bytes, "a\0b"sv}, 17, 1, "a\0b"sv},
        bound_case{"int8", {parameter_type::int8, std::int64_t{-2}}, 20, 1, "\xff\xff\xff\xff\xff\xff\xff\xfe"},
        bound_case{"float8", {parameter_type::float8, 1.0}, 701, 1, "\x3f\xf0\0\0\0\0\0\0"sv},
        bound_case{"true_", {parameter_type::boolean, true}, 16, 1, "\1"},
        bound_case{"false_", {parameter_type::boolean, false}, 16, 1, "\0"sv},
        bound_case{"date", {parameter_type::date, "2024-02-29"sv}, 1082, 0, "2024-02-29"},
        bound_case{"time", {parameter_type::time, "12:00:00.5"sv}, 1083, 0, "12:00:00.5"},
        bound_case{"timestamp", {parameter_type::timestamp, "2024-02-29 12:00:00"sv}, 1114, 0, "2024-02-29 12:00:00"},
        bound_case{"decimal", {parameter_type::decimal, "-12.340"sv}, 1700, 0, "-12.340"},
        bound_case{"json", {parameter_type::json, "{}"sv}, 3802, 0, "{}"},
        bound_case{"uuid",
                   {parameter_type::uuid, "00000000-0000-0000-0000-000000000000"sv},
                   2950,
                   0,
                   "00000000-0000-0000-0000-000000000000"},
        bound_case{"untyped", {parameter_type::untyped, "5"sv}, 0, 0, "5"},
        bound_case{"untyped_number", {parameter_type::untyped, std::int64_t{5}}, 0, 0, "5"},
        bound_case{"untyped_flag", {parameter_type::untyped, true}, 0, 0, "t"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(binding, given_null_when_bound_then_the_server_infers_its_type) {
    binding bound;
    const parameter all[] = {{}, {parameter_type::int8, std::monostate{}}};
    ASSERT_TRUE(bound.bind(all));
    EXPECT_EQ(bound.values()[0], nullptr);
    EXPECT_EQ(bound.types()[0], 0U);
    EXPECT_EQ(bound.values()[1], nullptr);
    EXPECT_EQ(bound.types()[1], 20U);
}

TEST(binding, given_many_values_when_the_scratch_grows_then_all_are_still_right) {
    std::vector<parameter> all;
    for (std::int64_t i = 0; i < 500; ++i) all.push_back({parameter_type::int8, i});
    binding bound;
    for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(bound.bind(all));
        ASSERT_EQ(bound.count(), 500);
        for (int i = 0; i < 500; ++i) {
            const char* value = bound.values()[i];
            EXPECT_EQ((static_cast<unsigned char>(value[6]) << 8) + static_cast<unsigned char>(value[7]), i);
        }
    }
}

// libpq would cut the text there in silence.
TEST(binding, given_a_zero_byte_in_a_hinted_text_when_bound_then_it_fails_as_the_server_would) {
    binding bound;
    const parameter all[] = {{parameter_type::date, "2024-01-01\0"sv}};
    const auto out = bound.bind(all);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, sql::failure_kind::database);
    EXPECT_EQ(out.error().sqlstate, "22021");
}

//
TEST(binding, given_more_parameters_than_the_protocol_can_number_when_bound_then_it_fails) {
    binding bound;
    EXPECT_TRUE(bound.bind(std::vector<parameter>(65535)));
    const auto out = bound.bind(std::vector<parameter>(65536));
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().sqlstate, "54023");
}

}  // namespace
}  // namespace borealis::postgres
