#include "secrets/store.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "secrets/rotator.hpp"
#include "secrets/sealer.hpp"
#include "sqlite/database.hpp"
#include "support/temporary_folder.hpp"

namespace borealis::secrets {
namespace {

using namespace std::chrono_literals;
using core::error_kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
namespace fs = std::filesystem;

core::secret_text text(std::string_view of) { return core::secret_text(std::string(of)); }
/// The value under `id`, or the error's text.
std::string read(const store& from, std::string_view id) {
    const auto found = from.get(id);
    return found ? found->text.reveal() : found.error().message;
}
std::string bytes_of(const fs::path& file) {
    std::ifstream from(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(from), {}};
}
std::string refusal_of(const fs::path& folder) {
    try {
        const store made({.folder = folder});
    } catch (const std::runtime_error& why) {
        return why.what();
    }
    return "accepted";
}

/// Every test of a running store is run in memory and on disk.
struct storing : ::testing::TestWithParam<bool> {
    tests::temporary_folder folder;
    store on{{.folder = GetParam() ? folder.path() : fs::path()}};
};
INSTANTIATE_TEST_SUITE_P(both, storing, ::testing::Bool(),
                         [](const auto& of) { return of.param ? "on_disk" : "in_memory"; });

TEST_P(storing, given_a_secret_when_read_then_every_form_of_its_id_finds_it) {  // R-10.11, R-12.40
    const auto made = on.put("app/db-login", text(R"({"username":"u"})"), "of the app", store::if_exists::fail, "rds");
    ASSERT_TRUE(made);
    EXPECT_THAT(made->arn,
                MatchesRegex("arn:aws:secretsmanager:us-east-1:123456789012:secret:app/db-login-[A-Za-z0-9]+"));
    for (const auto& id : {made->arn, made->arn.substr(0, made->arn.size() - 7), std::string("app/db-login")})
        EXPECT_EQ(read(on, id), R"({"username":"u"})") << id;
    for (const auto& id :
         {std::string("app/db"), made->arn.substr(0, made->arn.size() - 1), std::string(), std::string("APP/DB-LOGIN")})
        EXPECT_EQ(on.get(id).error().kind, error_kind::secret_not_found) << id;
    EXPECT_EQ(read(on, "nobody"), "The secret nobody wasn't found.");  // R-2.35
    const auto about = on.describe("app/db-login");
    EXPECT_EQ(about->text, "of the app");
    EXPECT_EQ(about->owning_service, "rds");
    EXPECT_FALSE(about->from_config);
}

TEST_P(storing, given_two_names_where_one_looks_like_an_arn_of_the_other_when_read_then_the_whole_arn_wins) {
    const auto first = on.put("db", text("first"), "", store::if_exists::fail);
    const auto twin = first->arn.substr(first->arn.rfind(':') + 1);
    ASSERT_TRUE(on.put(twin, text("second"), "", store::if_exists::fail));
    EXPECT_EQ(read(on, first->arn), "first");
    EXPECT_EQ(read(on, twin), "second");
}

TEST_P(storing, given_a_new_value_when_put_then_the_former_is_the_previous_one) {  // R-12.41
    const auto first = on.put("db", text("one"), "", store::if_exists::replace);
    const auto before = on.generation();
    const auto second = on.put("db", text("two"), "", store::if_exists::replace);
    EXPECT_GT(on.generation(), before);
    ASSERT_TRUE(on.put("db", text("three"), "", store::if_exists::replace));
    EXPECT_EQ(read(on, "db"), "three");
    const auto all = on.look_up("db");
    ASSERT_EQ(all->versions.size(), 3U);
    EXPECT_EQ(all->with_label(current_label)->text.reveal(), "three");
    EXPECT_EQ(all->with_label(previous_label)->text.reveal(), "two");
    EXPECT_EQ(all->with_label(previous_label)->id, second->version_id);
    EXPECT_TRUE(all->with_id(first->version_id)->labels.empty());  // deprecated, and still to be read by its id
    EXPECT_EQ(all->about.arn, first->arn);
}

TEST_P(storing, given_a_taken_name_when_made_then_the_text_is_that_of_aws) {  // R-12.43
    ASSERT_TRUE(on.put("db", text("one"), "", store::if_exists::fail));
    const auto again = on.put("db", text("two"), "", store::if_exists::fail);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, error_kind::already_exists);
    EXPECT_EQ(again.error().message, "The operation failed because the secret db already exists.");
    EXPECT_EQ(read(on, "db"), "one");
}

TEST_P(storing, given_the_same_token_when_repeated_then_only_the_same_value_passes) {  // R-12.41
    const std::string token = "00000000-0000-4000-8000-000000000001";
    const auto made = on.create("db", {.value = text("one"), .token = token});
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->about.version_id, token);
    EXPECT_TRUE(on.create("db", {.value = text("one"), .token = token}));
    EXPECT_EQ(on.create("db", {.value = text("two"), .token = token}).error().kind, error_kind::already_exists);
    EXPECT_TRUE(on.update("db", {.value = text("one"), .token = token}));
    EXPECT_EQ(on.update("db", {.value = text("two"), .token = token}).error().kind, error_kind::already_exists);
    EXPECT_EQ(on.look_up("db")->versions.size(), 1U);
}

