#pragma once
/// Who waits for a session: in order of arrival for one caller, and in turn among the callers.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <list>
#include <string>
#include <string_view>

namespace borealis::pool {

/// A caller with a thousand calls waiting delays another's first call by one turn, not by a thousand. Callers are few:
/// they are searched one by one.
template <class Waiter>
class fair_queue {
    struct line {
        std::string caller;
        std::list<Waiter*> waiting;  ///< Never empty.
    };
    using lines = std::list<line>;

 public:
    /// Where somebody stands.
    class place {
        friend class fair_queue;
        typename lines::iterator in;
        typename std::list<Waiter*>::iterator at;
    };

    [[nodiscard]] bool empty() const { return lines_.empty(); }
    [[nodiscard]] std::size_t size() const { return size_; }

    place add(Waiter& who, std::string_view caller) {
        place made;
        made.in = std::ranges::find(lines_, caller, &line::caller);
        if (made.in == lines_.end()) made.in = lines_.insert(lines_.end(), line{std::string(caller), {}});
        made.at = made.in->waiting.insert(made.in->waiting.end(), &who);
        ++size_;
        return made;
    }

    /// Whose turn it is.
    [[nodiscard]] Waiter& next() const { return *lines_.front().waiting.front(); }

    /// Takes out whose turn it was: the next caller's turn comes.
    void served(const place& whose) {
        if (whose.in != std::prev(lines_.end())) lines_.splice(lines_.end(), lines_, whose.in);
        leave(whose);
    }
    /// Takes out one who has waited long enough.
    void leave(const place& whose) {
        --size_;
        whose.in->waiting.erase(whose.at);
        if (whose.in->waiting.empty()) lines_.erase(whose.in);
    }

    /// The one who came first, by `Waiter::since`.
    [[nodiscard]] Waiter& oldest() const {
        const auto first = [](const line& of) { return of.waiting.front()->since; };
        return *std::ranges::min_element(lines_, {}, first)->waiting.front();
    }

 private:
    lines lines_;
    std::size_t size_ = 0;
};

}  // namespace borealis::pool
