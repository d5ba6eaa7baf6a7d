#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "employees_core/scripted_database.hpp"

namespace employees {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

/// `count` employees `e0`, `e1`, …
std::string people(std::size_t count, std::size_t from = 0) {
    std::string out = "[";
    for (std::size_t i = from; i < from + count; ++i)
        out += fmt::format(R"({}{{"EmpId":"e{}","EmpName":"n{}"}})", i > from ? "," : "", i, i);
    return out + "]";
}
std::string event(std::string_view employees, std::string_view more = "") {
    return fmt::format(R"({{"Employees":{}{}}})", employees, more);
}

std::string committed(std::size_t index, std::size_t first, std::size_t count) {
    return fmt::format(R"({{"Index":{},"First":{},"Count":{},"Status":"committed"}})", index, first, count);
}

struct size_case {
    std::size_t count;
    std::vector<std::size_t> batches;
};
const size_case sizes[] = {{0, {}},        {1, {1}},        {49, {49}},         {50, {50}},         {51, {50, 1}},
                           {99, {50, 49}}, {100, {50, 50}}, {101, {50, 50, 1}}, {120, {50, 50, 20}}};
class batch_size : public testing::TestWithParam<size_case> {};

TEST_P(batch_size, given_a_list_when_stored_then_it_goes_in_fifties) {  // L-8.12, B-1
    scripted_service at;
    const auto& [count, batches] = GetParam();
    std::string expected = fmt::format(R"({{"Inserted":{},"Failed":0,"Skipped":0,"Batches":[)", count);
    std::vector<std::string> calls, log;
    std::size_t first = 0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
        expected += (i > 0 ? "," : "") + committed(i, first, batches[i]);
        calls.insert(calls.end(), {"begin", fmt::format("insert {}", batches[i]), "commit"});
        log.push_back(fmt::format("Inserting batch {}: employees {}..{}", i, first, first + batches[i] - 1));
        first += batches[i];
    }
    EXPECT_EQ(at.answer(event(people(count))), expected + "]}");
    EXPECT_EQ(at.database.calls, calls);
    EXPECT_EQ(at.log, log);
    EXPECT_EQ(at.database.rows.size(), count);
}

INSTANTIATE_TEST_SUITE_P(b_1, batch_size, testing::ValuesIn(sizes));

class failing_position : public testing::TestWithParam<std::size_t> {};

TEST_P(failing_position, given_a_duplicate_when_stored_then_its_batch_is_rolled_back_whole) {  // B-2, B-3
    for (const bool go_on : {false, true}) {
        scripted_service at;
        at.database.rows = {{fmt::format("e{}", GetParam()), "there"}};
        const auto failing = GetParam() / 50;
        const auto report = at.answer(event(people(120), go_on ? R"(,"OnError":"continue")" : R"(,"OnError":"stop")"));
        ASSERT_TRUE(report);
        const std::size_t sizes_of[] = {50, 50, 20};
        std::size_t inserted = 0, skipped = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            if (i < failing || (i > failing && go_on)) inserted += sizes_of[i];
            if (i > failing && !go_on) skipped += sizes_of[i];
        }
        EXPECT_THAT(*report, HasSubstr(fmt::format(R"({{"Inserted":{},"Failed":{},"Skipped":{},)", inserted,
                                                   sizes_of[failing], skipped)));
        EXPECT_THAT(
            *report,
            HasSubstr(fmt::format(
                R"_({{"Index":{},"First":{},"Count":{},"Status":"rolled_back","Error":{{"errorType":"IntegrityError",)_"
                R"_("errorMessage":"(1062, \"Duplicate entry 'e{}' for key 'PRIMARY'\")"}}}})_",
                failing, failing * 50, sizes_of[failing], GetParam())));
        EXPECT_EQ(at.database.rows.size(), inserted + 1);
        EXPECT_THAT(at.log, testing::Contains(HasSubstr(
                                "Oops, something went wrong adding a new employee. Transaction Rollbacked: (1062, ")));
    }
}

