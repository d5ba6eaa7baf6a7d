#pragma once
/// Which secrets ListSecrets and BatchGetSecretValue show, in which order, page by page.

#include <string>
#include <vector>

#include "secrets/request.hpp"
#include "secrets/store.hpp"

namespace borealis::secrets {

struct page {
    std::vector<store::record_pointer> secrets;
    std::string next;  ///< NextToken; empty after the last page.
};

/// Reads MaxResults (up to `most`), NextToken, Filters, SortBy, SortOrder and IncludePlannedDeletion.
/// Throws refusal: InvalidParameterException, ValidationException, InvalidNextTokenException.
[[nodiscard]] page list_page(const store& on, const request& asked, std::size_t most);

}  // namespace borealis::secrets
