#pragma once
/// An answer without its HTTP head.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace borealis::server {

/// Whose lines stand in a head: those of AWS's services (`x-amzn-RequestId` and the members below), or `headers` alone.
enum class head_lines : std::uint8_t { of_a_service, as_given };

/// Where the connection is closed on purpose, to try what clients do then.
enum class cut : std::uint8_t { nowhere, before_the_answer, in_the_answer };

struct reply {
    int status = 200;
    std::string error_type = {};                                    ///< x-amzn-ErrorType; empty: none.
    std::string_view content_type = "application/json";             ///< Lives as long as the program; empty: none.
    std::string own_content_type = {};                              ///< Not empty: instead of it.
    std::string_view allow = {};                                    ///< Allow header of a 405.
    std::vector<std::pair<std::string, std::string>> headers = {};  ///< Further ones.
    std::string request_id = {};                                    ///< x-amzn-RequestId; empty: a new one.
    std::string body = {};
    head_lines head = head_lines::of_a_service;
    cut cut_off = cut::nowhere;
};

}  // namespace borealis::server
