#include "load/script.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace borealis::bench {
namespace {

constexpr std::string_view service = "rds-data";
constexpr std::string_view transaction_mark = "@{transaction}";
constexpr std::string_view random_mark = "@{random ";

/// Different requests of one step; fewer of large ones.
constexpr std::size_t most_variants = 4096;
constexpr std::size_t variant_bytes = std::size_t{8} << 20U;

constexpr std::string_view looks_signed =
    "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/rds-data/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, "
    "Signature=0000000000000000000000000000000000000000000000000000000000000000";

std::int64_t number(std::string_view& text) {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc()) throw std::runtime_error("a random mark without its two numbers");
    text.remove_prefix(std::min(static_cast<std::size_t>(end - text.data()) + 1, text.size()));
    return value;
}

}  // namespace

script::script(const std::string& file, std::string host, std::optional<signer> as)
    : host_(std::move(host)),
      signer_(std::move(as)),
      at_(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())),
      date_(auth::timestamp(at_)) {
    if (signer_) key_ = auth::signing_key(signer_->secret, {at_, signer_->region, service});
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        const auto tab = line.find('\t');
        if (tab == std::string::npos) continue;
        step one;
        one.path = line.substr(0, tab);
        one.begins = one.path == "/BeginTransaction";
        const std::string_view body = std::string_view(line).substr(tab + 1);
        one.needs_transaction = body.find(transaction_mark) != std::string_view::npos;
        const bool varies = body.find(random_mark) != std::string_view::npos;
        const std::size_t variants =
            varies ? std::clamp<std::size_t>(variant_bytes / (body.size() + 512), 4, most_variants) : 1;
        for (std::size_t i = 0; i < variants; ++i) {
            std::string made = expand(body);
            one.made.push_back(one.needs_transaction ? std::move(made) : message(one.path, made));
        }
        steps_.push_back(std::move(one));
    }
    if (steps_.empty()) throw std::runtime_error(file + " has no request");
}

std::string script::expand(std::string_view body) {
    std::string out;
    for (;;) {
        const auto at = body.find(random_mark);
        if (at == std::string_view::npos) break;
        out += body.substr(0, at);
        body.remove_prefix(at + random_mark.size());
        const auto low = number(body);
        const auto high = number(body);
        out += std::to_string(std::uniform_int_distribution<std::int64_t>(low, high)(random_));
    }
    out += body;
    return out;
}

std::string script::message(std::string_view path, std::string_view body) const {
    const std::array headers = {auth::header{"Host", host_}, auth::header{"Content-Type", "application/json"},
                                auth::header{"X-Amz-Date", date_}};
    std::string out = "POST ";
    out += path;
    out += " HTTP/1.1\r\n";
    for (const auto& [name, value] : headers) {
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    out += "Authorization: ";
    if (signer_) {
        out += auth::authorization({.method = "POST", .path = path, .headers = headers, .body = body},
                                   {at_, signer_->region, service}, signer_->access_key_id, key_);
    } else {
        out += looks_signed;
    }
    out += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    out += body;
    return out;
}

std::string_view script::request(std::size_t of, std::string_view transaction, std::string& scratch) {
    step& from = steps_[of];
    const std::string& made = from.made[from.next];
    from.next = from.next + 1 == from.made.size() ? 0 : from.next + 1;
    if (!from.needs_transaction) return made;
    std::string body = made;
    body.replace(body.find(transaction_mark), transaction_mark.size(), transaction);
    scratch = message(from.path, body);
    return scratch;
}

}  // namespace borealis::bench
