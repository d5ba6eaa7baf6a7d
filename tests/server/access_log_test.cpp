#include "server/access_log.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/call_record.hpp"

namespace borealis::server {
namespace {

using std::chrono::steady_clock;

class access_logs : public testing::Test {
 protected:
    access_logs()
        : folder_(std::filesystem::path(testing::TempDir()) /
                  testing::UnitTest::GetInstance()->current_test_info()->name()) {
        std::filesystem::create_directories(folder_);
    }
    access_logs(const access_logs&) = delete;
    access_logs& operator=(const access_logs&) = delete;
    ~access_logs() override { std::filesystem::remove_all(folder_); }

    access_log_settings settings(std::size_t bytes = 4096) {
        return {.on = true, .file = folder_ / "access.log", .buffer_bytes = bytes};
    }
    std::string text(const char* name = "access.log") {
        std::ostringstream out;
        out << std::ifstream(folder_ / name).rdbuf();
        return out.str();
    }
    template <class Condition>
    static bool until(Condition is_true) {
        const auto end = steady_clock::now() + std::chrono::seconds(30);
        while (!is_true() && steady_clock::now() < end) ::usleep(5'000);
        return is_true();
    }

    std::filesystem::path folder_;
};

TEST_F(access_logs, given_lines_of_several_loops_when_logged_then_all_are_written) {
    {
        access_log log(settings());
        auto& one = log.open_lane();
        auto& other = log.open_lane();
        one.add("a\n");
        other.add("b\n");
        one.add("c\n");
        EXPECT_TRUE(until([&] { return text().size() == 6; }));
        other.add("d\n");  // and what is there at the end
    }
    EXPECT_EQ(text().size(), 8U);
    EXPECT_NE(text().find("d\n"), std::string::npos);
}

TEST_F(access_logs, given_a_file_moved_away_when_opened_again_then_it_goes_on_under_the_name) {
    access_log log(settings());
    auto& lane = log.open_lane();
    lane.add("before\n");
    EXPECT_TRUE(until([&] { return text() == "before\n"; }));
    std::filesystem::rename(folder_ / "access.log", folder_ / "access.log.1");
    lane.add("still\n");
    log.reopen();
    EXPECT_TRUE(until([&] { return std::filesystem::exists(folder_ / "access.log"); }));
    lane.add("after\n");
    EXPECT_TRUE(until([&] { return text() == "after\n"; }));
    EXPECT_EQ(text("access.log.1"), "before\nstill\n");
}

TEST_F(access_logs, given_a_name_that_cannot_be_opened_again_when_told_to_then_the_old_file_is_written_on) {
    std::filesystem::create_directories(folder_ / "logs");
    auto with = settings();
    with.file = folder_ / "logs" / "access.log";
    access_log log(with);
    auto& lane = log.open_lane();
    std::filesystem::rename(folder_ / "logs", folder_ / "moved");
    log.reopen();
    lane.add("line\n");
    EXPECT_TRUE(until([&] { return text("moved/access.log") == "line\n"; }));
}

// A pipe that nobody reads takes no more: the loops go on, and the log says how much it lacks.
TEST_F(access_logs, given_a_reader_that_does_not_keep_up_when_logged_then_lines_are_dropped_and_counted) {
    const auto pipe = folder_ / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
    ASSERT_GE(reader, 0);
    constexpr std::size_t lines = 2'000;
    std::string read;
    {
        auto with = settings(64 * 1024);
        with.file = pipe;
        access_log log(with);
        auto& lane = log.open_lane();
        const std::string line = std::string(199, 'x') + "\n";
        const auto begun = steady_clock::now();
        for (std::size_t i = 0; i < lines; ++i) lane.add(line);
        EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(5)) << "the loop waited";
        const auto so_far = log.so_far();
        EXPECT_GT(so_far.dropped, 0U);
        EXPECT_EQ(so_far.lines + so_far.dropped, lines);
        std::string some(64 * 1024, '\0');
        EXPECT_TRUE(until([&] {
            if (const auto got = ::read(reader, some.data(), some.size()); got > 0)
                read.append(some, 0, static_cast<std::size_t>(got));
            return read.find("\"dropped\":" + std::to_string(so_far.dropped)) != std::string::npos;
        }));
    }
    ::close(reader);
}

TEST_F(access_logs, given_a_reader_that_reads_nothing_when_the_log_ends_then_it_does_not_wait_for_long) {
    const auto pipe = folder_ / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
    ASSERT_GE(reader, 0);
    auto begun = steady_clock::now();
    {
        auto with = settings(1 << 20);
        with.file = pipe;
        access_log log(with);
        auto& lane = log.open_lane();
        for (int i = 0; i < 1'000; ++i) lane.add(std::string(199, 'x') + "\n");
        begun = steady_clock::now();
    }
    EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(20));
    ::close(reader);
}

TEST_F(access_logs, given_a_folder_that_is_not_there_when_made_then_the_setting_is_named) {
    auto with = settings();
    with.file = folder_ / "nowhere" / "access.log";
    try {
        access_log log(with);
        FAIL() << "it was opened";
    } catch (const std::runtime_error& why) {
        EXPECT_NE(std::string_view(why.what()).find("[observe] `access_log`: cannot open"), std::string_view::npos);
    }
}

TEST(call_records, given_a_call_when_written_then_ids_are_hashed_and_texts_escaped) {
    using namespace std::chrono;
    call_record of{
        .at = system_clock::time_point(1'764'239'770'123'456us), .client = "127.0.0.1", .service = "rds-data"};
    of.operation = "ExecuteStatement";
    of.caller = "arn:\"\n";
    of.request_bytes = 7;
    of.data_api = true;
    of.seen.transaction_id = "SECRET-ID";
    of.seen.queued = 5us;
    of.seen.at_database = 1'500us;
    of.seen.rows = 3;
    std::string line;
    append_line(line, of, {.status = 400, .error_type = "DatabaseErrorException", .request_id = "r", .body = "{}"});
    EXPECT_TRUE(line.starts_with(R"({"time":"2025-11-27T10:36:10.123456Z","request_id":"r","client":"127.0.0.1",)"))
        << line;
    EXPECT_NE(line.find(R"("caller":"arn:\"\n","service":"rds-data","operation":"ExecuteStatement","status":400,)"
                        R"("error":"DatabaseErrorException","duration_us":)"),
              std::string::npos)
        << line;
    EXPECT_TRUE(
        line.ends_with(R"("queue_us":5,"connect_us":0,"database_us":1500,"encode_us":0,"rows":3,"request_bytes":7,)"
                       R"("response_bytes":2,"transaction":"48ef5312bded1fc4"})"
                       "\n"))
        << line;
    EXPECT_EQ(line.find("SECRET-ID"), std::string::npos);
}

}  // namespace
}  // namespace borealis::server
