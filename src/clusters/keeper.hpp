#pragma once
/// One managed cluster: its folder, its process, and those who wait for it.

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "clusters/engine.hpp"
#include "clusters/faults.hpp"
#include "clusters/life.hpp"
#include "clusters/process.hpp"
#include "clusters/registry.hpp"
#include "clusters/state.hpp"
#include "clusters/templates.hpp"
#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"

namespace borealis::clusters {

/// What all keepers of a registry share. Outlives their threads.
struct household {
    const settings& with;
    const account& runs_as;
    state_file* state = nullptr;  ///< Null where nothing is managed.
    template_store* templates = nullptr;
    fault_table* faults = nullptr;
    std::atomic<std::uint64_t>* changes = nullptr;  ///< Counts them; never null.
};

/// Carries out what `life` decides, on a thread of its own: whatever blocks does so there, and the child's parent
/// thread lives as long as the child. Everybody else sees `now()`, tells it events, and waits for what they bring
/// about.
class keeper {
 public:
    /// Reads what is on disk. Starts no thread and no database before the first event.
    /// @param key        Name of its folder and of its resting state.
    /// @param at         What it was when the last process ended.
    /// @param when_gone  Called on the keeper's thread once it is removed; must not destroy the keeper.
    keeper(household shared, std::shared_ptr<const description> about, std::string key, core::secret_text verifier,
           status at, std::function<void()> when_gone);
    keeper(const keeper&) = delete;
    keeper& operator=(const keeper&) = delete;
    /// As `close`.
    ~keeper();

    /// Takes a short lock that nobody holds while something blocks.
    [[nodiscard]] std::shared_ptr<const view> now() const;

    /// Tells it what has happened, and returns what is to be seen then.
    std::shared_ptr<const view> tell(event what);
    /// Tells it, and waits until that has come true, on the caller's executor. Others may wish something else
    /// meanwhile. It is carried out even when whoever wished it no longer waits.
    /// `self` is held by the coroutine, which may outlive the registry's own hold on it.
    static core::awaitable<core::result<void>> fulfil(std::shared_ptr<keeper> self, event what, core::deadline until);

    /// Other settings, seen from now on; what the engine has to know of them goes to it with `event::modify`.
    void revise(std::shared_ptr<const description> about);
    void set_verifier(core::secret_text verifier);
    /// Memory that the engine gets with the next `event::modify`, and at each start.
    void set_megabytes(std::size_t megabytes);
    void show_capacity(capacity now);
    /// What its programs will be, to be seen until they have told it themselves.
    void expect_version(std::string version);

    /// From now on every wish fails; a running database begins to stop. Returns at once.
    void begin_close() noexcept;
    /// Waits for the end of what `begin_close` began.
    void close() noexcept;

    [[nodiscard]] const std::string& key() const { return key_; }
    /// Where a cluster of that key lives, below the folder that holds all of them.
    [[nodiscard]] static std::filesystem::path folder_of(const settings& with, std::string_view key);
    /// Connections to its socket, by whomever.
    [[nodiscard]] std::size_t connections() const;

 private:
    struct waiter;
    class registration;
    class closing_down : public std::runtime_error {
     public:
        closing_down() : std::runtime_error("the server is shutting down") {}
    };

    // With the lock held.
    void take(event what);
    void advance(event what);
    void publish();
    /// None while it is off. An engine that comes back has what it had.
    [[nodiscard]] capacity running_capacity() const;
    void settle(std::string_view failure);

    void run() noexcept;
    void carry_out(step what);
    void report(event outcome, std::string_view failure);
    void start();
    void create(const installation& with, const std::filesystem::path& draft);
    void run_to_end(const command& what, const account& who, int output, core::deadline until);
    void apply();
    void apply_after_start();
    void stop();
    /// The folder in /tmp of a socket whose own path would be too long.
    void remove_short_folder() const;
    void remove();
    void write_snapshots();
    void note_death();
    /// Sleeps until the child ends (true), or `until` (false). Throws closing_down.
    bool child_ends(const child& what, core::deadline until);
    void sleep_until(core::deadline until);
    void take_wake_ups();
    [[nodiscard]] bool is_closing() const;
    [[nodiscard]] std::shared_ptr<const description> about() const;
    void show(std::shared_ptr<const view> next);

    void wake() const noexcept;
    [[nodiscard]] core::error end() const;
    [[nodiscard]] core::error refusal() const;

    [[nodiscard]] site site_in(const std::filesystem::path& folder) const;
    void make_folder(const std::filesystem::path& at, unsigned mode, bool for_database) const;
    /// Throws where the folder is not one for us. @return The series of programs that its data is bound to.
    [[nodiscard]] std::string check_record();
    void run_statements(const std::vector<std::string>& all);

    const household shared_;
    const settings& with_;
    const account& who_;
    const std::string key_;
    const engine is_;
    const flavour& kind_;
    const std::filesystem::path folder_;
    const std::function<void()> when_gone_;
    const descriptor bell_;  // eventfd: rung for a new step and for the end

    mutable std::mutex mutex_;  // guards what follows, never held while something blocks
    std::shared_ptr<const description> about_;
    std::shared_ptr<const view> now_;
    life life_;
    step step_ = step::nothing;  // handed to the thread, and not yet reported
    std::deque<event> kept_back_;
    std::list<waiter*> waiting_;
    core::secret_text verifier_;
    bool verifier_changed_ = false;
    std::size_t megabytes_ = 0;
    capacity capacity_ = {};  // as shown last; zero: not yet
    std::string version_;
    std::string failure_;  // of the last step that failed
    bool closing_ = false;
    std::thread thread_;
    std::int64_t process_ = 0;

    // Of the thread alone.
    child server_;
    installation installed_;
    core::secret_text administrator_password_;
};

}  // namespace borealis::clusters