TEST_P(storing, given_a_scheduled_removal_when_read_then_it_counts_as_not_found_until_taken_back) {  // R-12.43, R-12.45
    ASSERT_TRUE(on.put("db", text("one"), "", store::if_exists::fail));
    ASSERT_TRUE(on.schedule_removal("db", std::chrono::system_clock::now() + 24h));
    EXPECT_EQ(on.get("db").error().kind, error_kind::secret_not_found);
    EXPECT_TRUE(on.list().empty());
    EXPECT_EQ(on.all().size(), 1U);
    EXPECT_EQ(on.update("db", {.value = text("two")}).error().message,
              "You can't perform this operation on the secret because it was marked for deletion.");
    EXPECT_EQ(on.create("db", {.value = text("two")}).error().message,
              "You can't create this secret because a secret with this name is already scheduled for deletion.");
    ASSERT_TRUE(on.schedule_removal("db", std::nullopt));
    EXPECT_EQ(read(on, "db"), "one");
    ASSERT_TRUE(on.schedule_removal("db", std::chrono::system_clock::now() - 1s));
    EXPECT_EQ(on.look_up("db"), nullptr);
    EXPECT_TRUE(on.put("db", text("anew"), "", store::if_exists::fail));
    EXPECT_EQ(read(on, "db"), "anew");
}

TEST_P(storing, given_another_config_when_declared_anew_then_its_secrets_take_the_place_of_those_before) {
    on.redeclare({{"stays", "", text("a")}, {"changes", "", text("b")}, {"goes", "", text("c")}});
    const auto version = on.describe("stays")->version_id;
    const auto generation = on.generation();
    on.redeclare({{"stays", "", text("a")}, {"changes", "", text("B")}, {"comes", "", text("d")}});
    EXPECT_EQ(on.describe("stays")->version_id, version) << "what has not changed is the same version";
    EXPECT_EQ(read(on, "changes"), "B");
    EXPECT_EQ(read(on, "comes"), "d");
    EXPECT_FALSE(on.get("goes"));
    EXPECT_GT(on.generation(), generation);
    const auto again = on.generation();
    on.redeclare({{"stays", "", text("a")}, {"changes", "", text("B")}, {"comes", "", text("d")}});
    EXPECT_EQ(on.generation(), again);
    EXPECT_THROW(on.redeclare({{"stays", "", text("x")}, {"no name", "", text("x")}}), std::invalid_argument);
    EXPECT_EQ(read(on, "stays"), "a") << "all of it, or nothing";
    on.renew_declared("goes", text("e"));
    EXPECT_FALSE(on.get("goes"));
    on.renew_declared("comes", text("e"));
    EXPECT_EQ(read(on, "comes"), "e");
}

TEST_P(storing, given_a_secret_of_the_config_when_declared_then_it_is_read_and_cannot_be_changed) {
    ASSERT_TRUE(on.put("db", text("stored"), "", store::if_exists::fail));
    on.declare("db", "", text("declared"));
    EXPECT_EQ(read(on, "db"), "declared");
    const auto arn = on.describe("db")->arn;
    EXPECT_EQ(read(on, arn), "declared");
    EXPECT_EQ(on.remove("db").error().kind, error_kind::invalid_state);
    EXPECT_THAT(on.update("db", {.value = text("x")}).error().message, HasSubstr("declared in the server's config"));
    on.declare("db", "", text("declared again"));
    EXPECT_EQ(read(on, arn), "declared again");
    on.declare("other", "arn:aws:secretsmanager:eu-west-1:1:secret:other-AbCdEf", text("x"));
    EXPECT_EQ(read(on, "arn:aws:secretsmanager:eu-west-1:1:secret:other"), "x");
    EXPECT_THROW(on.declare("no blanks", "", text("x")), std::invalid_argument);
    EXPECT_THROW(on.declare("empty", "", text("")), std::invalid_argument);
}

