#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base64.hpp"
#include "employees_core/scripted_database.hpp"
#include "http_adapter.hpp"
#include "json/writer.hpp"

namespace employees {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string quoted(std::string_view text) {
    std::string out;
    borealis::json::append_string(out, text);
    return out;
}

std::string event_2(std::string_view method, std::string_view path, std::string_view more = "") {
    return R"({"version":"2.0","rawPath":")" + std::string(path) +
           R"(","headers":{},"requestContext":{"http":{"method":")" + std::string(method) + R"(","path":")" +
           std::string(path) + R"("},"stage":"$default"},"isBase64Encoded":false)" + std::string(more) + "}";
}
std::string post_2(std::string_view path, std::string_view body) {
    return event_2("POST", path, R"(,"body":)" + quoted(body));
}

std::string result(int status, std::string_view body, std::string_view headers = "") {
    return R"({"statusCode":)" + std::to_string(status) + R"(,"headers":{"content-type":"application/json")" +
           std::string(headers) + R"(},"body":)" + quoted(body) + "}";
}

constexpr std::string_view ann = R"({"EmpId":"7","EmpName":"Ann"})";
constexpr std::string_view list = R"([["7","Ann"]])";

TEST(http_event, given_payload_2_when_answered_then_the_result_is_wrapped) {  // L-3.60, L-3.61
    scripted_service at;
    EXPECT_EQ(at.answer(post_2("/employees", ann)), result(200, list));
    EXPECT_EQ(at.answer(event_2("GET", "/employees")), result(200, list));
    EXPECT_THAT(at.log, testing::ElementsAre("Inserting employee 7"));
}

TEST(http_event, given_a_base64_body_when_answered_then_it_is_decoded) {  // L-3.5
    scripted_service at;
    std::string encoded;
    borealis::core::append_base64(encoded, ann);
    auto event = post_2("/employees", encoded);
    event.replace(event.find(R"("isBase64Encoded":false)"), 23, R"("isBase64Encoded":true)");
    EXPECT_EQ(at.answer(event), result(200, list));
}

TEST(http_event, given_payload_1_when_answered_then_the_result_is_wrapped) {  // L-3.60
    scripted_service at;
    EXPECT_EQ(
        at.answer(
            R"({"resource":"/employees","path":"/employees","httpMethod":"POST","headers":null,"isBase64Encoded":false,"body":)" +
            quoted(ann) + "}"),
        result(200, list));
    EXPECT_EQ(at.answer(R"({"path":"/employees","httpMethod":"GET","body":null})"), result(200, list));
}

TEST(http_event, given_a_named_stage_when_routed_then_its_name_is_left_out) {  // L-3.1
    borealis::json::document reader;
    const auto request = [&reader](std::string_view event) { return read_http_event(**reader.parse_copy(event)); };
    EXPECT_EQ(
        request(
            R"({"version":"2.0","rawPath":"/prod/employees/","requestContext":{"http":{"method":"GET"},"stage":"prod"}})")
            ->path,
        "/employees");
    EXPECT_EQ(
        request(
            R"({"version":"2.0","rawPath":"/production","requestContext":{"http":{"method":"GET"},"stage":"prod"}})")
            ->path,
        "/production");
    EXPECT_EQ(
        request(
            R"({"version":"2.0","rawPath":"/employees","requestContext":{"http":{"method":"GET"},"stage":"employees"}})")
            ->path,
        "");
}

TEST(http_event, given_employees_with_names_of_http_members_when_read_then_they_are_direct_events) {  // L-3.62
    borealis::json::document reader;
    for (const auto* event : {"{}", "[]", "null", R"({"version":"2.0"})", R"({"version":"2.0","requestContext":{}})",
                              R"({"httpMethod":"POST"})", R"({"requestContext":{"http":{}}})",
                              R"({"version":2.0,"requestContext":{"http":{"method":"GET"}}})"}) {
        EXPECT_FALSE(read_http_event(**reader.parse_copy(event))) << event;
    }
}

struct status_case {
    std::string_view name;
    std::string event;
    int status;
    std::string_view body;
};
class http_status_of : public testing::TestWithParam<status_case> {};

TEST_P(http_status_of, given_a_request_when_refused_then_the_status_tells_why) {  // L-3.61
    scripted_service at;
    at.database.rows = {{"7", "Ann"}};
    const auto answered = at.answer(GetParam().event);
    ASSERT_TRUE(answered);
    EXPECT_THAT(*answered, StartsWith(R"({"statusCode":)" + std::to_string(GetParam().status) + ","));
    EXPECT_THAT(*answered, HasSubstr(R"("body":)" + quoted(GetParam().body)));
}

