// The program's operator new and delete (src/cli/kept_blocks.cpp).

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

namespace {

/// Octets that malloc has given out, of all threads.
std::size_t in_use() {
    const auto of = ::mallinfo2();
    return of.uordblks + of.hblkhd;
}

struct held {
    unsigned char* at;
    std::size_t size;
    unsigned char mark;

    void fill() const { std::memset(at, mark, size); }
    [[nodiscard]] bool whole() const {
        for (std::size_t i = 0; i < size; ++i)
            if (at[i] != mark) return false;
        return true;
    }
};

held make(std::size_t size, unsigned char mark) {
    const held made{static_cast<unsigned char*>(::operator new(size)), size, mark};
    made.fill();
    return made;
}

TEST(kept_blocks, given_blocks_of_all_sizes_when_made_and_deleted_in_any_order_then_no_two_share_memory) {
    std::mt19937 random(1);
    std::vector<held> blocks;
    for (int step = 0; step < 200'000; ++step) {
        if (blocks.empty() || random() % 100 < (step / 20'000 % 2 == 0 ? 60U : 40U)) {
            const auto size = random() % 16 == 0 ? random() % 20'000 : random() % 300;
            blocks.push_back(make(size, static_cast<unsigned char>(random())));
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back().at) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0U);
        } else {
            const auto at = random() % blocks.size();
            const auto gone = blocks[at];
            ASSERT_TRUE(gone.whole()) << gone.size;
            // Both ways: who knows the size, and who does not.
            if (random() % 2 == 0)
                ::operator delete(gone.at, gone.size);
            else
                ::operator delete(gone.at);
            blocks[at] = blocks.back();
            blocks.pop_back();
        }
    }
    for (const auto& one : blocks) {
        EXPECT_TRUE(one.whole()) << one.size;
        ::operator delete(one.at, one.size);
    }
}

TEST(kept_blocks, given_a_block_deleted_when_the_next_of_its_size_is_made_then_it_is_that_block) {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{24}, std::size_t{100}, std::size_t{2000}, std::size_t{3768}}) {
        auto* const first = ::operator new(size);
        ::operator delete(first, size);
        auto* const second = ::operator new(size);
        EXPECT_EQ(second, first) << size;
        // malloc may have had a block with a little more, which is of the next kind for who does not know the size.
        const auto exact = ::malloc_usable_size(second) < std::max(size, std::size_t{24}) + 16;
        ::operator delete(second);
        if (!exact) continue;
        auto* const third = ::operator new(size);
        EXPECT_EQ(third, first) << size << ", deleted without its size";
        ::operator delete(third, size);
    }
}

TEST(kept_blocks, given_every_size_when_deleted_without_it_then_the_next_of_its_size_is_whole) {
    for (std::size_t size = 0; size < 6000; ++size) {
        ::operator delete(make(size, 1).at);
        const auto again = make(size, 2);
        EXPECT_GE(::malloc_usable_size(again.at), size);
        const auto other = make(size, 3);
        EXPECT_TRUE(again.whole()) << size;
        ::operator delete(again.at, size);
        ::operator delete(other.at, size);
    }
}

TEST(kept_blocks, given_arrays_nothrow_and_aligned_ones_when_made_and_deleted_then_they_are_as_by_the_library) {
    struct alignas(128) wide {
        std::array<char, 256> of;
    };
    for (int i = 0; i < 1000; ++i) {
        const auto one = std::make_unique<wide>();
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(one.get()) % 128, 0U);
        const auto array = std::make_unique<std::string[]>(static_cast<std::size_t>(i % 7));
        for (int j = 0; j < i % 7; ++j) array[static_cast<std::size_t>(j)] = std::string(50, 'x');
        std::unique_ptr<int> quiet(new (std::nothrow) int(i));
        EXPECT_EQ(*quiet, i);
    }
    ::operator delete(nullptr);
    ::operator delete(nullptr, 8);
}

TEST(kept_blocks, given_more_than_a_thread_keeps_when_deleted_then_malloc_has_the_rest) {
    const auto before = in_use();
    std::vector<held> blocks;
    for (int i = 0; i < 4000; ++i) blocks.push_back(make(4000, static_cast<unsigned char>(i)));
    EXPECT_GE(in_use(), before + std::size_t{16'000'000});
    for (const auto& one : blocks) ::operator delete(one.at, one.size);
    EXPECT_LE(in_use(), before + std::size_t{1'200'000});
}

TEST(kept_blocks, given_a_thread_that_ends_when_it_kept_blocks_then_malloc_has_them) {
    // Made and deleted here and there: blocks may come from another thread, and go to one.
    std::vector<held> crossing;
    const auto work = [&crossing] {
        std::vector<held> blocks;
        for (int i = 0; i < 200; ++i) blocks.push_back(make(static_cast<std::size_t>(i) * 20, 7));
        for (const auto& one : crossing) ::operator delete(one.at, one.size);
        crossing.clear();
        for (std::size_t i = 0; i < blocks.size(); ++i)
            if (i % 2 == 0)
                ::operator delete(blocks[i].at, blocks[i].size);
            else
                crossing.push_back(blocks[i]);
    };
    std::thread(work).join();
    for (const auto& one : crossing) ::operator delete(one.at);
    crossing.clear();
    const auto before = in_use();
    for (int i = 0; i < 50; ++i) {
        std::thread(work).join();
        for (const auto& one : crossing) {
            EXPECT_TRUE(one.whole());
            ::operator delete(one.at, one.size);
        }
        crossing.clear();
    }
    // A thread that had kept its own would have left 200 kB.
    EXPECT_LE(in_use(), before + std::size_t{1'200'000});
}

TEST(kept_blocks, given_what_a_thread_deletes_after_its_list_has_ended_then_it_goes_to_malloc) {
    struct late {
        std::vector<std::unique_ptr<std::string>> of;
    };
    const auto work = [] {
        // Made before the list is first filled, so that it is destroyed after the list has ended.
        thread_local late last;
        for (int i = 0; i < 100; ++i) last.of.push_back(std::make_unique<std::string>(2000, 'x'));
    };
    std::thread(work).join();
    const auto before = in_use();
    for (int i = 0; i < 50; ++i) std::thread(work).join();
    EXPECT_LE(in_use(), before + std::size_t{100'000});
}

TEST(kept_blocks, given_no_memory_when_made_then_the_handler_is_asked_and_it_throws) {
    constexpr auto too_much = std::numeric_limits<std::size_t>::max() / 2;
    static int asked = 0;
    asked = 0;
    const auto before = std::set_new_handler([] {
        if (++asked == 3) std::set_new_handler(nullptr);
    });
    EXPECT_THROW(static_cast<void>(::operator new(too_much)), std::bad_alloc);
    std::set_new_handler(before);
    EXPECT_EQ(asked, 3);
    EXPECT_THROW(static_cast<void>(::operator new(std::numeric_limits<std::size_t>::max())), std::bad_alloc);
    EXPECT_EQ(::operator new(too_much, std::nothrow), nullptr);
}

}  // namespace