TEST_P(storing, given_malformed_input_when_put_then_validation) {
    const auto kind = [&](std::string_view name, std::string_view of) {
        const auto made = on.put(name, text(of), "", store::if_exists::fail);
        return made ? error_kind::internal : made.error().kind;
    };
    EXPECT_EQ(kind("", "x"), error_kind::validation);
    EXPECT_EQ(kind("a b", "x"), error_kind::validation);
    EXPECT_EQ(kind(std::string(513, 'a'), "x"), error_kind::validation);
    EXPECT_EQ(kind("a", ""), error_kind::validation);
    EXPECT_EQ(kind("a", std::string(65537, 'x')), error_kind::validation);
    EXPECT_EQ(on.create("a", {.value = text("x"), .token = "short"}).error().kind, error_kind::validation);
    EXPECT_TRUE(on.put("rds!cluster-1/_+=.@-", text(std::string(65536, 'x')), "", store::if_exists::fail));  // R-12.46
    EXPECT_EQ(on.remove("nothing").error().kind, error_kind::secret_not_found);
}

TEST_P(storing, given_readers_beside_a_writer_when_both_run_then_readers_see_whole_values) {
    ASSERT_TRUE(on.put("db", text("0"), "", store::if_exists::fail));
    std::atomic<bool> done = false;
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            while (!done) {
                if (const auto found = on.get("db"); !found || found->text.empty()) ++wrong;
            }
        });
    }
    for (int i = 1; i <= 50; ++i) ASSERT_TRUE(on.put("db", text(std::to_string(i)), "", store::if_exists::replace));
    done = true;
    readers.clear();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(read(on, "db"), "50");
}

struct store_on_disk : ::testing::Test {
    tests::temporary_folder folder;
    fs::path at = folder.path() / "state";
};

TEST_F(store_on_disk, given_secrets_when_opened_again_then_all_is_there) {
    description before;
    {
        store on({.folder = at, .region = "eu-west-1", .account = "1"});
        before = *on.put("db", text("one"), "about", store::if_exists::fail, "rds");
        ASSERT_TRUE(on.put("db", text("two"), "about", store::if_exists::replace));
        ASSERT_TRUE(on.update("db", {.tags = std::vector<tag>{{"a", "b"}}}));
        on.declare("of-config", "", text("x"));
    }
    const store on({.folder = at});
    EXPECT_EQ(read(on, before.arn), "two");
    const auto after = on.look_up("db");
    EXPECT_EQ(after->with_label(previous_label)->text.reveal(), "one");
    EXPECT_EQ(after->about.created, before.created);
    EXPECT_EQ(after->about.text, "about");
    EXPECT_EQ(after->about.owning_service, "rds");
    EXPECT_THAT(after->about.tags, ElementsAre(tag{"a", "b"}));
    EXPECT_EQ(on.list().size(), 1U);
}

TEST_F(store_on_disk, given_a_value_when_written_then_no_file_holds_it_and_others_may_read_none) {
    store on({.folder = at});
    ASSERT_TRUE(on.put("db", text("plain-as-day-4711"), "", store::if_exists::fail));
    ASSERT_TRUE(on.put("db", text("plain-as-day-4712"), "", store::if_exists::replace));
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(at)) {
        ++files;
        std::ifstream from(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(from), {}};
        EXPECT_EQ(bytes.find("plain-as-day"), std::string::npos) << entry.path();
        EXPECT_EQ(entry.status().permissions(), fs::perms(0600)) << entry.path();
    }
    EXPECT_GE(files, 3U);  // the database, its write-ahead log, the key
}

