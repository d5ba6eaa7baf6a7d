// Messages as bytes: those we send, and those a server, or something that poses as one, sends.
#include "postgres/protocol.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace borealis::postgres {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::string with_length(char type, std::string_view body) {
    const auto length = body.size() + 4;
    std::string out(1, type);
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(length >> shift & 0xff));
    return out.append(body);
}

// ---- to the server (PostgreSQL manual, Message Formats)

TEST(postgres_protocol, given_each_message_when_written_then_its_octets_are_the_manuals) {
    const oid types[] = {20, 0};
    const std::string texts[] = {"{1,2}", ""};
    binding bound;
    const sql::parameter parameters[] = {
        {sql::parameter_type::int8, std::int64_t{258}}, {}, {sql::parameter_type::text, "a\0b"sv}};
    ASSERT_TRUE(bound.bind(parameters));
    const auto written = [](auto write) {
        std::string out = "kept";
        write(out);
        EXPECT_TRUE(out.starts_with("kept"));
        return out.substr(4);
    };
    EXPECT_EQ(written([](auto& to) { append_query(to, "BEGIN"); }),
              "Q\0\0\0\x0a"
              "BEGIN\0"s);
    EXPECT_EQ(written([&](auto& to) { append_parse(to, "s", "SELECT $1", types); }),
              "P\0\0\0\x1a"
              "s\0SELECT $1\0\0\x02\0\0\0\x14\0\0\0\0"s);
    EXPECT_EQ(written([&](auto& to) { append_bind(to, "s", bound); }),
              "B\0\0\0\x2a\0s\0\0\x03\0\x01\0\x01\0\x01\0\x03\0\0\0\x08\0\0\0\0\0\0\x01\x02\xff\xff\xff\xff\0\0\0\x03"
              "a\0b\0\0"s);
    EXPECT_EQ(written([&](auto& to) { append_bind(to, "", texts); }),
              "B\0\0\0\x19\0\0\0\0\0\x02\0\0\0\x05{1,2}\0\0\0\0\0\0"s);
    EXPECT_EQ(written([](auto& to) { append_describe_statement(to, "s"); }), "D\0\0\0\x07Ss\0"s);
    EXPECT_EQ(written([](auto& to) { append_describe_portal(to); }), "D\0\0\0\x06P\0"s);
    EXPECT_EQ(written([](auto& to) { append_execute(to); }), "E\0\0\0\x09\0\0\0\0\0"s);
    EXPECT_EQ(written([](auto& to) { append_close_statement(to, "s"); }), "C\0\0\0\x07Ss\0"s);
    EXPECT_EQ(written([](auto& to) { append_sync(to); }), "S\0\0\0\x04"s);
}

// ---- from the server

/// What a reader makes of the octets, given in pieces.
std::vector<std::string> read(std::string_view octets, std::size_t piece) {
    std::vector<std::string> out;
    message_reader in;
    while (!octets.empty()) {
        const auto room = in.prepare();
        EXPECT_GE(room.size(), 1024U);
        const auto length = std::min({piece, room.size(), octets.size()});
        octets.copy(room.data(), length);
        in.commit(length);
        octets.remove_prefix(length);
        while (const auto next = in.next()) out.push_back(std::string(1, next->type) + std::string(next->body));
        if (in.failed()) {
            out.emplace_back("failed");
            return out;
        }
    }
    if (in.unread() > 0) out.push_back("half " + std::to_string(in.unread()));
    return out;
}

TEST(postgres_protocol, given_a_buffer_that_grows_when_executions_are_written_then_each_is_the_same) {
    binding bound;
    const sql::parameter parameters[] = {{sql::parameter_type::int8, std::int64_t{1}},
                                         {sql::parameter_type::text, "ab"sv}};
    ASSERT_TRUE(bound.bind(parameters));
    std::string one;
    append_bind(one, "borealis_1", bound);
    std::string apart;
    append_execute(apart);
    append_sync(apart);
    std::string many;
    std::string expected;
    for (int i = 0; i < 200; ++i) {
        append_bind(many, "borealis_1", bound);
        append_execute_and_sync(many);
        expected += one + apart;
    }
    EXPECT_EQ(many, expected);
}

