#pragma once
/// One managed cluster: its folder, its process, and those who wait for it.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "clusters/engine.hpp"
#include "clusters/process.hpp"
#include "clusters/registry.hpp"
#include "core/async.hpp"
#include "core/deadline.hpp"
#include "core/error.hpp"

namespace borealis::clusters {

/// Creates, starts, watches and stops one database, on a thread of its own: whatever blocks does so there, and the
/// child's parent thread lives as long as the child. Everybody else sees `now()` and waits for an `outcome`.
///
///     stopped ─ wanted ─→ creating (first time) ─→ starting ─→ available ─ stop ─→ stopping ─→ stopped
///        ↑                     └──── fails ──→ failed ─ wanted ─→ …     └─ dies ─→ stopped
class keeper {
 public:
    enum class wish : std::uint8_t { run, stop, remove };

    /// Reads what is on disk. Starts no thread and no database before the first wish.
    /// @param when_removed  Called on the keeper's thread once a wish to remove has come true; must not destroy the
    /// keeper.
    keeper(const settings& with, const account& who, managed_cluster what, std::function<void()> when_removed);
    keeper(const keeper&) = delete;
    keeper& operator=(const keeper&) = delete;
    /// As `close`.
    ~keeper();

    /// Takes a short lock that nobody holds while something blocks.
    [[nodiscard]] std::shared_ptr<const view> now() const;

    /// Waits until `what` has come true, on the caller's executor. Others may wish something else meanwhile. A wish is
    /// carried out even when whoever had it no longer waits.
    /// `self` is held by the coroutine, which may outlive the registry's own hold on it.
    static core::awaitable<core::result<void>> fulfil(std::shared_ptr<keeper> self, wish what, core::deadline until);

    /// From now on every wish fails; a running database begins to stop. Returns at once.
    void begin_close() noexcept;
    /// Waits for the end of what `begin_close` began.
    void close() noexcept;

    /// Where a cluster with that id lives, below the folder that holds all of them.
    [[nodiscard]] static std::filesystem::path folder_of(const settings& with, std::string_view id);

 private:
    struct waiter;
    class registration;
    class closing_down : public std::runtime_error {
     public:
        closing_down() : std::runtime_error("the server is shutting down") {}
    };

    void run() noexcept;
    void start();
    void create(const installation& with, const std::filesystem::path& draft);
    void run_to_end(const command& what, int output, core::deadline until);
    void stop();
    /// The folder in /tmp of a socket whose own path would be too long.
    void remove_short_folder() const;
    void remove();
    void note_death();
    /// Sleeps until the child ends (true), or `until` (false). Throws closing_down.
    bool child_ends(const child& what, core::deadline until);
    void take_wake_ups();
    [[nodiscard]] bool is_closing() const;

    void publish(status state);
    void answer(wish what, const core::result<void>& outcome);
    void wake() const noexcept;
    [[nodiscard]] core::error end() const;

    [[nodiscard]] site site_in(const std::filesystem::path& folder) const;
    void make_folder(const std::filesystem::path& at, unsigned mode, bool for_database) const;
    /// Throws where the folder is not one for us. @return The series of programs that its data is bound to.
    [[nodiscard]] std::string check_record() const;

    const settings& with_;  // the registry's, which outlives every keeper's thread
    const account& who_;
    const managed_cluster what_;
    const flavour& kind_;
    const std::filesystem::path folder_;
    const std::function<void()> when_removed_;
    const descriptor bell_;  // eventfd: rung for a new wish and for the end

    mutable std::mutex mutex_;  // guards what follows, never held while something blocks
    std::shared_ptr<const view> now_;
    std::list<waiter*> waiting_;
    std::set<wish> wished_;
    bool closing_ = false;
    std::thread thread_;

    // Of the thread alone.
    child server_;
    installation installed_;
    core::deadline not_before_ = core::deadline(core::clock::time_point::min());
};

}  // namespace borealis::clusters
