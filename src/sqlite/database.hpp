#pragma once
/// A SQLite file and its statements, in the few words that keepers of state need.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace borealis::sqlite {

/// Every function throws std::runtime_error, naming the file, when SQLite refuses. Not thread-safe.
class database {
 public:
    /// Opens or makes `file` (mode 0600) in WAL mode; commits are on disk when they return.
    explicit database(const std::filesystem::path& file);
    database(const database&) = delete;
    database& operator=(const database&) = delete;
    ~database();

    /// One prepared statement; parameters are bound in order.
    class statement {
     public:
        statement(database& on, std::string_view text);
        statement& bind(std::string_view text);
        statement& bind(std::int64_t number);
        statement& bind(std::optional<std::int64_t> number);
        statement& bind_bytes(std::string_view bytes);
        /// The next row, if there is one.
        bool step();
        void run() { step(); }
        [[nodiscard]] std::string text(int column) const;
        [[nodiscard]] std::string bytes(int column) const;
        [[nodiscard]] std::int64_t number(int column) const;
        [[nodiscard]] std::optional<std::int64_t> optional_number(int column) const;

     private:
        struct closes {
            void operator()(sqlite3_stmt* statement) const;
        };
        database& on_;
        std::unique_ptr<sqlite3_stmt, closes> statement_;
        int bound_ = 0;
    };

    void run(std::string_view text) { statement(*this, text).run(); }
    [[nodiscard]] std::int64_t number(std::string_view text);

    /// Holds the write lock until `commit`, or rolls back. One that only reads sees one moment, and holds nobody up.
    class transaction {
     public:
        enum class kind : std::uint8_t { read, write };
        explicit transaction(database& on, kind of = kind::write) : on_(on) {
            on_.run(of == kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
        }
        transaction(const transaction&) = delete;
        transaction& operator=(const transaction&) = delete;
        ~transaction();
        void commit() {
            on_.run("COMMIT");
            open_ = false;
        }

     private:
        database& on_;
        bool open_ = true;
    };

 private:
    void use_write_ahead_log();
    [[noreturn]] void refuse(std::string_view what) const;

    std::filesystem::path file_;
    sqlite3* handle_ = nullptr;
};

}  // namespace borealis::sqlite
