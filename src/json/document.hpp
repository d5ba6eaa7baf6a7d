#pragma once
/// JSON text read into a flat tree of views.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace borealis::json {

/// Readable bytes that must follow the text given to `document::parse` (simdjson reads ahead); their content is free.
inline constexpr std::size_t padding = 64;

enum class kind : std::uint8_t {
    null,
    boolean,
    integer,  ///< An integer without fraction or exponent that fits int64.
    real,     ///< Every other number; `raw()` has its digits.
    string,
    array,
    object,
};

/// One value of a parsed document. Nodes stand in document order; a container's members follow it.
class node {
 public:
    [[nodiscard]] kind is() const { return kind_; }
    [[nodiscard]] bool boolean() const { return integer_ != 0; }
    [[nodiscard]] std::int64_t integer() const { return integer_; }
    /// Of `integer` and `real`.
    [[nodiscard]] double real() const { return kind_ == kind::integer ? static_cast<double>(integer_) : real_; }
    /// A string's unescaped UTF-8.
    [[nodiscard]] std::string_view text() const { return text_; }
    /// A number as it stands in the source.
    [[nodiscard]] std::string_view raw() const { return text_; }
    /// Member name, inside an object.
    [[nodiscard]] std::string_view key() const { return key_; }

    class iterator {
     public:
        using value_type = node;
        using difference_type = std::ptrdiff_t;
        iterator() = default;
        explicit iterator(const node* at) : at_(at) {}
        const node& operator*() const { return *at_; }
        const node* operator->() const { return at_; }
        iterator& operator++() {
            at_ += at_->extent_;
            return *this;
        }
        iterator operator++(int) {
            auto before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(const iterator&, const iterator&) = default;

     private:
        const node* at_ = nullptr;
    };

    /// Members of an array or object; none for the rest.
    [[nodiscard]] iterator begin() const { return iterator(this + 1); }
    [[nodiscard]] iterator end() const { return iterator(this + extent_); }
    /// Number of members.
    [[nodiscard]] std::size_t size() const { return size_; }
    /// The member of this object with that name, the last one where it stands twice (RFC 8259, section 4: our choice);
    /// or null.
    [[nodiscard]] const node* find(std::string_view name) const;

 private:
    friend class document;
    kind kind_ = kind::null;
    std::uint32_t extent_ = 1;  // this node and all below it
    std::uint32_t size_ = 0;
    union {
        std::int64_t integer_ = 0;
        double real_;
    };
    std::string_view text_ = {};
    std::string_view key_ = {};
};

/// A parser and the last document it read; meant to be kept and used again, so that reading allocates nothing.
class document {
 public:
    /// A body of 4 MiB can hold two million values, each of which takes 56 bytes here. Of a
    /// BatchExecuteStatement's such a body holds at most 480,000: four for each parameter of 35 bytes.
    static constexpr std::size_t usual_most_values = 500'000;

    explicit document(std::size_t most_values = usual_most_values);
    document(document&&) noexcept;
    document& operator=(document&&) noexcept;
    ~document();

    /// Reads one JSON value; the nodes are views into `text` and into this object, valid until the next parse.
    /// @param text  UTF-8, followed by `padding` readable bytes.
    /// @return The root; `serialization` with the parser's words for: broken JSON, invalid UTF-8, nesting over 64
    ///         levels, more values than `most_values`, anything but blanks behind the value, an empty text.
    [[nodiscard]] core::result<const node*> parse(std::string_view text);

    /// The same for text without padding: copies it first.
    [[nodiscard]] core::result<const node*> parse_copy(std::string_view text);

    /// Gives back the memory of a large document, and with it the nodes; keeps what ordinary ones need.
    void trim();

 private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace borealis::json
