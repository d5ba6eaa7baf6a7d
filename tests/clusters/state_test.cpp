#include "clusters/state.hpp"

#include <chrono>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temporary_folder.hpp"

namespace borealis::clusters {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

stored_cluster example(std::string id = "db") {
    stored_cluster made;
    auto& about = made.about;
    about.id = id;
    about.arn = "arn:aws:rds:us-east-1:123456789012:cluster:" + id;
    about.resource_id = "cluster-" + id;
    about.instance_resource_id = "db-" + id;
    about.is = engine::mysql;
    about.engine_name = "aurora-mysql";
    about.engine_version = "8.0.mysql_aurora.3.08.0";
    about.series = "10.11";
    about.mode = generation::v1;
    about.database = "shop";
    about.master_user = "admin";
    about.master_secret_arn = "arn:secret";
    about.profile = "aws-v1";
    about.endpoint_enabled = false;
    about.protected_ = true;
    about.source = "/snapshots/s.tar.gz";
    about.port = 3307;
    about.scales = {.given = true,
                    .least = {2},
                    .most = {32},
                    .auto_pause = true,
                    .pause_after = 1500ms,
                    .timeout_action = "ForceApplyCapacityChange",
                    .before_timeout = 60s};
    about.created = std::chrono::system_clock::time_point(1'790'000'000'123ms);
    about.tags = {{"a", "1"}, {"q\"", "ü"}};
    about.instances = {{.id = id + "-1",
                        .resource_id = "db-X",
                        .size = "db.serverless",
                        .created = std::chrono::system_clock::time_point(1'790'000'001'000ms),
                        .tags = {{"t", ""}}}};
    made.verifier = core::secret_text("*ABC");
    made.resting = status::paused;
    return made;
}

TEST(state_file, given_a_cluster_when_read_again_then_everything_is_there) {
    const tests::temporary_folder folder;
    const auto file = folder.path() / "clusters.db";
    const auto wanted = example();
    state_file(file).save(wanted);
    const auto all = state_file(file).clusters();
    ASSERT_EQ(all.size(), 1U);
    const auto& got = all[0].about;
    EXPECT_EQ(all[0].verifier, wanted.verifier);
    EXPECT_EQ(all[0].resting, status::paused);
    EXPECT_EQ(got.id, wanted.about.id);
    EXPECT_EQ(got.arn, wanted.about.arn);
    EXPECT_EQ(got.resource_id, wanted.about.resource_id);
    EXPECT_EQ(got.instance_resource_id, wanted.about.instance_resource_id);
    EXPECT_EQ(got.is, engine::mysql);
    EXPECT_EQ(got.engine_name, wanted.about.engine_name);
    EXPECT_EQ(got.engine_version, wanted.about.engine_version);
    EXPECT_EQ(got.series, "10.11");
    EXPECT_EQ(got.mode, generation::v1);
    EXPECT_EQ(got.database, "shop");
    EXPECT_EQ(got.master_user, "admin");
    EXPECT_EQ(got.master_secret_arn, "arn:secret");
    EXPECT_EQ(got.profile, "aws-v1");
    EXPECT_FALSE(got.endpoint_enabled);
    EXPECT_TRUE(got.protected_);
    EXPECT_FALSE(got.from_config);
    EXPECT_EQ(got.source, wanted.about.source);
    EXPECT_EQ(got.port, 3307);
    EXPECT_TRUE(got.scales.given);
    EXPECT_EQ(got.scales.least.halves, 2);
    EXPECT_EQ(got.scales.most.halves, 32);
    EXPECT_TRUE(got.scales.auto_pause);
    EXPECT_EQ(got.scales.pause_after, 1500ms);
    EXPECT_EQ(got.scales.timeout_action, "ForceApplyCapacityChange");
    EXPECT_EQ(got.scales.before_timeout, 60s);
    EXPECT_EQ(got.created, wanted.about.created);
    EXPECT_EQ(got.tags, wanted.about.tags);
    ASSERT_EQ(got.instances.size(), 1U);
    EXPECT_EQ(got.instances[0].id, "db-1");
    EXPECT_EQ(got.instances[0].resource_id, "db-X");
    EXPECT_EQ(got.instances[0].size, "db.serverless");
    EXPECT_EQ(got.instances[0].tags, wanted.about.instances[0].tags);
}

TEST(state_file, given_a_change_when_saved_then_verifier_and_resting_state_stay) {
    const tests::temporary_folder folder;
    state_file on(folder.path() / "clusters.db");
    auto what = example();
    on.save(what);
    what.about.tags = {};
    what.about.instances = {};
    what.about.endpoint_enabled = true;
    on.save(what.about);
    auto got = on.clusters().at(0);
    EXPECT_TRUE(got.about.endpoint_enabled);
    EXPECT_TRUE(got.about.tags.empty());
    EXPECT_TRUE(got.about.instances.empty());
    EXPECT_EQ(got.verifier, what.verifier);
    EXPECT_EQ(got.resting, status::paused);
    on.save_verifier(what.about.resource_id, core::secret_text("*DEF"));
    on.rest(what.about.resource_id, status::stopped);
    got = on.clusters().at(0);
    EXPECT_EQ(got.verifier.reveal(), "*DEF");
    EXPECT_TRUE(got.verifier_pending);
    on.verifier_is_applied(what.about.resource_id);
    EXPECT_FALSE(on.clusters().at(0).verifier_pending);
    EXPECT_EQ(got.resting, status::stopped);
    EXPECT_EQ(on.resting("of-the-config"), std::nullopt);
    on.rest("of-the-config", status::paused);
    EXPECT_EQ(on.resting("of-the-config"), status::paused);
    on.forget(what.about.resource_id);
    EXPECT_TRUE(on.clusters().empty());
    EXPECT_EQ(on.resting(what.about.resource_id), std::nullopt);
    EXPECT_EQ(on.resting("of-the-config"), status::paused);
}

TEST(state_file, given_a_snapshot_when_it_is_whole_then_it_says_so) {
    const tests::temporary_folder folder;
    state_file on(folder.path() / "clusters.db");
    snapshot one;
    one.id = "s";
    one.cluster_id = "db";
    one.file = "/f";
    on.save(one);
    EXPECT_FALSE(on.snapshots().at(0).available);
    one.available = true;
    one.bytes = 7;
    on.save(one);
    ASSERT_EQ(on.snapshots().size(), 1U);
    EXPECT_TRUE(on.snapshots()[0].available);
    EXPECT_EQ(on.snapshots()[0].bytes, 7);
    on.forget_snapshot("s");
    EXPECT_TRUE(on.snapshots().empty());
}

TEST(state_file, given_a_file_of_a_newer_version_when_opened_then_it_is_left_alone) {
    const tests::temporary_folder folder;
    const auto file = folder.path() / "clusters.db";
    {
        state_file made(file);
        sqlite::database raw(file);
        raw.run("PRAGMA user_version = 99");
    }
    try {
        state_file again(file);
        FAIL() << "opened";
    } catch (const std::runtime_error& why) {
        EXPECT_THAT(why.what(), HasSubstr("was written by a newer version of Borealis (schema 99"));
    }
}

TEST(state_file, given_a_kill_at_any_moment_when_read_again_then_each_cluster_is_whole) {
    const tests::temporary_folder folder;
    const auto file = folder.path() / "clusters.db";
    for (int round = 0; round < 5; ++round) {
        const pid_t writer = ::fork();
        if (writer == 0) {
            state_file on(file);
            for (int i = 0;; ++i) {
                auto what = example("c" + std::to_string(i % 7));
                what.about.tags = {{"x", std::to_string(i)}, {"y", std::to_string(i)}};
                on.save(what);
                if (i % 3 == 0) on.forget(what.about.resource_id);
            }
        }
        ::usleep(static_cast<useconds_t>(20'000 + round * 7'000));
        ASSERT_EQ(::kill(writer, SIGKILL), 0);
        ASSERT_EQ(::waitpid(writer, nullptr, 0), writer);
        for (const auto& each : state_file(file).clusters()) {
            EXPECT_EQ(each.about.tags.at("x"), each.about.tags.at("y"));
            EXPECT_EQ(each.about.instances.size(), 1U);
            EXPECT_EQ(each.verifier.reveal(), "*ABC");
            EXPECT_EQ(each.resting, status::paused);
        }
    }
}

}  // namespace
}  // namespace borealis::clusters
