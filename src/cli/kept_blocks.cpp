/// operator new and delete of the program: each thread keeps blocks that it has given back for the next ones of their
/// size, in front of malloc. A call takes about twenty blocks, three of them frames of coroutines larger than
/// what glibc keeps for a thread (1,032 octets), for which it searches, splits and joins each time. Not in the
/// libraries, whose users choose for themselves.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

/// A block that is kept. Its own memory holds the list.
struct block {
    block* next;
};

/// glibc's blocks have 16 n + 8 octets for use, 24 at least: a kind for each of them, so that nothing is rounded up.
constexpr std::size_t kind_of(std::size_t size) { return (std::max(size, std::size_t{9}) + 7) / 16; }
constexpr std::size_t size_of(std::size_t kind) { return kind * 16 + 8; }

constexpr std::size_t kinds = kind_of(4096) + 1;
constexpr std::size_t most_size = size_of(kinds - 1);
/// Octets that a thread keeps. What comes back to a full list sends all of it to malloc, so that no kind is kept that
/// is no longer asked for.
constexpr std::size_t most_kept = 1024 * 1024;

struct list {
    std::size_t room;  // octets, 0: not begun, or over
    bool over;
    block* first[kinds];
};
constinit thread_local list kept{};

void give_back_all() noexcept {
    for (auto& first : kept.first)
        while (first != nullptr) {
            auto* const given = first;
            first = first->next;
            std::free(given);
        }
    kept.room = most_kept;
}

/// Ends a thread's list. What the thread deletes after that goes to malloc at once.
struct end_of_thread {
    void begin() const noexcept {}
    ~end_of_thread() {
        give_back_all();
        kept.room = 0;
        kept.over = true;
    }
};
thread_local end_of_thread at_end;

[[gnu::noinline, gnu::cold]] void delete_on_full(void* of, std::size_t size) noexcept {
    if (kept.over) return std::free(of);
    at_end.begin();
    give_back_all();
    auto* const given = static_cast<block*>(of);
    const auto kind = kind_of(size);
    given->next = kept.first[kind];
    kept.first[kind] = given;
    kept.room -= size_of(kind);
}

[[gnu::noinline]] void* new_by_malloc(std::size_t size) {
    // A block of any kind has a kind's whole size, whoever deletes it.
    if (size <= most_size) size = size_of(kind_of(size));
    while (true) {
        if (auto* const made = std::malloc(size)) return made;
        const auto handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc();
        handler();
    }
}

}  // namespace

void* operator new(std::size_t size) {
    if (size <= most_size) [[likely]] {
        const auto kind = kind_of(size);
        if (auto* const taken = kept.first[kind]) [[likely]] {
            kept.first[kind] = taken->next;
            kept.room += size_of(kind);
            return taken;
        }
    }
    return new_by_malloc(size);
}

void operator delete(void* of, std::size_t size) noexcept {
    if (of == nullptr) return;
    if (size > most_size) return std::free(of);
    const auto kind = kind_of(size);
    if (kept.room < size_of(kind)) return delete_on_full(of, size);
    auto* const given = static_cast<block*>(of);
    given->next = kept.first[kind];
    kept.first[kind] = given;
    kept.room -= size_of(kind);
}

/// Who does not know the size asks malloc: a block has its kind's size exactly.
void operator delete(void* of) noexcept {
    if (of != nullptr) operator delete(of, malloc_usable_size(of));
}
