#pragma once
/// The sessions of one pool key on one thread that several plain statements use at once.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "core/deadline.hpp"
#include "pool/pool.hpp"
#include "pool/slots.hpp"

namespace borealis::pool {

/// One call on a shared session.
struct guest {
    sql::beside_call call;
    core::clock::time_point since;
    core::clock::duration usual{};  ///< What it is expected to take.
    bool moved_on = false;          ///< Abandoned for those behind it.
    std::list<guest>::iterator place;
};

/// One of them. Its guests are answered in the order in which they came.
struct shared_session {
    session what;
    std::list<guest> guests;             ///< The one that the database works on first.
    core::clock::duration expected{};    ///< What all of them usually take.
    core::clock::time_point head_since;  ///< Since when the first of them has the database to itself.
    core::clock::time_point shared_since;
    bool closing = false;  ///< Nobody joins any more: goes home when the last one has left.
    slots::state left_in = slots::state::clean;
};

/// Decides; knows no executor, timer or other thread. Time comes in as an argument.
///
///     idle or opened ──host──► shared ⇄ join, leave ──the last one leaves──► come home
///
/// A session is shared only while somebody uses it, so that whatever a pool does with idle sessions stays true, and
/// nobody joins one that is due: out of date, too old, or wanted by others for too long.
class shared_sessions {
 public:
    /// What is so around them.
    struct surroundings {
        std::uint64_t generation = 0;
        std::size_t others = 0;  ///< Sessions of this key that are held alone on this thread.
        bool wanted = false;     ///< Somebody waits for a session to hold alone, here or on another thread.
        core::clock::time_point now;
    };

    /// A place on the one with the fewest guests that has room and whose head is moving. Null: none.
    [[nodiscard]] shared_session* find(const sharing& limits, const surroundings& with);
    /// Is there one more session to share, rather than to queue behind what `found` has under way?
    [[nodiscard]] bool worth_another(const shared_session* found, const sharing& limits) const;

    /// All that may be shared are, and one of them answers: a place comes free in no time.
    [[nodiscard]] bool keeps_moving(const sharing& limits, core::clock::time_point now) const;

    /// Begins to share a session; somebody must join at once.
    shared_session& host(session&& what, core::clock::time_point now);
    guest& join(shared_session& which, core::clock::duration usual, core::clock::time_point now);
    /// What a guest had the database to itself for, once it is answered.
    [[nodiscard]] static core::clock::duration took(const shared_session& which, const guest& who,
                                                    core::clock::time_point now);
    /// What is left when the last guest has left.
    struct remains {
        session what;
        slots::state left_in;
    };
    /// @return Nothing while there are other guests.
    [[nodiscard]] std::optional<remains> leave(shared_session& which, guest& who, core::clock::time_point now);

    /// Abandons those who keep others waiting and are slow.
    /// @param counted  Goes up for each.
    /// @return When to look again; nothing while nobody waits behind another.
    std::optional<core::clock::time_point> move_on(const sharing& limits, core::clock::time_point now,
                                                   std::uint64_t& counted);

    [[nodiscard]] std::size_t size() const { return all_.size(); }

    /// Others that wait may be overtaken for so long where no other session will come home to them, or few.
    static constexpr std::chrono::milliseconds short_turn{50};
    static constexpr std::chrono::milliseconds long_turn{1000};

 private:
    void close_if_due(shared_session& which, const surroundings& with);

    std::vector<std::unique_ptr<shared_session>> all_;
    // A call costs no allocation. As many as there ever were at once:
    std::vector<std::unique_ptr<shared_session>> spare_hosts_;
    std::list<guest> spare_;
};

}  // namespace borealis::pool
