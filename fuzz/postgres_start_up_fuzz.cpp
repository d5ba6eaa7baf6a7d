// What a hostile server says while we log in. Nobody is taken for the server who has begun SCRAM and does not know the
// password; the password is sent to nobody who has not asked for it in clear; what is refused stays refused.
// Input: the stream.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "postgres/protocol.hpp"
#include "postgres/start_up.hpp"

namespace {

namespace postgres = borealis::postgres;

constexpr std::string_view password = "correct horse battery staple";

void demand(bool holds) {
    if (!holds) std::abort();
}

/// Is it AuthenticationRequest of that code?
bool asks(const postgres::message& what, std::uint32_t code) {
    return what.type == 'R' && what.body.size() >= 4 && postgres::read32(what.body.data()) == code;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const borealis::sql::login as{"someone", borealis::core::secret_text(std::string(password))};
    postgres::start_up talk(as, "shop", "fixed nonce of the test");
    postgres::message_reader in(postgres::message_reader::phase::log_in);
    std::string sent;
    talk.begin(sent);
    bool in_clear = false;
    bool by_scram = false;
    bool admitted = false;
    auto last = postgres::start_up::step::more;
    while (!bytes.empty() && !in.failed() && last == postgres::start_up::step::more) {
        const auto room = in.prepare();
        const auto length = std::min(room.size(), bytes.size());
        bytes.copy(room.data(), length);
        in.commit(length);
        bytes.remove_prefix(length);
        while (const auto next = in.next()) {
            in_clear = in_clear || asks(*next, 3);
            admitted = admitted || asks(*next, 0);
            by_scram = by_scram || asks(*next, 10);
            last = talk.take(*next, sent);
            if (last != postgres::start_up::step::more) break;
        }
    }
    demand(last != postgres::start_up::step::done || (admitted && !by_scram));
    demand(last != postgres::start_up::step::failed || !talk.problem().message.empty() ||
           !talk.problem().sqlstate.empty() || talk.problem().kind == borealis::sql::failure_kind::login);
    demand(in_clear || sent.find(password) == std::string::npos);
    demand(sent.size() < 4096 + 64 * size);
    return 0;
}