INSTANTIATE_TEST_SUITE_P(b_2, failing_position, testing::Values(0, 24, 49, 50, 74, 99, 100, 119));

struct refused_case {
    std::string_view name;
    std::string event;
    std::string_view message, details;
};
class refused_batch : public testing::TestWithParam<refused_case> {};

TEST_P(refused_batch, given_a_wrong_list_when_checked_then_nothing_is_written) {  // L-8.11, B-4, B-5
    scripted_service at;
    const auto report = at.answer(GetParam().event);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().type, "Exception");
    EXPECT_EQ(report.error().message, GetParam().message);
    EXPECT_EQ(report.error().details, GetParam().details);
    EXPECT_THAT(at.database.calls, IsEmpty());
    EXPECT_THAT(at.log, IsEmpty());
}

constexpr std::string_view missing = R"(Invalid input! Missing "EmpId" and/or "EmpName" attributes.)";
std::string with(std::string_view member) {
    return event(people(73).substr(0, people(73).size() - 1) + "," + std::string(member) + "]");
}
const refused_case refused[] = {
    {"member_73_without_name", with(R"({"EmpId":"x"})"), missing, R"({"index":73})"},
    {"member_is_text", with(R"("EmpId EmpName")"), missing, R"({"index":73})"},
    {"member_with_array", with(R"({"EmpId":[1],"EmpName":"x"})"),
     R"(Invalid input! "EmpId" and "EmpName" must be text, numbers, true, false or null.)", R"({"index":73})"},
    {"twice", with(R"({"EmpId":"e40","EmpName":"x"})"), R"(Invalid input! Two employees have the same "EmpId".)",
     R"({"index":73,"firstIndex":40})"},
    {"twice_as_number", event(R"([{"EmpId":"7","EmpName":"x"},{"EmpId":7.0,"EmpName":"y"}])"),
     R"(Invalid input! Two employees have the same "EmpId".)", R"({"index":1,"firstIndex":0})"},
    {"no_list", R"({"Employees":{}})", R"(Invalid input! "Employees" must be a list.)", ""},
    {"both_forms", R"({"Employees":[],"EmpId":"1","EmpName":"x"})",
     R"(Invalid input! Give either "Employees" or "EmpId" and "EmpName", not both.)", ""},
    {"on_error", R"({"Employees":[],"OnError":"retry"})", R"(Invalid input! "OnError" must be "stop" or "continue".)",
     ""},
    {"atomic", R"({"Employees":[],"Atomic":true})", R"(Invalid input! "Atomic" must be "batch" or "all".)", ""},
    {"atomic_and_continue", R"({"Employees":[],"Atomic":"all","OnError":"continue"})",
     R"(Invalid input! "OnError": "continue" makes no sense with "Atomic": "all".)", ""},
    {"return_employees", R"({"Employees":[],"ReturnEmployees":"yes"})",
     R"(Invalid input! "ReturnEmployees" must be true or false.)", ""},
};
INSTANTIATE_TEST_SUITE_P(b_4_and_b_5, refused_batch, testing::ValuesIn(refused),
                         [](const auto& named) { return std::string(named.param.name); });

TEST(batch_event, given_nulls_when_stored_then_names_may_be_and_ids_are_the_databases_matter) {  // B-6
    scripted_service at;
    const auto report =
        at.answer(event(R"([{"EmpId":"1","EmpName":null},{"EmpId":"2","EmpName":"x"}])", R"(,"ReturnEmployees":true)"));
    ASSERT_TRUE(report);
    EXPECT_THAT(*report, HasSubstr(R"("Employees":[["1",null],["2","x"]])"));
    const auto nulls = at.answer(event(R"([{"EmpId":null,"EmpName":"a"},{"EmpId":null,"EmpName":"b"}])"));
    EXPECT_THAT(*nulls, HasSubstr("(1048, "));
}

