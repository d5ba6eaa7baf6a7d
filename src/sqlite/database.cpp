#include "sqlite/database.hpp"

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include "core/log.hpp"

namespace borealis::sqlite {
namespace {

using namespace std::chrono_literals;

constexpr int busy_milliseconds = 5000;  // writes of the other process take a few of these

}  // namespace

database::database(const std::filesystem::path& file) : file_(file) {
    // SQLite would make it with the umask's mode; its -wal and -shm take over the mode of this file.
    const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (made < 0) {
        throw std::runtime_error(
            fmt::format("{}: cannot be opened for writing: {}", file.string(), std::generic_category().message(errno)));
    }
    ::close(made);
    if (::sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK) {
        const std::string why = handle_ == nullptr ? "no memory" : ::sqlite3_errmsg(handle_);
        ::sqlite3_close_v2(handle_);
        throw std::runtime_error(fmt::format("{}: cannot be opened: {}", file.string(), why));
    }
    try {
        ::sqlite3_busy_timeout(handle_, busy_milliseconds);
        use_write_ahead_log();
        run("PRAGMA synchronous = FULL");
        run("PRAGMA foreign_keys = ON");
        statement(*this, "PRAGMA secure_delete = ON").step();
    } catch (...) {
        ::sqlite3_close_v2(handle_);
        throw;
    }
}

void database::use_write_ahead_log() {
    // SQLite's busy handler does not cover this change: two processes that open a new file at once would meet here.
    for (int tries = 0;; ++tries) {
        try {
            statement(*this, "PRAGMA journal_mode = WAL").step();
            return;
        } catch (const std::runtime_error&) {
            if (::sqlite3_errcode(handle_) != SQLITE_BUSY || tries == 100) throw;
            std::this_thread::sleep_for(20ms);
        }
    }
}

database::~database() { ::sqlite3_close_v2(handle_); }

void database::refuse(std::string_view what) const {
    throw std::runtime_error(fmt::format("{}: {}: {}", file_.string(), what, ::sqlite3_errmsg(handle_)));
}

std::int64_t database::number(std::string_view text) {
    statement asked(*this, text);
    if (!asked.step()) refuse("an answer is missing");
    return asked.number(0);
}

database::transaction::~transaction() {
    if (!open_) return;
    try {
        on_.run("ROLLBACK");
    } catch (const std::exception& why) {
        // SQLite has rolled back by itself, e.g. on a full disk.
        core::log(core::log_level::debug, "{}", why.what());
    }
}

void database::statement::closes::operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }

database::statement::statement(database& on, std::string_view text) : on_(on) {
    sqlite3_stmt* made = nullptr;
    if (::sqlite3_prepare_v2(on.handle_, text.data(), static_cast<int>(text.size()), &made, nullptr) != SQLITE_OK)
        on.refuse("cannot be read");
    statement_.reset(made);
}

database::statement& database::statement::bind(std::string_view text) {
    // A null pointer would bind NULL.
    const char* at = text.data() == nullptr ? "" : text.data();
    if (::sqlite3_bind_text(statement_.get(), ++bound_, at, static_cast<int>(text.size()), SQLITE_TRANSIENT) !=
        SQLITE_OK)
        on_.refuse("a value cannot be bound");
    return *this;
}

database::statement& database::statement::bind(std::int64_t number) { return bind(std::optional(number)); }

database::statement& database::statement::bind(std::optional<std::int64_t> number) {
    const int outcome = number ? ::sqlite3_bind_int64(statement_.get(), ++bound_, *number)
                               : ::sqlite3_bind_null(statement_.get(), ++bound_);
    if (outcome != SQLITE_OK) on_.refuse("a value cannot be bound");
    return *this;
}

database::statement& database::statement::bind_bytes(std::string_view bytes) {
    if (::sqlite3_bind_blob(statement_.get(), ++bound_, bytes.data(), static_cast<int>(bytes.size()),
                            SQLITE_TRANSIENT) != SQLITE_OK)
        on_.refuse("a value cannot be bound");
    return *this;
}

bool database::statement::step() {
    switch (::sqlite3_step(statement_.get())) {
        case SQLITE_ROW:
            return true;
        case SQLITE_DONE:
            return false;
        default:
            on_.refuse("cannot be read or written");
    }
}

std::string database::statement::text(int column) const { return bytes(column); }

std::string database::statement::bytes(int column) const {
    const auto* at = static_cast<const char*>(::sqlite3_column_blob(statement_.get(), column));
    const int size = ::sqlite3_column_bytes(statement_.get(), column);
    return at == nullptr ? std::string() : std::string(at, static_cast<std::size_t>(size));
}

std::int64_t database::statement::number(int column) const { return ::sqlite3_column_int64(statement_.get(), column); }

std::optional<std::int64_t> database::statement::optional_number(int column) const {
    if (::sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
    return number(column);
}

}  // namespace borealis::sqlite
