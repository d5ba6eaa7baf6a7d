#include "sql/statement_kinds.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <vector>

#include "sql/lexer.hpp"

namespace borealis::sql {
namespace {

using enum statement_kind;

constexpr std::array<std::string_view, statement_kinds::count> names = {
    "ddl",       "privileges", "administration",      "copy_program", "server_files",
    "load_data", "session",    "transaction_control", "calls"};

bool is_any(std::string_view word, std::initializer_list<std::string_view> of) {
    return std::ranges::find(of, word) != of.end();
}

bool begins_any(std::string_view word, std::initializer_list<std::string_view> with) {
    return std::ranges::any_of(with, [&](std::string_view one) { return word.starts_with(one); });
}

/// One reading of one text.
class judge {
 public:
    /// @param lowered  `text` in lower case; dollar quotes tell their tags apart by it, so that `text` is cut.
    judge(std::string_view text, std::string_view lowered, dialect of, quoting as)
        : text_(lowered), mysql_(of == dialect::mysql), all_(cut(text, of, as).all) {}

    statement_kinds run() {
        head(0);
        for (std::size_t i = 0; i < all_.size(); ++i) look_at(i);
        return found_;
    }

 private:
    [[nodiscard]] std::string_view text_of(std::size_t i) const {
        return i < all_.size() ? text_.substr(all_[i].from, all_[i].to - all_[i].from) : std::string_view();
    }
    /// A bare word; empty for anything else.
    [[nodiscard]] std::string_view word(std::size_t i) const {
        return i < all_.size() && all_[i].is == lexeme::word ? text_of(i) : std::string_view();
    }
    /// A word or the inside of a quoted identifier.
    [[nodiscard]] std::string name(std::size_t i) const {
        if (i >= all_.size()) return {};
        const auto text = text_of(i);
        if (all_[i].is == lexeme::word) return std::string(text);
        // With ANSI_QUOTES off, MySQL's "…" is a string and no name.
        if (all_[i].is != lexeme::quoted || text.size() < 2) return {};
        std::string inner;
        for (std::size_t at = 1; at + 1 < text.size(); ++at) {
            inner += text[at];
            if (text[at] == text.front()) ++at;  // doubled
        }
        return inner;
    }
    [[nodiscard]] bool has_word(std::size_t from, std::initializer_list<std::string_view> of) const {
        for (std::size_t i = from; i < all_.size(); ++i)
            if (is_any(word(i), of)) return true;
        return false;
    }
    void add(std::initializer_list<statement_kind> these) {
        for (const auto one : these) found_.add(one);
    }

    void add_all() { found_ = statement_kinds::all(); }

    /// A statement begins at `i`.
    void head(std::size_t i) {
        while (text_of(i) == "(" || text_of(i) == ";") ++i;
        const auto first = word(i);
        const auto second = word(i + 1);
        if (is_any(first, {"explain", "describe", "desc"}) || (mysql_ && first == "analyze")) return explained(i + 1);
        if (is_any(first, {"create", "alter", "drop", "truncate", "rename", "comment", "import", "security"}))
            return definition(i, first);
        if (is_any(first, {"grant", "revoke", "reassign"})) return add({privileges});
        if (first == "copy") return copy(i);
        if (first == "load") return add({is_any(second, {"data", "xml"}) ? load_data : administration});
        if (first == "set") return assignment(i);
        if (is_any(first, {"begin", "start", "commit", "rollback", "savepoint", "release", "end", "abort", "xa"})) {
            if (first == "begin" && second == "not") return add({calls});
            if (first == "start" && second != "transaction") return add({administration});  // START REPLICA
            return add({transaction_control});
        }
        if (first == "prepare") return add({second == "transaction" ? transaction_control : calls, session});
        if (is_any(first, {"call", "do", "execute", "if", "loop", "repeat", "while", "case", "for"}))
            return add({calls});
        if (first == "reset" && mysql_) return add({administration, session});
        if (is_any(first, {"reset", "use", "discard", "listen", "unlisten", "notify", "lock", "unlock", "declare",
                           "fetch", "move", "close", "handler", "deallocate"}))
            return add({session});
        if (is_any(first, {"shutdown", "restart", "kill", "install", "uninstall", "checkpoint", "change", "stop",
                           "flush", "purge", "binlog", "cache", "clone", "backup"}))
            return add({administration});
    }

