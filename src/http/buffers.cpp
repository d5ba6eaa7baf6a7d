#include "http/buffers.hpp"

#include <mutex>
#include <new>
#include <vector>

#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BOREALIS_BUFFERS_OF_MALLOC  // of which the sanitizer knows where they end
#endif
#endif

namespace borealis::http {
namespace {

#ifdef BOREALIS_BUFFERS_OF_MALLOC
constexpr bool of_pages = false;
#else
constexpr bool of_pages = true;
#endif

/// Free ones of the usual size, of all threads: the lock is taken when a connection begins, ends or falls asleep.
class shelf {
 public:
    char* take() {
        const std::lock_guard lock(guard_);
        if (with_memory_.empty() && without_.empty()) get_more();
        auto& from = with_memory_.empty() ? without_ : with_memory_;
        char* const taken = from.back();
        from.pop_back();
        return taken;
    }

    void put_back(char* of) noexcept {
        const std::lock_guard lock(guard_);
        if (with_memory_.size() < most_with_memory) return with_memory_.push_back(of);
        ::madvise(of, usual_buffer, MADV_DONTNEED);
        without_.push_back(of);
    }

 private:
    static constexpr std::size_t at_once = 64;  // as little as one page of each is ever touched
    static constexpr std::size_t most_with_memory = 32;

    void get_more() {
        without_.reserve(all_ + at_once);  // so that putting back never fails
        with_memory_.reserve(most_with_memory);
        void* const made =
            ::mmap(nullptr, at_once * usual_buffer, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (made == MAP_FAILED) throw std::bad_alloc();
        all_ += at_once;
        for (std::size_t i = at_once; i > 0; --i) without_.push_back(static_cast<char*>(made) + (i - 1) * usual_buffer);
    }

    std::mutex guard_;
    std::vector<char*> with_memory_, without_;
    std::size_t all_ = 0;
};

/// Never destroyed: connections may outlive all that is.
shelf& usual_ones() {
    static auto& made = *new shelf;
    return made;
}

}  // namespace

void returns_buffer::operator()(char* of) const noexcept {
    if (of_pages && size == usual_buffer) return usual_ones().put_back(of);
    delete[] of;
}

buffer make_buffer(std::size_t size) {
    if (of_pages && size == usual_buffer) return {usual_ones().take(), {size}};
    return {new char[size], {size}};
}

}  // namespace borealis::http