TEST(postgres_protocol, given_a_stream_when_cut_anywhere_then_the_messages_are_the_same) {
    const auto row = with_length('D', "\0\x01\0\0\0\x03"s + "abc");
    const auto stream = with_length('1', "") + row + with_length('D', std::string(200'000, 'x')) +
                        with_length('C', "SELECT 2\0"sv) + with_length('Z', "I") + row.substr(0, 7);
    const auto whole = read(stream, stream.size());
    ASSERT_EQ(whole.size(), 6U);
    EXPECT_EQ(whole[1],
              "D\0\x01\0\0\0\x03"
              "abc"s);
    EXPECT_EQ(whole[5], "half 7");
    for (const std::size_t piece : {1U, 2U, 3U, 5U, 7U, 4096U, 65536U}) EXPECT_EQ(read(stream, piece), whole) << piece;
    const std::string_view beginning = std::string_view(stream).substr(0, 40);
    for (std::size_t cut = 0; cut <= beginning.size(); ++cut) {
        message_reader in;
        std::vector<std::string> out;
        for (const auto part : {beginning.substr(0, cut), beginning.substr(cut)}) {
            part.copy(in.prepare().data(), part.size());
            in.commit(part.size());
            while (const auto next = in.next()) out.push_back(std::string(1, next->type) + std::string(next->body));
        }
        EXPECT_EQ(out, std::vector<std::string>(whole.begin(), whole.begin() + 2)) << cut;
    }
}

TEST(postgres_protocol, given_what_is_no_message_when_read_then_nothing_after_it_is_believed) {
    struct bad_case {
        std::string_view name;
        std::string octets;
    };
    const bad_case cases[] = {
        {"an unknown type", with_length('?', "")},         {"the log-in once more", with_length('R', "\0\0\0\0"s)},
        {"a length below its own", "Z\0\0\0\x03I"s},       {"a negative length", "D\xff\xff\xff\xff"s},
        {"a long CommandComplete", "C\0\1\0\0"s},          {"more than a gigabyte", "D\x40\0\0\x01"s},
        {"the rest of another message", "half past nine"},
    };
    for (const auto& one : cases) {
        EXPECT_EQ(read(one.octets + with_length('Z', "I"), 1000), std::vector<std::string>{"failed"}) << one.name;
    }
}

TEST(postgres_protocol, given_a_large_length_alone_when_announced_then_no_memory_is_taken_for_it) {
    message_reader in;
    "D\x3f\xff\xff\xff"sv.copy(in.prepare().data(), 5);
    in.commit(5);
    EXPECT_FALSE(in.next());
    EXPECT_FALSE(in.failed());
    EXPECT_LE(in.prepare().size(), 64U * 1024);
}

TEST(postgres_protocol, given_answers_when_looked_through_then_the_end_is_seen_and_nothing_is_consumed) {
    message_reader in;
    const auto give = [&](std::string_view octets) {
        octets.copy(in.prepare().data(), octets.size());
        in.commit(octets.size());
    };
    give(with_length('2', "") + "Z\0\0\0\x05"s);
    EXPECT_FALSE(in.holds_end());
    give("I");
    give(with_length('D', "\0\0"s) + with_length('E', "CXX000\0\0"s));
    EXPECT_TRUE(in.holds_end());
    EXPECT_FALSE(in.holds_error());
    EXPECT_EQ(in.next()->type, '2');
    EXPECT_TRUE(in.holds_end());
    EXPECT_EQ(in.next()->type, 'Z');
    EXPECT_FALSE(in.holds_end());
    EXPECT_TRUE(in.holds_error());
}

TEST(postgres_protocol, given_an_error_when_read_then_each_field_has_its_place) {
    const auto error = read_error(
        "SFEHLER\0VERROR\0C42P01\0Mno table\0Ddetail\0Hhint\0Wcontext\0P15\0Fparse.c\0L12\0Rparser\0?new\0\0"sv);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->what.kind, sql::failure_kind::database);
    EXPECT_EQ(error->what.severity, "ERROR");
    EXPECT_EQ(error->what.sqlstate, "42P01");
    EXPECT_EQ(error->what.message, "no table");
    EXPECT_EQ(error->what.detail, "detail");
    EXPECT_EQ(error->what.hint, "hint");
    EXPECT_EQ(error->what.where, "context");
    EXPECT_EQ(error->what.position, 15);
    EXPECT_FALSE(error->stale);
    EXPECT_EQ(read_error("SFATAL\0Mx\0\0"sv)->what.severity, "FATAL");
    EXPECT_EQ(read_error("SFATAL\0Mx\0\0"sv)->what.sqlstate, "XX000");
    EXPECT_TRUE(read_error("C0A000\0Mcached plan must not change result type\0\0"sv)->stale);
    EXPECT_TRUE(read_error("C0A000\0Manders\0RRevalidateCachedQuery\0\0"sv)->stale);
    EXPECT_FALSE(read_error("C0A000\0Manders\0Wfunction f\0RRevalidateCachedQuery\0\0"sv)->stale);
    for (const auto broken : {""sv, "S"sv, "SERROR"sv, "SERROR\0"sv, "SERROR\0C"sv}) EXPECT_FALSE(read_error(broken));
}

TEST(postgres_protocol, given_descriptions_and_rows_when_read_then_only_whole_ones_pass) {
    const auto field = "id\0\0\0\x40\0\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0"s;
    std::vector<result_field> fields;
    ASSERT_TRUE(read_row_description("\0\x01"s + field, fields));
    ASSERT_EQ(fields.size(), 1U);
    EXPECT_EQ(fields[0].name, "id");
    EXPECT_EQ(fields[0].table, 0x4000U);
    EXPECT_EQ(fields[0].number, 1);
    EXPECT_EQ(fields[0].type, 23U);
    EXPECT_EQ(fields[0].modifier, -1);
    EXPECT_TRUE(read_row_description("\0\0"s, fields));
    EXPECT_TRUE(fields.empty());
    for (const auto& broken : {"\0\x02"s + field, "\0\x01"s + field + "x", "\0\x01"s + field.substr(0, 9), ""s, "\0"s,
                               "\xff\xff"s, "\0\x01id"s}) {
        EXPECT_FALSE(read_row_description(broken, fields));
    }
    sql::cell cells[2];
    ASSERT_TRUE(read_row("\0\x02\xff\xff\xff\xff\0\0\0\x02hi"sv, cells));
    EXPECT_EQ(cells[0].is, sql::cell::form::null);
    EXPECT_EQ(cells[1].text, "hi");
    for (const auto broken : {""sv, "\0"sv, "\0\x01\0\0\0\0"sv, "\0\x02\0\0\0\0"sv, "\0\x02\0\0\0\0\0\0\0\x03hi"sv,
                              "\0\x02\0\0\0\0\0\0\0\x01hi"sv, "\0\x02\xff\xff\xff\xfe\0\0\0\0"sv}) {
        EXPECT_FALSE(read_row(broken, cells));
    }
    EXPECT_EQ(read_command_tag("INSERT 0 1\0"sv), "INSERT 0 1");
    EXPECT_FALSE(read_command_tag("INSERT 0 1"sv));
    EXPECT_FALSE(read_command_tag("INSERT\0 "sv));
    EXPECT_EQ(read_ready("T"), 'T');
    for (const auto broken : {""sv, "X"sv, "II"sv}) EXPECT_FALSE(read_ready(broken));
}

// ---- what statements are

TEST(postgres_protocol, given_texts_when_looked_at_then_their_first_words_say_whether_the_server_plans_them) {
    struct text_case {
        std::string_view text;
        bool planned;
    };
    const text_case cases[] = {
        {"SELECT 1", true},
        {" -- why\n /* and /* how */ */ (( select 1", true},
        {"WITH x AS (SELECT 1) INSERT INTO t SELECT 1 FROM x", true},
        {"values (1)", true},
        {"TABLE t", true},
        {"INSERT INTO t VALUES (1)", true},
        {"DELETE FROM t Returning *", true},
        {"SHOW work_mem", false},
        {"EXECUTE mine", false},
        {"FETCH c", false},
        {"EXPLAIN SELECT 1", false},
        {"SELECTED", false},
        {"'SELECT'", false},
        {"\"select\"", false},
        {"", false},
        {"-- nothing", false},
    };
    for (const auto& one : cases) EXPECT_EQ(is_planned(one.text), one.planned) << one.text;
}

}  // namespace
}  // namespace borealis::postgres