    /// EXPLAIN ANALYZE runs what it explains.
    void explained(std::size_t i) {
        for (; i < all_.size() && found_.empty(); ++i) {
            if (is_any(word(i),
                       {"select", "with", "values", "table", "insert", "update", "delete", "replace", "merge"}))
                return;
            if (!word(i).empty() && !is_any(word(i), {"explain", "describe", "desc", "analyze"})) head(i);
        }
    }

    /// One of the words right behind the head: CREATE [OR REPLACE] [TEMPORARY] what.
    [[nodiscard]] bool is_near(std::size_t i, std::initializer_list<std::string_view> of) const {
        for (std::size_t at = i + 1; at <= i + 4 && !word(at).empty(); ++at)
            if (is_any(word(at), of)) return true;
        return false;
    }

    void definition(std::size_t i, std::string_view first) {
        add({ddl});
        if (first == "alter" && word(i + 1) == "system") add({administration});
        if (first == "security" || is_near(i, {"user", "role", "group", "privileges"}) || has_word(i, {"grant"}))
            add({privileges});
        if (has_word(i, {"soname"}) ||
            is_near(i, {"extension", "language", "subscription", "publication", "server", "logfile", "instance"})) {
            add({administration});
        }
        if (is_near(i, {"foreign", "server"}) || first == "import") add({copy_program, server_files});  // file_fdw
        // Their bodies are code that is not looked into. What precedes them may be long: DEFINER = …
        if (has_word(i, {"function", "procedure", "trigger", "event", "rule"})) add({calls});
        for (auto at = i + 1; at < all_.size(); ++at) {
            if (word(at) == "language" && !is_any(name(at + 1), {"sql", "plpgsql"})) add({administration});
            if (mysql_ && word(at) == "directory") add({server_files});  // DATA DIRECTORY = …
            if (mysql_ && word(at) == "engine") {
                const auto engine = at + (text_of(at + 1) == "=" ? 2 : 1);
                const bool spelt = engine < all_.size() && all_[engine].is == lexeme::string;
                if (spelt || is_any(name(engine), {"connect", "federated", "spider", "csv"})) add({server_files});
            }
        }
    }

    void copy(std::size_t i) {
        if (mysql_) return;
        if (has_word(i, {"program"})) add({copy_program});
        if (!has_word(i, {"stdin", "stdout"}) || has_word(i, {"program"})) add({server_files});
        // Both may stand there, the one as a name: COPY stdin FROM '/etc/passwd'.
        for (std::size_t at = i + 1; at + 1 < all_.size(); ++at)
            if (is_any(word(at), {"from", "to"}) && all_[at + 1].is == lexeme::string) add({server_files});
    }

    void assignment(std::size_t i) {
        add({session});
        if (has_word(i, {"role", "password", "authorization"})) add({privileges});
        if (has_word(i, {"transaction", "autocommit", "constraints"}) ||
            std::ranges::any_of(all_, [&](const token& one) {
                return text_.substr(one.from, one.to - one.from).find("autocommit") != std::string_view::npos;
            }))
            add({transaction_control});
        if (mysql_ && has_word(i, {"global", "persist", "persist_only"})) add({administration});
        if (mysql_ && text_.find("@@global", 0) != std::string_view::npos) add({administration});
        // MariaDB: SET STATEMENT max_statement_time = 1 FOR DROP TABLE t
        if (!mysql_ || word(i + 1) != "statement") return;
        std::size_t seen = 0;
        for (std::size_t at = i + 2; at < all_.size(); ++at) {
            if (word(at) != "for" || word(at + 1) == "set") continue;  // what SET does has been told above
            head(at + 1);
            if (++seen == 8) return add_all();  // nobody means this well
        }
    }