TEST(batch_event, given_a_listing_that_fails_when_asked_for_then_the_report_survives) {
    scripted_service at;
    at.database.lists = {mysql_failure(1142, "SELECT denied")};
    const auto report = at.answer(event(people(1), R"(,"ReturnEmployees":true)"));
    ASSERT_TRUE(report);
    EXPECT_THAT(*report, HasSubstr(R"("Inserted":1)"));
    EXPECT_THAT(
        *report,
        HasSubstr(R"_("EmployeesError":{"errorType":"OperationalError","errorMessage":"(1142, 'SELECT denied')"})_"));
}

TEST(batch_event, given_a_commit_without_answer_when_stored_then_it_is_unknown_and_nothing_follows) {  // L-8.16, B-9
    scripted_service at;
    auto lost = mysql_failure(2013, "Lost connection");
    lost.outcome_unknown = true;
    at.database.commits = {std::nullopt, lost};
    const auto report = at.answer(event(people(120), R"(,"OnError":"continue")"));
    EXPECT_EQ(report,
              R"({"Inserted":50,"Failed":0,"Skipped":20,"Unknown":50,"Batches":[)" + committed(0, 0, 50) +
                  R"(,{"Index":1,"First":50,"Count":50,"Status":"unknown","Error":{"errorType":"OperationalError",)"
                  R"("errorMessage":"(2013, 'Lost connection') The outcome of the commit is unknown."}},)"
                  R"({"Index":2,"First":100,"Count":20,"Status":"skipped"}]})");
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "insert 50", "commit", "begin", "insert 50", "commit"));
}

TEST(batch_event, given_a_rollback_that_fails_when_refused_then_unknown_with_the_first_error) {  // L-8.17, B-10
    scripted_service at;
    at.database.rows = {{"e3", "there"}};
    at.database.rollbacks = {mysql_failure(2013, "Lost connection")};
    const auto report = at.answer(event(people(60), R"(,"OnError":"continue")"));
    EXPECT_THAT(*report, HasSubstr(R"("Count":50,"Status":"unknown","Error":{"errorType":"IntegrityError")"));
    EXPECT_THAT(*report, HasSubstr(R"("Skipped":10)"));
}

TEST(batch_event, given_no_database_when_begun_then_nothing_is_logged_and_the_batch_failed) {
    scripted_service at;
    at.database.begins = {mysql_failure(2003, "gone")};
    const auto report = at.answer(event(people(2)));
    EXPECT_THAT(*report, HasSubstr(R"("Inserted":0,"Failed":2,)"));
    EXPECT_THAT(at.log, IsEmpty());
}

TEST(batch_event, given_too_little_time_when_a_batch_is_due_then_the_rest_is_skipped) {  // L-8.19, B-11
    scripted_service at;
    const auto report = at.answer(event(people(60)), borealis::core::deadline::after(1s));
    EXPECT_EQ(
        report,
        R"({"Inserted":0,"Failed":0,"Skipped":60,"Batches":[{"Index":0,"First":0,"Count":50,"Status":"skipped","Error":)"
        R"({"errorType":"Deadline","errorMessage":"Not begun: fewer than 3000 ms were left."}},{"Index":1,"First":50,"Count":10,"Status":"skipped"}]})");
    EXPECT_THAT(at.database.calls, IsEmpty());
}

TEST(batch_event, given_large_employees_when_split_then_no_batch_exceeds_the_request) {  // B-12
    scripted_service at;
    std::string list = "[";
    for (int i = 0; i < 50; ++i)
        list += fmt::format(R"({}{{"EmpId":"{}","EmpName":"{:x<100000}"}})", i > 0 ? "," : "", i, "");
    const auto report = at.answer(event(list + "]"));
    EXPECT_THAT(*report, HasSubstr(R"({"Inserted":50,"Failed":0,"Skipped":0,)"));
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "insert 41", "commit", "begin", "insert 9", "commit"));
}

