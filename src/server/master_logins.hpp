#pragma once
/// The secrets of managed master users.

#include <string_view>

#include "clusters/rds.hpp"
#include "secrets/store.hpp"

namespace borealis::server {

class master_logins final : public clusters::master_secrets {
 public:
    /// `in` outlives this object.
    explicit master_logins(secrets::store& in) : store_(in) {}

    core::result<clusters::master_secret> make(std::string_view cluster_arn, std::string_view user) override;
    core::result<core::secret_text> renew(std::string_view arn, std::string_view user) override;
    void remove(std::string_view arn) override;

    /// Removes those that no cluster of `known` has: of one that was not made because Borealis was killed meanwhile.
    void remove_orphans(const clusters::registry& known);

 private:
    secrets::store& store_;
};

}  // namespace borealis::server