    /// What counts wherever it stands.
    void look_at(std::size_t i) {
        if (mysql_ && is_any(word(i), {"outfile", "dumpfile"})) add({server_files});
        if (mysql_ && (text_of(i) == ":=" || (word(i) == "into" && text_of(i + 1) == "@"))) add({session});
        if (!mysql_ && word(i) == "into" && !is_any(word(i - 1), {"insert", "merge"})) add({ddl});
        if (text_of(i + 1) == "(") called(name(i));
        // PostgreSQL's U&"…" may spell any name.
        if (!mysql_ && word(i) == "u" && text_of(i + 1) == "&" && i + 2 < all_.size() &&
            all_[i + 2].is == lexeme::quoted && all_[i + 2].from == all_[i].from + 2) {
            add_all();
        }
    }

    void called(std::string_view what) {
        if (what.empty()) return;
        if (mysql_) {
            if (what == "load_file") add({server_files});
            if (is_any(what, {"get_lock", "release_lock", "release_all_locks"})) add({session});
            if (is_any(what, {"sys_exec", "sys_eval", "sys_get", "sys_set"})) add({copy_program});  // lib_mysqludf_sys
            return;
        }
        if (begins_any(what,
                       {"pg_read_", "pg_ls_", "pg_stat_file", "pg_file_", "pg_logdir_ls", "pg_current_logfile"}) ||
            is_any(what, {"lo_import", "lo_export"})) {
            add({server_files});
        }
        if (what == "set_config" || begins_any(what, {"pg_advisory_", "pg_try_advisory_"})) add({session});
        if (begins_any(what,
                       {"query_to_xml", "cursor_to_xml", "dblink", "ts_stat", "ts_rewrite", "crosstab", "connectby"}))
            add({calls});
        if (begins_any(
                what, {"pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_promote",
                       "pg_switch_", "pg_create_", "pg_drop_", "pg_start_backup", "pg_stop_backup", "pg_backup_",
                       "pg_wal_replay_", "pg_replication_", "pg_logical_", "pg_log_", "pg_import_"}))
            add({administration});
    }

    std::string_view text_;
    bool mysql_;
    std::vector<token> all_;
    statement_kinds found_;
};

}  // namespace

std::string_view name_of(statement_kind what) { return names.at(static_cast<std::size_t>(what)); }

std::optional<statement_kind> find_statement_kind(std::string_view name) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) return std::nullopt;
    return static_cast<statement_kind>(found - names.begin());
}

std::string names_of(statement_kinds in) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (!in.has(static_cast<statement_kind>(i))) continue;
        if (!out.empty()) out += ", ";
        out += names[i];
    }
    return out;
}

std::optional<statement_kinds> find_statement_kinds(std::string_view told) {
    constexpr std::string_view between = ", ";
    statement_kinds all;
    while (true) {
        const auto end = std::min(told.find(between), told.size());
        const auto one = find_statement_kind(told.substr(0, end));
        if (!one) return std::nullopt;
        all.add(*one);
        if (end == told.size()) return all;
        told.remove_prefix(end + between.size());
    }
}

statement_kinds kinds_of(std::string_view text, dialect of) {
    std::string lowered(text);
    for (char& c : lowered)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    if (of == dialect::mysql && (lowered.contains("/*!") || lowered.contains("/*m!"))) return statement_kinds::all();

    statement_kinds found;
    const bool backslashes = lowered.contains('\\');
    const bool double_quotes = of == dialect::mysql && lowered.contains('"');
    const auto usual = default_quoting(of);
    for (const bool escapes : {false, true}) {
        if (!backslashes && escapes != usual.backslash_escapes) continue;
        for (const bool names_in_double : {false, true}) {
            if (!double_quotes && names_in_double != usual.double_quotes_name) continue;
            found =
                found |
                judge(text, lowered, of, {.backslash_escapes = escapes, .double_quotes_name = names_in_double}).run();
        }
    }
    return found;
}

}  // namespace borealis::sql
