#pragma once
/// Clients with an environment of one's own: the tests' way in.

#include "borealis/data_api.hpp"
#include "borealis/secrets_manager.hpp"
#include "client/environment.hpp"

namespace borealis {

struct client_access {
    static data_api_client make_data_api(client_options options, database_target defaults, client::environment in);
    static secrets_manager_client make_secrets_manager(client_options options, client::environment in);
};

}  // namespace borealis