TEST_F(store_on_disk, given_two_stores_on_one_folder_when_one_writes_then_the_other_follows) {
    store one({.folder = at});
    store two({.folder = at});
    EXPECT_EQ(two.get("db").error().kind, error_kind::secret_not_found);
    ASSERT_TRUE(one.put("db", text("first"), "", store::if_exists::fail));
    EXPECT_EQ(read(two, "db"), "first");  // a miss looks at once
    const auto before = two.generation();
    ASSERT_TRUE(one.put("db", text("second"), "", store::if_exists::replace));
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (two.generation() == before && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(10ms);
    EXPECT_EQ(read(two, "db"), "second");
    // A writer builds on the newest state, seen or not.
    ASSERT_TRUE(one.put("db", text("third"), "", store::if_exists::replace));
    ASSERT_TRUE(two.put("db", text("fourth"), "", store::if_exists::replace));
    EXPECT_EQ(two.look_up("db")->with_label(previous_label)->text.reveal(), "third");
    EXPECT_EQ(two.put("db", text("x"), "", store::if_exists::fail).error().kind, error_kind::already_exists);
}

TEST_F(store_on_disk, given_many_openers_at_once_when_the_folder_is_new_then_all_share_one_key) {
    std::vector<std::jthread> openers;
    std::atomic<int> good = 0;
    for (int i = 0; i < 4; ++i) {
        openers.emplace_back([&, i] {
            store on({.folder = at});
            if (on.put("db" + std::to_string(i), text("x"), "", store::if_exists::fail)) ++good;
        });
    }
    openers.clear();
    EXPECT_EQ(good, 4);
    EXPECT_EQ(store({.folder = at}).list().size(), 4U);
}

TEST_F(store_on_disk, given_a_killed_writer_when_opened_then_what_was_answered_is_there) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        store on({.folder = at});
        for (int i = 0;; ++i) {
            if (!on.put("db", text(std::to_string(i)), "", store::if_exists::replace)) ::_exit(1);
            if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
        }
    }
    int answered = -1;
    while (answered < 20) ASSERT_EQ(::read(pipe_ends[0], &answered, sizeof answered), ssize_t{sizeof answered});
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(pipe_ends[1]);
    for (int next = 0; ::read(pipe_ends[0], &next, sizeof next) == ssize_t{sizeof next};) answered = next;
    ::close(pipe_ends[0]);
    EXPECT_GE(std::stoi(read(store({.folder = at}), "db")), answered);
}

TEST_F(store_on_disk, given_secrets_of_the_first_schema_when_opened_then_their_versions_have_labels) {
    fs::create_directory(at);
    make_key_file(at / "secrets.key");
    const std::string arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf";
    {
        const sealer key(read_key_file(at / "secrets.key", readable_by::owner));
        sqlite::database old(at / "secrets.db");
        old.run("CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT");
        old.run(
            "CREATE TABLE secrets (arn TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, about TEXT NOT NULL, "
            "owning_service TEXT NOT NULL, tags TEXT NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL, "
            "removal INTEGER) STRICT");
        old.run(
            "CREATE TABLE versions (arn TEXT NOT NULL REFERENCES secrets (arn) ON DELETE CASCADE, id TEXT NOT NULL, "
            "stage INTEGER NOT NULL, binary INTEGER NOT NULL, created INTEGER NOT NULL, sealed BLOB NOT NULL, "
            "PRIMARY KEY (arn, id), UNIQUE (arn, stage)) STRICT");
        sqlite::database::statement(old, "INSERT INTO meta VALUES ('key_check', ?)")
            .bind_bytes(key.seal("borealis", "key check"))
            .run();
        sqlite::database::statement(old, "INSERT INTO secrets VALUES (?, 'db', 'about', '', ?, 1000, 2000, NULL)")
            .bind(arn)
            .bind(R"([{"Key":"a","Value":"b"}])")
            .run();
        for (const auto& [id, stage] : {std::pair("one", std::int64_t{1}), std::pair("two", std::int64_t{0})}) {
            sqlite::database::statement(old, "INSERT INTO versions VALUES (?, ?, ?, 0, 1000, ?)")
                .bind(arn)
                .bind(id)
                .bind(stage)
                .bind_bytes(key.seal(std::string("value ") + id, arn + "\n" + id))
                .run();
        }
        old.run("PRAGMA user_version = 1");
    }
    const auto meta = [this](std::string_view name) {
        sqlite::database now(at / "secrets.db");
        sqlite::database::statement asked(now, "SELECT count(*) FROM meta WHERE name = ?");
        asked.bind(name);
        return asked.step() ? asked.number(0) : -1;
    };
    const auto refused_with_another_key = [this] {
        const auto away = at / "away";
        fs::rename(at / "secrets.key", away);
        make_key_file(at / "secrets.key");
        const auto said = refusal_of(at);
        fs::rename(away, at / "secrets.key");
        return said;
    };
    EXPECT_THAT(refused_with_another_key(), HasSubstr("is not the key"));
    EXPECT_EQ(meta("key_mark"), 0);
    for (int i = 0; i < 2; ++i) {
        store on({.folder = at});
        EXPECT_EQ(meta("key_mark"), 1);
        EXPECT_EQ(meta("key_check"), 1);
        EXPECT_EQ(read(on, "db"), "value two");
        const auto found = on.look_up(arn);
        EXPECT_EQ(found->with_label(previous_label)->text.reveal(), "value one");
        EXPECT_THAT(found->about.tags, ElementsAre(tag{"a", "b"}));
    }
    ASSERT_TRUE(store({.folder = at}).put("db", text("three"), "", store::if_exists::replace));
    EXPECT_EQ(store({.folder = at}).look_up("db")->versions.size(), 3U);
    EXPECT_THAT(refused_with_another_key(), HasSubstr("is not the key"));
    EXPECT_EQ(store({.folder = at}).rekey(), 3U);
    EXPECT_EQ(meta("key_check"), 0);
    EXPECT_EQ(read(store({.folder = at}), "db"), "three");
}

