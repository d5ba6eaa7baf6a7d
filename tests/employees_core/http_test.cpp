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

TEST(http_event, given_an_id_when_asked_for_then_one_employee_is_shown) {
    scripted_service at;
    at.database.rows = {{"7", "Ann"}, {"8", cell()}, {"a/b", "Cid"}};
    EXPECT_EQ(at.answer(event_2("GET", "/employees/7")), result(200, R"({"EmpId":"7","EmpName":"Ann"})"));
    EXPECT_EQ(at.answer(event_2("GET", "/employees/8")), result(200, R"({"EmpId":"8","EmpName":null})"));
    EXPECT_EQ(at.answer(event_2("GET", "/employees/a/b", R"(,"pathParameters":{"id":"a/b"})")),
              result(200, R"({"EmpId":"a/b","EmpName":"Cid"})"));
    EXPECT_EQ(at.answer(event_2("GET", "/employees/9")),
              result(404, R"({"message":"There is no employee with this id."})"));
    EXPECT_EQ(at.answer(event_2("GET", "/employees/a/b")), result(404, R"({"message":"Not Found"})"));
}

TEST(http_event, given_numbers_as_ids_when_asked_for_a_text_then_zero_is_not_found) {
    scripted_service at;
    at.database.rows = {{std::int64_t{0}, "zero"}};
    EXPECT_EQ(at.answer(event_2("GET", "/employees/abc")),
              result(404, R"({"message":"There is no employee with this id."})"));
    EXPECT_EQ(at.answer(event_2("GET", "/employees/0")), result(200, R"({"EmpId":0,"EmpName":"zero"})"));
}

TEST(http_event, given_a_limit_when_listed_then_pages_follow_each_other) {
    scripted_service at;
    at.database.rows = {{"3", "c"}, {"1", "a"}, {"2", "b"}};
    const auto page = [&](std::string_view query) {
        return at.answer(event_2("GET", "/employees", R"(,"queryStringParameters":)" + std::string(query)));
    };
    EXPECT_EQ(page(R"({"limit":"2"})"), result(200, R"({"Employees":[["1","a"],["2","b"]],"Next":"2"})"));
    EXPECT_EQ(page(R"({"limit":"2","after":"2"})"), result(200, R"({"Employees":[["3","c"]]})"));
    EXPECT_EQ(page(R"({"after":"3"})"), result(200, R"({"Employees":[]})"));
    EXPECT_THAT(at.database.calls, testing::ElementsAre("page - 3", "page 2 3", "page 3 51"));
    for (const auto* wrong : {"0", "1001", "x", "-1", "", "1.5"}) {
        EXPECT_EQ(page(R"({"limit":")" + std::string(wrong) + R"("})"),
                  result(400, R"({"message":"Invalid input! \"limit\" must be a number from 1 to 1000."})"))
            << wrong;
    }
    EXPECT_THAT(at.log, testing::IsEmpty());
}

TEST(http_event, given_a_database_that_fails_when_read_then_it_is_logged_and_told) {
    scripted_service at;
    at.database.lists = {mysql_failure(2013, "Lost connection to MySQL server during query"),
                         mysql_failure(2013, "Lost connection to MySQL server during query")};
    for (const auto* path : {"/employees/7", "/employees"}) {
        const auto answered = at.answer(event_2("GET", path, R"(,"queryStringParameters":{"limit":"5"})"));
        ASSERT_TRUE(answered);
        EXPECT_THAT(*answered, StartsWith(R"({"statusCode":503,)"));
    }
    const std::string line = "Reading employees failed: (2013, 'Lost connection to MySQL server during query')";
    EXPECT_THAT(at.log, testing::ElementsAre(line, line));
}

TEST(http_event, given_the_pages_paths_when_asked_then_its_files_are_sent_as_they_are) {
    scripted_service at;
    for (const auto& [path, type] :
         {std::pair("/", "text/html; charset=utf-8"), std::pair("/employees.js", "text/javascript; charset=utf-8"),
          std::pair("/employees.css", "text/css; charset=utf-8")}) {
        const auto answered = at.answer(event_2("GET", path));
        ASSERT_TRUE(answered);
        EXPECT_THAT(*answered, HasSubstr(std::string(R"("content-type":")") + type)) << path;
        EXPECT_THAT(*answered, HasSubstr("default-src 'none'")) << path;
        EXPECT_THAT(at.answer(event_2("POST", path)).value(), StartsWith(R"({"statusCode":405,)"));
    }
    EXPECT_THAT(at.database.calls, testing::IsEmpty());
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
    {"delete_of_batch", event_2("DELETE", "/employees/batch"), 405, R"({"message":"Method Not Allowed"})"},
    {"delete_of_one", event_2("DELETE", "/employees/7"), 405, R"({"message":"Method Not Allowed"})"},
    {"id_named_batch", event_2("GET", "/employees/batch"), 404, R"({"message":"There is no employee with this id."})"},
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
