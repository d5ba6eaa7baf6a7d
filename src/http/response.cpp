#include "http/response.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

namespace borealis::http {
namespace {

void append_number(std::string& out, std::size_t number) {
    std::array<char, 20> digits;
    out.append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
}

void put_two(char* at, int number) {
    at[0] = static_cast<char>('0' + number / 10);
    at[1] = static_cast<char>('0' + number % 10);
}

constexpr bool breaks_line(char c) { return c == '\r' || c == '\n' || c == '\0'; }

}  // namespace

std::string_view reason_phrase(int status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 411:
            return "Length Required";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 426:
            return "Upgrade Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        case 507:
            return "Insufficient Storage";
        default:
            return "Unknown";
    }
}

std::string_view http_date(std::time_t now) {
    constexpr std::string_view days = "SunMonTueWedThuFriSat";
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    thread_local std::array<char, 29> text = {};
    thread_local std::time_t made_for = 0;
    if (now != made_for || text.front() == '\0') {
        std::tm utc = {};
        gmtime_r(&now, &utc);
        std::ranges::copy("Day, 00 Mon 0000 00:00:00 GMT", text.begin());
        days.copy(text.data(), 3, static_cast<std::size_t>(utc.tm_wday) * 3);
        put_two(&text[5], utc.tm_mday);
        months.copy(&text[8], 3, static_cast<std::size_t>(utc.tm_mon) * 3);
        put_two(&text[12], (utc.tm_year + 1900) / 100);
        put_two(&text[14], (utc.tm_year + 1900) % 100);
        put_two(&text[17], utc.tm_hour);
        put_two(&text[20], utc.tm_min);
        put_two(&text[23], utc.tm_sec);
        made_for = now;
    }
    return {text.data(), text.size()};
}

response_head::response_head(std::string& out, int status, std::time_t now)
    : out_(out), bodiless_(status < 200 || status == 204) {
    if (status == 200) {
        out_ += "HTTP/1.1 200 OK\r\nDate: ";
    } else {
        out_ += "HTTP/1.1 ";
        append_number(out_, static_cast<std::size_t>(status));
        out_ += ' ';
        out_ += reason_phrase(status);
        out_ += "\r\nDate: ";
    }
    out_ += http_date(now);
    out_ += "\r\n";
}

response_head& response_head::add(std::string_view name, std::string_view value) {
    out_ += name;
    out_ += ": ";
    const auto from = out_.size();
    out_ += value;
    out_ += "\r\n";
    bool broken = false;
    for (const char c : value) broken |= breaks_line(c);  // to the end, so that it goes by sixteen characters
    assert(!broken);
    if (broken) {
        std::replace_if(out_.begin() + static_cast<std::ptrdiff_t>(from), out_.end() - 2, breaks_line, ' ');
    }
    return *this;
}

void response_head::finish(std::size_t content_length, bool keep_alive) {
    if (!bodiless_) {
        out_ += "Content-Length: ";
        append_number(out_, content_length);
        out_ += "\r\n";
    }
    out_ += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
}

}  // namespace borealis::http