TEST_F(store_on_disk, given_labels_rules_and_dates_when_opened_again_then_all_is_there) {
    const auto day = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    {
        store on({.folder = at});
        ASSERT_TRUE(on.create("db", {.kms_key = "alias/x", .value = text("one")}));
        ASSERT_TRUE(on.update("db", {.value = text("two"), .labels = {"AWSPENDING", "mine, \"quoted\""}}));
        ASSERT_TRUE(on.edit("db", [day](record& change) -> core::result<void> {
            change.about.rotates = {.enabled = true, .every = 3600s, .rules = "{}", .last = day};
            change.about.accessed = day;
            return {};
        }));
    }
    const auto after = store({.folder = at}).look_up("db");
    EXPECT_EQ(after->about.kms_key, "alias/x");
    EXPECT_EQ(after->with_label(current_label)->text.reveal(), "one");
    EXPECT_THAT(after->versions.front().labels, ElementsAre("AWSPENDING", "mine, \"quoted\""));
    EXPECT_EQ(after->about.accessed, day);
    EXPECT_EQ(after->about.rotates, (rotation{.enabled = true, .every = 3600s, .rules = "{}", .last = day}));
    EXPECT_EQ(after->next_rotation(), day + 3600s);
}

TEST_F(store_on_disk, given_many_versions_when_more_come_then_the_oldest_without_labels_go) {
    store on({.folder = at});
    const auto first = *on.put("db", text("0"), "", store::if_exists::fail);
    for (int i = 1; i <= 101; ++i) ASSERT_TRUE(on.put("db", text(std::to_string(i)), "", store::if_exists::replace));
    EXPECT_NE(on.look_up("db")->with_id(first.version_id), nullptr);
    ASSERT_TRUE(on.put("db", text("last"), "", store::if_exists::replace));
    EXPECT_EQ(on.look_up("db")->with_id(first.version_id), nullptr);
    const auto after = store({.folder = at}).look_up("db");
    EXPECT_EQ(after->versions.size(), 102U);
    EXPECT_EQ(after->versions.front().text.reveal(), "last");
}

TEST_F(store_on_disk, given_an_expired_secret_when_its_name_is_used_again_then_it_is_free) {
    const auto soon = std::chrono::system_clock::now() + 50ms;
    store on({.folder = at});
    ASSERT_TRUE(on.put("db", text("one"), "", store::if_exists::fail));
    ASSERT_TRUE(on.schedule_removal("db", soon));
    std::this_thread::sleep_until(soon + 10ms);
    const auto made = on.put("db", text("anew"), "", store::if_exists::fail);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(read(store({.folder = at}), "db"), "anew");
}

