// Packets that answer our own commands, made by hand.
#include "mysql/answers.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "harness.hpp"

namespace borealis::mysql {
namespace {

using namespace std::string_literals;
using progress = answer::progress;
using part = outline::part;

/// A column definition: `label` of type BIGINT, without extended metadata.
std::string column(const std::string& label) {
    const auto counted = [](const std::string& text) { return std::string(1, static_cast<char>(text.size())) + text; };
    return counted("def") + counted("db") + counted("t") + counted("t") + counted(label) + counted("own") +
           "\x0C\x3F\0\x14\0\0\0\x08\0\0\0\0\0"s;
}
const std::string end_of_columns = "\xFE\0\0\x02\0"s;
const std::string last_end = "\xFE\0\0\x02\0"s;
const std::string more_end = "\xFE\0\0\x0A\0"s;  // SERVER_MORE_RESULTS_EXIST
std::string row(std::int64_t value) {
    std::string out = "\0\0"s;
    for (unsigned int i = 0; i < 64; i += 8) out += static_cast<char>(static_cast<std::uint64_t>(value) >> i);
    return out;
}

std::vector<progress> feed(answer& to, const std::vector<std::string>& packets) {
    std::vector<progress> out;
    for (const auto& one : packets) out.push_back(to.take(one));
    return out;
}

TEST(mysql_answers, given_rows_when_read_then_the_sink_has_them_and_the_shape_is_kept) {
    row_shape shape;
    collecting_sink sink;
    execution first(shape, sink, false);
    const auto how = feed(first, {"\x01"s, column("a"), end_of_columns, row(5), row(-6), last_end});
    EXPECT_EQ(how.back(), progress::whole);
    EXPECT_THAT(sink.shown_rows(), testing::ElementsAre("5", "-6"));
    EXPECT_TRUE(first.done.has_rows);
    EXPECT_EQ(first.status(), 2U);

    // MariaDB does not tell the columns again where they are the same …
    collecting_sink again;
    execution second(shape, again, false);
    EXPECT_EQ(feed(second, {"\x01\0"s, end_of_columns, row(7), last_end}).back(), progress::whole);
    EXPECT_THAT(again.shown_rows(), testing::ElementsAre("7"));
    EXPECT_EQ(again.all.at(0).label, "a");

    // … and does where they are not.
    collecting_sink changed;
    execution third(shape, changed, false);
    EXPECT_EQ(
        feed(third, {"\x02\x01"s, column("b"), column("c"), end_of_columns, "\0\x04"s + row(8).substr(2), last_end})
            .back(),
        progress::whole);
    EXPECT_THAT(changed.shown_rows(), testing::ElementsAre("NULL|8"));
    EXPECT_EQ(changed.all.at(1).label, "c");
}

TEST(mysql_answers, given_several_results_when_read_then_those_after_the_first_are_dropped) {
    row_shape shape;
    collecting_sink sink;
    execution one(shape, sink, false);
    const auto how = feed(one, {"\x01"s, column("a"), end_of_columns, row(1), more_end, "\x01"s, column("b"),
                                end_of_columns, row(2), more_end, "\0\x05\0\x02\0\0\0"s});
    EXPECT_EQ(std::count(how.begin(), how.end(), progress::more), 10);
    EXPECT_EQ(how.back(), progress::whole);
    EXPECT_THAT(sink.shown_rows(), testing::ElementsAre("1"));
    EXPECT_EQ(one.done.affected, 0);
    EXPECT_EQ(shape.columns.at(0).label, "a");
}

TEST(mysql_answers, given_an_error_at_any_place_when_read_then_it_is_the_end) {
    const std::string error = "\xFF\x25\x05#70100killed"s;
    const std::vector<std::string> all = {"\x01"s, column("a"), end_of_columns, row(1)};
    for (std::size_t kept = 0; kept <= all.size(); ++kept) {
        row_shape shape;
        collecting_sink sink;
        execution one(shape, sink, false);
        for (std::size_t i = 0; i < kept; ++i) ASSERT_EQ(one.take(all[i]), progress::more);
        ASSERT_EQ(one.take("\xFF\xFF\xFF\x01\x02\0\0\0\0"s), progress::more);  // how far it has come
        ASSERT_EQ(one.take(error), progress::whole);
        ASSERT_TRUE(one.error());
        EXPECT_EQ(one.error()->code, 1317U);
        EXPECT_EQ(one.error()->message, "killed");
        EXPECT_EQ(one.take(row(1)), progress::nonsense);
    }
}

TEST(mysql_answers, given_what_is_no_answer_when_read_then_it_is_nonsense) {
    const std::vector<std::vector<std::string>> bad = {
        {""},
        {"\xFB"s + "/etc/passwd"},  // a file of ours is asked for
        {"\xFE\0\0\x02\0"s},        // an end of nothing
        {"\0\0"s},                  // OK that is cut off
        {"\xFF\x25"s},              // an error that is
        {"\x01"s,
         "\x03"
         "de",
         end_of_columns},                                         // a definition that is
        {"\x01"s, column("a"), row(1)},                           // rows before the definitions' end
        {"\x01"s, column("a"), end_of_columns, "\0"s},            // a row without its nulls
        {"\x01"s, column("a"), end_of_columns, "\0\0\x01\x02"s},  // one without all of its number
        {"\x01\0"s, end_of_columns},                              // the columns of before, of which there are none
    };
    for (const auto& packets : bad) {
        row_shape shape;
        collecting_sink sink;
        execution one(shape, sink, false);
        EXPECT_EQ(feed(one, packets).back(), progress::nonsense) << testing::PrintToString(packets);
    }
}

TEST(mysql_answers, given_warnings_and_errors_anywhere_when_read_then_something_may_be_left_to_show) {
    const auto ok = [](char warnings, char status = 2) { return "\0\0\0"s + status + "\0"s + warnings + "\0"s; };
    const auto end = [](char warnings) { return "\xFE"s + warnings + "\0\x02\0"s; };
    const std::string error = "\xFF\x25\x05#70100killed"s;
    const auto of = [](answer& one, const std::vector<std::string>& packets) {
        EXPECT_EQ(feed(one, packets).back(), progress::whole);
        return one.warns();
    };
    for (const auto& [packets, warns] : std::vector<std::pair<std::vector<std::string>, bool>>{
             {{ok(0)}, false},
             {{ok(1)}, true},
             {{error}, true},
             {{"\x01"s, column("a"), end_of_columns, row(1), end(0)}, false},
             {{"\x01"s, column("a"), end_of_columns, row(1), end(1)}, true},
             {{"\x01"s, column("a"), end_of_columns, row(1), error}, true},
             {{"\x01"s, column("a"), end_of_columns, row(1), more_end, ok(0)}, true},  // of a procedure
             {{ok(0, 10), ok(0)}, true}}) {
        row_shape shape;
        collecting_sink sink;
        execution one(shape, sink, false);
        EXPECT_EQ(of(one, packets), warns) << testing::PrintToString(packets);
    }
    for (const auto& [packet, warns] :
         std::vector<std::pair<std::string, bool>>{{ok(0), false}, {ok(1), true}, {error, true}}) {
        one_reply single;
        EXPECT_EQ(of(single, {packet}), warns);
        replies two(2);
        EXPECT_EQ(of(two, {packet, ok(0)}), warns);
    }
    preparation quiet;
    EXPECT_FALSE(of(quiet, {"\0\x07\0\0\0\0\0\0\0\0\0\0"s}));
    preparation warned;
    EXPECT_TRUE(of(warned, {"\0\x07\0\0\0\0\0\0\0\0\x01\0"s}));
    preparation failed;
    EXPECT_TRUE(of(failed, {error}));
}

TEST(mysql_answers, given_the_end_of_a_transaction_and_a_statement_after_it_when_read_then_it_is_known_how_each_went) {
    const std::string ok = "\0\0\0\x02\0\0\0"s;
    const std::string error = "\xFF\x25\x05#70100killed"s;
    const std::vector<std::string> one_row = {ok, "\x01"s, column("a"), end_of_columns, row(0), last_end};

    ending well(1);
    EXPECT_EQ(feed(well, one_row).back(), progress::whole);
    EXPECT_TRUE(well.ended);
    EXPECT_FALSE(well.error());
    EXPECT_TRUE(well.went_well());
    EXPECT_FALSE(well.warns());
    EXPECT_EQ(well.status(), 2U);

    ending none(0);
    EXPECT_EQ(feed(none, {ok, ok}).back(), progress::whole);
    EXPECT_TRUE(none.went_well());

    ending other(0);
    EXPECT_EQ(feed(other, one_row).back(), progress::whole);
    EXPECT_FALSE(other.went_well());

    ending refused(1);
    EXPECT_EQ(feed(refused, {error, ok}).back(), progress::whole);
    EXPECT_TRUE(refused.ended);
    EXPECT_TRUE(refused.error());
    EXPECT_FALSE(refused.went_well());  // no row
    EXPECT_TRUE(refused.warns());

    ending half(1);
    EXPECT_EQ(feed(half, {ok, error}).back(), progress::whole);
    EXPECT_TRUE(half.ended);
    EXPECT_FALSE(half.error());
    EXPECT_FALSE(half.went_well());
    EXPECT_TRUE(half.warns());

    ending cut(1);
    EXPECT_EQ(feed(cut, {"\xFF\xFF\xFF\x01\x02\0\0\0\0"s, ok}).back(), progress::more);
    EXPECT_TRUE(cut.ended);
    EXPECT_FALSE(cut.error());
    EXPECT_FALSE(cut.is_whole());
    EXPECT_FALSE(cut.went_well());

    ending nonsense(1);
    EXPECT_EQ(nonsense.take("\x03"), progress::nonsense);
}

TEST(mysql_answers, given_a_statement_prepared_when_read_then_its_columns_are_known) {
    preparation none;
    EXPECT_EQ(feed(none, {"\0\x07\0\0\0\0\0\0\0\0\0\0"s}).back(), progress::whole);
    EXPECT_EQ(none.made.statement, 7U);

    preparation both;
    const auto how = feed(both, {"\0\x08\0\0\0\x01\0\x02\0\0\0\0"s, column("?"), column("?"), end_of_columns,
                                 column("a"), end_of_columns});
    EXPECT_EQ(std::count(how.begin(), how.end(), progress::more), 5);
    EXPECT_EQ(how.back(), progress::whole);
    EXPECT_EQ(both.made.parameters, 2U);
    EXPECT_EQ(both.shape.columns.at(0).label, "a");

    preparation only;
    EXPECT_EQ(feed(only, {"\0\x08\0\0\0\0\0\x01\0\0\0\0"s, column("?"), end_of_columns}).back(), progress::whole);

    preparation refused;
    EXPECT_EQ(refused.take("\xFF\x0F\x05#HY000no"s), progress::whole);
    EXPECT_EQ(refused.error()->code, 1295U);
    EXPECT_EQ(preparation().take("\x01"s), progress::nonsense);
}

TEST(mysql_answers, given_the_outline_of_an_answer_when_followed_then_each_packet_is_named) {
    outline of;
    EXPECT_EQ(of.next("\x01"s), part::columns);
    EXPECT_EQ(of.next(column("a")), part::definition);
    EXPECT_EQ(of.next(end_of_columns), part::definitions_end);
    EXPECT_EQ(of.next(row(1)), part::row);
    EXPECT_EQ(of.next(more_end), part::rows_end);
    EXPECT_FALSE(of.whole());
    EXPECT_EQ(of.next("\0\0\0\x02\0\0\0"s), part::reply);
    EXPECT_TRUE(of.whole());
    EXPECT_FALSE(of.failed());
    EXPECT_EQ(of.next(row(1)), part::nonsense);
}

TEST(mysql_packets, given_a_text_longer_than_a_packet_when_sent_and_taken_then_it_is_whole) {
    for (const std::size_t size : {0x00FF'FFFDUL, 0x00FF'FFFEUL, 0x00FF'FFFFUL, 0x01FF'FFFEUL, 0x0200'0123UL}) {
        const std::string text(size, 'x');
        std::string out;
        append_query(out, text);
        append_query(out, "next");
        std::string whole;
        std::string_view left = out;
        for (std::size_t cut : {0UL, 3UL, out.size() / 2}) {
            std::string_view some = std::string_view(out).substr(0, cut);
            EXPECT_FALSE(take_packet(some, whole));
            EXPECT_EQ(some.size(), cut);
        }
        const auto first = take_packet(left, whole);
        ASSERT_TRUE(first);
        EXPECT_TRUE(*first == "\x03" + text) << size;
        EXPECT_EQ(take_packet(left, whole), "\x03next");
        EXPECT_TRUE(left.empty());
    }
}

}  // namespace
}  // namespace borealis::mysql
