// Starts both test databases, prints the variables that make the test programs share them, and holds them until its
// standard input ends. `./test` runs it beside the suite.
#include <iostream>

#include <fmt/format.h>

#include "support/databases.hpp"

namespace {

void print(const char* variable, const borealis::tests::database& what) {
    std::cout << fmt::format("{}={} {} {} {} {} {}\n", variable, what.endpoint.port, what.socket.socket, what.user,
                             what.password, what.name, what.process_id);
}

}  // namespace

int main() {
    print("BOREALIS_TEST_POSTGRESQL", borealis::tests::postgresql());
    print("BOREALIS_TEST_MARIADB", borealis::tests::mariadb());
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
    }
}