TEST_F(store_on_disk, given_a_new_key_when_everything_is_encrypted_anew_then_open_stores_go_on) {
    store one({.folder = at});
    store two({.folder = at});
    ASSERT_TRUE(one.put("db", text("first"), "", store::if_exists::fail));
    ASSERT_TRUE(one.put("db", text("second"), "", store::if_exists::replace));
    EXPECT_EQ(read(two, "db"), "second");
    const std::string before = bytes_of(at / "secrets.key");
    EXPECT_EQ(one.rekey(), 2U);
    EXPECT_NE(bytes_of(at / "secrets.key"), before);
    EXPECT_EQ(fs::status(at / "secrets.key").permissions(), fs::perms(0600));
    EXPECT_FALSE(fs::exists(at / "secrets.key.new"));
    // The other one writes with the new key, and reads what the first writes with it.
    ASSERT_TRUE(two.put("other", text("third"), "", store::if_exists::fail));
    EXPECT_EQ(read(one, "other"), "third");
    ASSERT_TRUE(one.put("again", text("fourth"), "", store::if_exists::fail));
    EXPECT_EQ(read(two, "again"), "fourth");
    EXPECT_EQ(two.look_up("db")->with_label(previous_label)->text.reveal(), "first");
    EXPECT_EQ(read(store({.folder = at}), "db"), "second");
    std::ofstream(at / "secrets.key", std::ios::binary) << before;
    EXPECT_THAT(refusal_of(at), HasSubstr("is not the key"));
}

TEST_F(store_on_disk, given_something_closed_when_the_store_is_rekeyed_and_opened_again_then_it_still_opens) {
    std::string closed;
    {
        store on({.folder = at});
        closed = on.close("text", "context");
        EXPECT_EQ(on.open(closed, "context")->reveal(), "text");
        EXPECT_FALSE(on.open(closed, "another"));
        EXPECT_FALSE(on.open("short", "context"));
        on.rekey();
        EXPECT_EQ(on.open(closed, "context")->reveal(), "text");
    }
    store again({.folder = at});
    again.rekey();
    EXPECT_EQ(again.open(closed, "context")->reveal(), "text");
    store beside({.folder = at});
    EXPECT_EQ(beside.open(again.close("more", "context"), "context")->reveal(), "more");
    EXPECT_THROW((void)store({}).close("text", "context"), std::runtime_error);
}