const status_case statuses[] = {
    {"no_body", event_2("POST", "/employees"), 400, R"({"message":"Invalid input! The request has no body."})"},
    {"broken_json", post_2("/employees", "{"), 400, R"({"message":"Invalid input! The body is not valid JSON."})"},
    {"broken_base64", R"({"httpMethod":"POST","path":"/employees","body":"%","isBase64Encoded":true})", 400,
     R"({"message":"Invalid input! The body is not valid base64."})"},
    {"missing_member", post_2("/employees", "{}"), 400,
     R"({"message":"Invalid input! Missing \"EmpId\" and/or \"EmpName\" attributes."})"},
    {"duplicate", post_2("/employees", R"({"EmpId":"7","EmpName":"x"})"), 409,
     R"_({"message":"(1062, \"Duplicate entry '7' for key 'PRIMARY'\")"})_"},
    {"null_id", post_2("/employees", R"({"EmpId":null,"EmpName":"x"})"), 422,
     R"_({"message":"(1048, \"Column 'EmpId' cannot be null\")"})_"},
    {"unknown_path", event_2("GET", "/staff"), 404, R"({"message":"Not Found"})"},
    {"wrong_method", event_2("DELETE", "/employees"), 405, R"({"message":"Method Not Allowed"})"},
    {"get_of_batch", event_2("GET", "/employees/batch"), 405, R"({"message":"Method Not Allowed"})"},
    {"batch_without_list", post_2("/employees/batch", "{}"), 400,
     R"({"message":"Invalid input! Missing \"Employees\" attribute."})"},
    {"batch_of_text", post_2("/employees/batch", R"({"Employees":"x"})"), 400,
     R"({"message":"Invalid input! \"Employees\" must be a list."})"},
    {"batch_member", post_2("/employees/batch", R"([{"EmpId":"1"}])"), 400,
     R"({"message":"Invalid input! Missing \"EmpId\" and/or \"EmpName\" attributes.","details":{"index":0}})"},
    {"batch_duplicate", post_2("/employees/batch", R"([{"EmpId":"7","EmpName":"x"}])"), 409,
     R"({"Inserted":0,"Failed":1,"Skipped":0,"Batches":[{"Index":0,"First":0,"Count":1,"Status":"rolled_back","Error":)"
     R"_({"errorType":"IntegrityError","errorMessage":"(1062, \"Duplicate entry '7' for key 'PRIMARY'\")"}}]})_"},
    {"batch", post_2("/employees/batch", R"([{"EmpId":"8","EmpName":"x"}])"), 200,
     R"({"Inserted":1,"Failed":0,"Skipped":0,"Batches":[{"Index":0,"First":0,"Count":1,"Status":"committed"}]})"},
};
INSTANTIATE_TEST_SUITE_P(l_3_61, http_status_of, testing::ValuesIn(statuses),
                         [](const auto& named) { return std::string(named.param.name); });

TEST(http_event, given_an_unavailable_database_when_asked_then_503_without_its_host) {  // L-3.61
    scripted_service at;
    at.database.begins = {mysql_failure(2003, "Can't connect to MySQL server on '10.0.0.7'")};
    EXPECT_EQ(at.answer(post_2("/employees", ann)),
              result(503, R"({"message":"The database is not available. Please try again later."})",
                     R"(,"retry-after":"2")"));
    at.database.begins = {mysql_failure(2003, "Can't connect to MySQL server on '10.0.0.7'")};
    const auto batch = at.answer(post_2("/employees/batch", R"([{"EmpId":"1","EmpName":"x"}])"));
    EXPECT_THAT(*batch, StartsWith(R"({"statusCode":503,)"));
    EXPECT_THAT(*batch, testing::Not(HasSubstr("10.0.0.7")));
}

TEST(http_event, given_other_errors_when_answered_then_500_without_the_statement) {
    scripted_service at;
    at.database.lists = {mysql_failure(1064, "syntax near 'SELECT'")};
    EXPECT_EQ(at.answer(event_2("GET", "/employees")), result(500, R"({"message":"Internal Server Error"})"));
}

TEST(http_event, given_a_wrapped_result_over_the_limit_when_answered_then_500) {
    scripted_service at;
    at.settings.result_limit_bytes = 60;
    at.database.rows = {{"1", "abcdefgh"}};
    EXPECT_THAT(*at.answer(event_2("GET", "/employees")), StartsWith(R"({"statusCode":500,)"));
}

}  // namespace
}  // namespace employees
