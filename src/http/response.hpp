#pragma once
/// HTTP/1.1 response heads into bytes.

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

namespace borealis::http {

/// Reason phrase of a status, "Unknown" for those we never send.
[[nodiscard]] std::string_view reason_phrase(int status);

/// IMF-fixdate (RFC 9110, 5.6.7), 29 characters, made once a second and thread: the view lives until this thread's next
/// call.
[[nodiscard]] std::string_view http_date(std::time_t now);

/// Writes a response head into `out`: status line, Date, the headers added, Content-Length, `Connection: close` when
/// asked. Header values are our own: a CR or LF in one is a bug (asserted, and replaced by a blank).
class response_head {
 public:
    response_head(std::string& out, int status, std::time_t now);
    response_head& add(std::string_view name, std::string_view value);
    /// @param lines  `name: value`, each with its CR LF, or a part of one; nothing of it comes from outside.
    response_head& add_lines(std::string_view lines) {
        out_ += lines;
        return *this;
    }
    /// Ends the head. @param keep_alive  false adds `Connection: close`. A 1xx or 204 gets no Content-Length (RFC
    /// 9110, 8.6).
    void finish(std::size_t content_length, bool keep_alive);

 private:
    std::string& out_;
    bool bodiless_;
};

}  // namespace borealis::http
