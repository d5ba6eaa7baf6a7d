#pragma once
/// Rotation: the next value of a secret, and who takes it into the database.

#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/secret_text.hpp"
#include "secrets/store.hpp"

namespace borealis::secrets {

/// Implemented by `server`, which knows databases and commands. Thread-safe.
class rotator {
 public:
    rotator() = default;
    rotator(const rotator&) = delete;
    rotator& operator=(const rotator&) = delete;
    virtual ~rotator() = default;

    /// Is there a way to rotate it?
    [[nodiscard]] virtual bool can_rotate(const record& secret) const = 0;
    /// Takes the version labelled AWSPENDING into the database and then makes it AWSCURRENT (`finish_rotation`).
    /// Returns at once; one rotation of a secret runs at a time, and beginning it again meanwhile does nothing. A
    /// rotation that fails is logged, and leaves AWSPENDING for the next attempt.
    virtual void begin(const std::string& arn) = 0;
};

/// The current value with another password: a JSON object with a member `password`; all other members stay.
/// @return `validation` where the secret has no such value.
[[nodiscard]] core::result<core::secret_text> next_value(const record& secret);

/// Makes the next version and labels it AWSPENDING; `token` is its id, or empty.
/// @return as store::update and `next_value`; `invalid_state` while a former rotation is not complete.
[[nodiscard]] core::result<store::record_pointer> prepare_rotation(store& in, std::string_view id, std::string token);

/// AWSPENDING becomes AWSCURRENT, the former one AWSPREVIOUS; the moment is noted. Nothing to do where there is none.
[[nodiscard]] core::result<void> finish_rotation(store& in, std::string_view id);

}  // namespace borealis::secrets