TEST_F(store_on_disk, given_a_rekey_killed_at_any_moment_when_opened_then_nothing_is_lost) {
    {
        store on({.folder = at});
        for (int i = 0; i < 5; ++i)
            ASSERT_TRUE(on.put("db" + std::to_string(i), text("value"), "", store::if_exists::fail));
    }
    int unfinished = 0;
    for (int round = 0; round < 100; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            try {
                store on({.folder = at});
                while (true) on.rekey();
            } catch (const std::exception& why) {  // this process must not go on as the test
                std::fputs(why.what(), stderr);
                ::_exit(1);
            }
        }
        std::this_thread::sleep_for(std::chrono::microseconds(2'000 + 137 * round));
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
        if (fs::exists(at / "secrets.key.new")) ++unfinished;
        store on({.folder = at});
        for (int i = 0; i < 5; ++i) ASSERT_EQ(read(on, "db" + std::to_string(i)), "value") << round;
        ASSERT_TRUE(on.put("db0", text("value"), "", store::if_exists::replace));
    }
    EXPECT_GT(unfinished, 0);  // it was not always killed between two of them
}

TEST_F(store_on_disk, given_a_key_from_elsewhere_when_opened_then_no_key_file_is_made) {
    const std::string hex(64, 'a');
    const settings from_text{.folder = at, .key_text = text(hex), .key_name = "the variable K"};
    {
        store on(from_text);
        ASSERT_TRUE(on.put("db", text("one"), "", store::if_exists::fail));
        EXPECT_FALSE(fs::exists(at / "secrets.key"));
        EXPECT_THROW(on.rekey(), std::runtime_error);
        EXPECT_EQ(on.rekey(text(std::string(64, 'b'))), 1U);
        EXPECT_EQ(read(on, "db"), "one");
        ASSERT_TRUE(on.put("other", text("two"), "", store::if_exists::fail));
    }
    try {
        const store wrong(from_text);
        FAIL();
    } catch (const std::runtime_error& why) {
        EXPECT_THAT(why.what(), HasSubstr("the variable K: is not the key"));
    }
    const auto credential = folder.path() / "credential";
    std::ofstream(credential) << std::string(64, 'b') << '\n';
    fs::permissions(credential, fs::perms(0440));
    store on({.folder = at, .key_file = credential, .key_file_is_given = true});
    EXPECT_EQ(read(on, "db"), "one");
    EXPECT_EQ(read(on, "other"), "two");
    EXPECT_FALSE(fs::exists(at / "secrets.key"));
}

TEST_F(store_on_disk, given_a_database_that_others_can_read_when_opened_then_it_is_refused) {
    store({.folder = at});
    fs::permissions(at / "secrets.db", fs::perms(0640));
    EXPECT_THAT(refusal_of(at), HasSubstr("chmod 600 " + (at / "secrets.db").string()));
}

TEST_F(store_on_disk, given_a_writer_killed_100_times_when_opened_then_what_was_answered_is_there) {
    ASSERT_TRUE(store({.folder = at}).put("db", text("0"), "", store::if_exists::fail));
    for (int round = 0; round < 100; ++round) {
        int pipe_ends[2];
        ASSERT_EQ(::pipe(pipe_ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            store on({.folder = at});
            for (int i = 1;; ++i) {
                const auto name = "n" + std::to_string(round);
                const auto number = std::to_string(round * 1000 + i);
                // A version id of its own: forked children draw the same random ones.
                bool good =
                    on.update("db", {.value = text(number), .token = std::string(32 - number.size(), '0') + number})
                        .has_value();
                good = good && on.create(name, {.value = text("x")});
                good = good && on.update(name, {.value = text("y"), .labels = {"AWSPENDING"}});
                good = good && finish_rotation(on, name);
                good = good && on.remove(name);
                if (!good || ::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
            }
        }
        int answered = 0;
        ASSERT_EQ(::read(pipe_ends[0], &answered, sizeof answered), ssize_t{sizeof answered});
        std::this_thread::sleep_for(std::chrono::microseconds(97 * round));
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
        ::close(pipe_ends[1]);
        for (int next = 0; ::read(pipe_ends[0], &next, sizeof next) == ssize_t{sizeof next};) answered = next;
        ::close(pipe_ends[0]);
        const store on({.folder = at});
        ASSERT_GE(std::stoi(read(on, "db")), round * 1000 + answered);
        // One that was being made is there whole, with one version that is current, or not at all.
        for (const auto& each : on.all()) ASSERT_NE(each->with_label(current_label), nullptr) << each->about.name;
    }
}

TEST_F(store_on_disk, given_a_master_login_when_made_then_it_belongs_to_rds_and_names_its_cluster) {  // R-12.46
    store on({.folder = at});
    const auto made = on.make_master_login("arn:aws:rds:us-east-1:123456789012:cluster:c", "admin", text("pass\"word"));
    ASSERT_TRUE(made);
    EXPECT_THAT(made->name, MatchesRegex("rds!cluster-[0-9a-f-]{36}"));
    EXPECT_EQ(made->owning_service, "rds");
    EXPECT_EQ(read(on, made->arn), R"({"username":"admin","password":"pass\"word"})");
    EXPECT_EQ(made->tags.front(),
              (tag{std::string(store::cluster_tag), "arn:aws:rds:us-east-1:123456789012:cluster:c"}));
    EXPECT_TRUE(on.remove(made->arn));
}

TEST_F(store_on_disk, given_a_key_that_does_not_fit_when_opened_then_the_error_names_the_file) {
    {
        store({.folder = at}).put("db", text("x"), "", store::if_exists::fail).value();
    }
    const auto key = at / "secrets.key";
    fs::permissions(key, fs::perms(0644));
    EXPECT_THAT(refusal_of(at), HasSubstr("chmod 600 " + key.string()));
    fs::permissions(key, fs::perms(0600));
    std::ofstream(key, std::ios::binary) << std::string(32, 'k');
    EXPECT_THAT(refusal_of(at), HasSubstr(key.string() + ": is not the key"));
    fs::remove(key);
    EXPECT_THAT(refusal_of(at), HasSubstr(key.string() + ": is missing"));
    EXPECT_FALSE(fs::exists(key));
}

TEST_F(store_on_disk, given_a_file_that_is_no_database_when_opened_then_the_error_names_it) {
    store({.folder = at});
    fs::remove(at / "secrets.db-wal");
    fs::remove(at / "secrets.db-shm");
    std::ofstream(at / "secrets.db") << std::string(8192, 'x');
    EXPECT_THAT(refusal_of(at), HasSubstr((at / "secrets.db").string()));
    std::ofstream(folder.path() / "plain") << "x";
    EXPECT_THAT(refusal_of(folder.path() / "plain"), HasSubstr((folder.path() / "plain").string()));
}

}  // namespace
}  // namespace borealis::secrets
