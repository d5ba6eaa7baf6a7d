#pragma once
/// Results of statements that share an answer: ExecuteSql's frames, and what a batch inserted.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "data_api/profile.hpp"
#include "data_api/value_writer.hpp"
#include "sql/connection.hpp"
#include "sql/row_sink.hpp"

namespace borealis::data_api {

/// Takes rows as long as they can be carried. A statement is never stopped: it may write. What is too much is counted
/// over all results of one answer.
class shared_writer : public sql::row_sink {
 public:
    /// @param bytes  Octets of the answer's results so far; outlives the writer.
    shared_writer(const profile& as, std::size_t& bytes) : profile_(as), bytes_(bytes) {}

    sql::reception columns(std::span<const sql::column> all) override;
    sql::flow row(std::span<const sql::cell> cells, std::size_t wire_bytes) override;

    /// Why the result cannot be sent.
    [[nodiscard]] const std::optional<core::error>& trouble() const { return trouble_; }

 protected:
    [[nodiscard]] const profile& as() const { return profile_; }
    [[nodiscard]] std::vector<value_writer>& writers() { return writers_; }

 private:
    virtual void begin(std::span<const sql::column> all) = 0;
    virtual spoilt add(std::span<const sql::cell> cells) = 0;

    const profile& profile_;
    std::size_t& bytes_;
    std::vector<value_writer> writers_;
    std::optional<core::error> trouble_;
};

/// One `{resultFrame, numberOfRecordsUpdated}` of ExecuteSql (section 1.3).
class frame_writer final : public shared_writer {
 public:
    using shared_writer::shared_writer;
    /// The frame of a statement that is over.
    [[nodiscard]] std::string finish(const sql::outcome& of);

 private:
    void begin(std::span<const sql::column> all) override;
    spoilt add(std::span<const sql::cell> cells) override;

    std::string records_;
    std::string metadata_;
    std::size_t columns_ = 0;
    bool has_columns_ = false;
};

/// generatedFields of one parameter set where they are all columns of what was inserted: Fields, in order.
class inserted_writer final : public shared_writer {
 public:
    using shared_writer::shared_writer;
    [[nodiscard]] const std::string& fields() const { return fields_; }

 private:
    void begin(std::span<const sql::column> /*all*/) override {}
    spoilt add(std::span<const sql::cell> cells) override;

    std::string fields_;
};

}  // namespace borealis::data_api