TEST(batch_event, given_one_employee_over_the_limit_when_split_then_it_goes_alone) {
    scripted_service at;
    at.settings.batch_limit_bytes = 300;
    const auto report = at.answer(event(fmt::format(
        R"([{{"EmpId":"1","EmpName":"a"}},{{"EmpId":"2","EmpName":"{:x<500}"}},{{"EmpId":"3","EmpName":"b"}}])", "")));
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "insert 1", "commit", "begin", "insert 1", "commit", "begin",
                                               "insert 1", "commit"));
}

TEST(atomic_batch, given_all_good_when_stored_then_one_transaction_holds_all) {  // L-8.13
    scripted_service at;
    const auto report = at.answer(event(people(51), R"(,"Atomic":"all")"));
    EXPECT_EQ(report, R"({"Inserted":51,"Failed":0,"Skipped":0,"Batches":[)" + committed(0, 0, 50) + "," +
                          committed(1, 50, 1) + "]}");
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "insert 50", "insert 1", "commit"));
}

TEST(atomic_batch, given_nothing_when_stored_then_nothing_is_asked) {
    scripted_service at;
    EXPECT_EQ(at.answer(event("[]", R"(,"Atomic":"all")")), R"({"Inserted":0,"Failed":0,"Skipped":0,"Batches":[]})");
    EXPECT_THAT(at.database.calls, IsEmpty());
}

TEST(atomic_batch, given_a_duplicate_late_when_stored_then_nothing_stays) {
    scripted_service at;
    at.database.rows = {{"e60", "there"}};
    const auto report = at.answer(event(people(120), R"(,"Atomic":"all")"));
    EXPECT_THAT(*report, HasSubstr(R"({"Inserted":0,"Failed":100,"Skipped":20,)"));
    EXPECT_THAT(
        *report,
        HasSubstr(
            R"({"Index":0,"First":0,"Count":50,"Status":"rolled_back"},{"Index":1,"First":50,"Count":50,"Status":"rolled_back","Error":)"));
    EXPECT_EQ(at.database.rows.size(), 1U);
    EXPECT_THAT(at.database.calls, ElementsAre("begin", "insert 50", "insert 50", "rollback"));
}

TEST(atomic_batch, given_a_commit_without_answer_when_stored_then_all_is_unknown) {
    scripted_service at;
    auto lost = mysql_failure(2013, "Lost connection");
    lost.outcome_unknown = true;
    at.database.commits = {lost};
    EXPECT_THAT(*at.answer(event(people(51), R"(,"Atomic":"all")")),
                HasSubstr(R"({"Inserted":0,"Failed":0,"Skipped":0,"Unknown":51,)"));
}

TEST(atomic_batch, given_no_time_when_begun_then_all_is_skipped) {
    scripted_service at;
    EXPECT_THAT(*at.answer(event(people(51), R"(,"Atomic":"all")"), borealis::core::deadline::after(1s)),
                HasSubstr(R"("Skipped":51)"));
    EXPECT_THAT(at.database.calls, IsEmpty());
}

TEST(http_status, given_reports_when_answered_then_the_status_tells_how_much_is_stored) {  // L-8.18
    const auto status = [](std::vector<batch> batches) {
        return http_status(batch_report{.batches = std::move(batches)});
    };
    const batch good{.count = 1, .status = batch_status::committed}, skipped{.count = 1};
    const auto bad = [](failure what) {
        return batch{.count = 1, .status = batch_status::rolled_back, .error = std::move(what)};
    };
    EXPECT_EQ(status({}), 200);
    EXPECT_EQ(status({good, good}), 200);
    EXPECT_EQ(status({good, bad(mysql_failure(1062, ""))}), 207);
    EXPECT_EQ(status({bad(mysql_failure(1062, "")), skipped}), 409);
    EXPECT_EQ(status({bad(mysql_failure(1406, "")), good}), 207);
    EXPECT_EQ(status({bad(mysql_failure(1406, "")), skipped}), 422);
    EXPECT_EQ(status({bad(mysql_failure(2013, "")), skipped}), 503);
}

}  // namespace
}  // namespace employees
