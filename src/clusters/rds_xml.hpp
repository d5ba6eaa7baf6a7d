#pragma once
/// The shapes of the `rds` operations' answers.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "clusters/registry.hpp"

namespace borealis::clusters {

/// Elements appended to a buffer, one after the other.
class xml {
 public:
    /// An element that is open for as long as this object.
    class element {
     public:
        element(xml& in, std::string_view name) : in_(in), name_(name) {
            in_.out_.append("<").append(name).append(">");
        }
        element(const element&) = delete;
        element& operator=(const element&) = delete;
        ~element() { in_.out_.append("</").append(name_).append(">"); }

     private:
        xml& in_;
        std::string_view name_;
    };

    xml& text(std::string_view name, std::string_view value);
    xml& number(std::string_view name, std::int64_t value);
    xml& flag(std::string_view name, bool value);
    /// `2026-01-01T00:00:00.000Z`
    xml& time(std::string_view name, std::chrono::system_clock::time_point at);
    /// `0.5`, `2`
    xml& units(std::string_view name, capacity value);
    xml& tags(const auth::tags& all);
    [[nodiscard]] std::string take() { return std::move(out_); }

 private:
    std::string out_;
};

void append_cluster(xml& to, const view& what, std::string_view region);
void append_instance(xml& to, const instance& what, const view& of, std::string_view region);
void append_snapshot(xml& to, const snapshot& what, std::string_view region, std::string_view account);
/// `arn:aws:rds:<region>:<account>:<kind>:<id>`
[[nodiscard]] std::string rds_arn(const settings& with, std::string_view kind, std::string_view id);

}  // namespace borealis::clusters
