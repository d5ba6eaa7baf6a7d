#include "http/request.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>

namespace borealis::http {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using progress = request_reader::progress;

std::string describe(const request& got) {
    std::string out(got.method);
    out.append(" ").append(got.path);
    if (!got.query.empty()) out.append("?").append(got.query);
    for (const auto& [name, value] : got.headers)
        if (!iequals(name, "host")) out.append(" ").append(name).append("=").append(value);
    if (!got.keep_alive) out += " closes";
    out.append(" <").append(got.body).append(">");
    // The padding must be readable: the address sanitizer watches.
    const auto* const behind = got.body.data() + got.body.size();
    volatile char seen = 0;
    for (std::size_t i = 0; i < 64; ++i) seen = behind[i];
    static_cast<void>(seen);
    return out;
}

/// Gives `bytes` to the reader and takes what comes out: one entry a request, and the status where it is refused.
void feed(request_reader& reader, std::string_view bytes, std::vector<std::string>& out) {
    while (true) {
        const auto step = reader.next();
        if (step == progress::failed) {
            EXPECT_FALSE(reader.reason().reason.empty());
            out.push_back(std::to_string(reader.reason().status));
            return;
        }
        if (step == progress::request) {
            out.push_back(describe(reader.message()));
            reader.consume();
        } else if (step == progress::need_more) {
            if (bytes.empty()) return;
            const auto room = reader.prepare();
            ASSERT_GE(room.size(), 4096U);
            const auto taken = std::min(room.size(), bytes.size());
            std::memcpy(room.data(), bytes.data(), taken);
            reader.commit(taken);
            bytes.remove_prefix(taken);
        }
    }
}

std::vector<std::string> outcome(std::string_view bytes, request_limits limits = {}) {
    request_reader reader(limits);
    std::vector<std::string> out;
    feed(reader, bytes, out);
    return out;
}

/// The same however the bytes are cut: whole, one by one, and in two at every place.
std::vector<std::string> outcome_of_every_cut(std::string_view bytes, request_limits limits = {}) {
    const auto whole = outcome(bytes, limits);
    const auto cut = [&](std::size_t first, std::size_t step) {
        request_reader reader(limits);
        std::vector<std::string> out;
        feed(reader, bytes.substr(0, first), out);
        for (auto at = first;
             at < bytes.size() && (out.empty() || !std::isdigit(static_cast<unsigned char>(out.back()[0]))); at += step)
            feed(reader, bytes.substr(at, step), out);
        return out;
    };
    EXPECT_EQ(cut(0, 1), whole) << "byte by byte";
    for (std::size_t first = 1; first < bytes.size(); ++first)
        EXPECT_EQ(cut(first, bytes.size()), whole) << "cut after " << first << " bytes";
    return whole;
}

struct stream_case {
    std::string_view name, bytes;
    std::vector<std::string> outcome;
    friend void PrintTo(const stream_case& one, std::ostream* out) { *out << one.name; }
};

class http_streams : public testing::TestWithParam<stream_case> {};

TEST_P(http_streams, given_bytes_when_cut_anywhere_then_the_same_requests) {
    EXPECT_EQ(outcome_of_every_cut(GetParam().bytes), GetParam().outcome);
}

const stream_case accepted[] = {
    {"plain GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", {"GET / <>"}},
    {"query", "GET /a/b?c=d&e=%20? HTTP/1.1\r\nHost: a\r\n\r\n", {"GET /a/b?c=d&e=%20? <>"}},
    {"empty query", "GET /a? HTTP/1.1\r\nHost: a\r\n\r\n", {"GET /a <>"}},
    {"body by length",
     "POST /Execute HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
     {"POST /Execute Content-Length=5 <hello>"}},
    {"length zero", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", {"POST / Content-Length=0 <>"}},
    {"length with zeros before it",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0002\r\n\r\nhi",
     {"POST / Content-Length=0002 <hi>"}},
    {"POST without length",
     "POST / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     {"POST / <>", "GET / <>"}},
    {"blanks about a value", "GET / HTTP/1.1\r\nHost:a\r\nX: \t b \t\r\nY:\r\nZ: \r\n\r\n", {"GET / X=b Y= Z= <>"}},
    {"inner blanks and other text",
     "GET / HTTP/1.1\r\nHost: a\r\nX: b \t c\xC3\xA9\r\n\r\n",
     {"GET / X=b \t c\xC3\xA9 <>"}},
    {"all token characters in a name",
     "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: v\r\n\r\n",
     {"GET / !#$%&'*+-.^_`|~09azAZ=v <>"}},
    {"empty line before (RFC 9112, 2.2)",
     "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
     {"GET / <>", "GET /b <>"}},
    {"host with port", "GET / HTTP/1.1\r\nHost: rds-data.eu-west-1.amazonaws.com:8443\r\n\r\n", {"GET / <>"}},
    {"IPv4 host", "GET / HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\r\n", {"GET / <>"}},
    {"IPv6 host", "GET / HTTP/1.1\r\nHOST: [::1]:80\r\n\r\n", {"GET / <>"}},
    {"absolute form of the same host", "GET http://A.b:80/x?y HTTP/1.1\r\nHost: a.B:80\r\n\r\n", {"GET /x?y <>"}},
    {"absolute form without a path",
     "GET https://a?q HTTP/1.1\r\nHost: a\r\n\r\nGET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n",
     {"GET /?q <>", "GET / <>"}},
    {"OPTIONS of the server", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {"OPTIONS * <>"}},
    {"1.1 closes",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n",
     {"GET / Connection=x, CLOSE closes <>"}},
    {"1.1 close in a second header",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
     {"GET / Connection=keep-alive Connection=close closes <>"}},
    {"1.0 closes", "GET / HTTP/1.0\r\n\r\n", {"GET / closes <>"}},
    {"1.0 keeps when asked",
     "GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n",
     {"GET / Connection=Keep-Alive <>"}},
    {"1.0 with a body", "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", {"POST / Content-Length=2 closes <hi>"}},
    {"1.0 ignores 100-continue (RFC 9110, 10.1.1)",
     "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
     {"POST / Expect=100-continue Content-Length=2 closes <hi>"}},
    {"upgrade is not followed",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
     {"GET / Connection=Upgrade Upgrade=h2c <>", "GET /b <>"}},
    {"pipelined",
     "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
     "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
     "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
     {"POST /1 Content-Length=3 <one>", "POST /2 Transfer-Encoding=chunked <two>", "GET /3 <>"}},
    {"nothing", "", {}},
    {"half a head", "GET / HTTP/1.1\r\nHost: a\r\n", {}},
    {"half a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell", {}},
    {"a body that looks like a request",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
     {"POST / Content-Length=27 <GET / HTTP/1.1\r\nHost: b\r\n\r\n>"}},
};
INSTANTIATE_TEST_SUITE_P(accepted, http_streams, testing::ValuesIn(accepted));

#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

const stream_case chunked[] = {
    {"one chunk", CHUNKED "5\r\nhello\r\n0\r\n\r\n", {"POST / Transfer-Encoding=chunked <hello>"}},
    {"several", CHUNKED "1\r\nh\r\n2\r\nel\r\n02\r\nlo\r\n000\r\n\r\n", {"POST / Transfer-Encoding=chunked <hello>"}},
    {"hexadecimal of either case",
     CHUNKED "a\r\n0123456789\r\nB\r\n0123456789A\r\n0\r\n\r\n",
     {"POST / Transfer-Encoding=chunked <01234567890123456789A>"}},
    {"none", CHUNKED "0\r\n\r\n", {"POST / Transfer-Encoding=chunked <>"}},
    {"line ends inside", CHUNKED "4\r\n\r\n\r\n\r\n0\r\n\r\n", {"POST / Transfer-Encoding=chunked <\r\n\r\n>"}},
    {"extensions are passed over",
     CHUNKED "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n",
     {"POST / Transfer-Encoding=chunked <hello>"}},
    {"trailers are dropped",
     CHUNKED "5\r\nhello\r\n0\r\nContent-Length: 3\r\nX-Sum: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     {"POST / Transfer-Encoding=chunked <hello>", "GET / <>"}},
    {"the name in any case",
     "POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING: \tChunked \r\n\r\n0\r\n\r\n",
     {"POST / TRANSFER-ENCODING=Chunked <>"}},
    {"cut short", CHUNKED "5\r\nhel", {}},
    {"cut in the trailers", CHUNKED "0\r\nA: b\r\n", {}},

    {"no size", CHUNKED "\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"size not hexadecimal", CHUNKED "g\r\n\r\n", {"400"}},
    {"size with 0x", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"size with +", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"negative size", CHUNKED "-5\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"blank before the size", CHUNKED " 5\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"blank behind the size", CHUNKED "5 \r\nhello\r\n0\r\n\r\n", {"400"}},
    {"blank before the extension", CHUNKED "5 ;a\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"size with underscore", CHUNKED "1_0\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"size over 64 bits", CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"size of 17 digits", CHUNKED "00000000000000005\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"size that would wrap", CHUNKED "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", {"413"}},
    {"sum that would wrap", CHUNKED "5\r\nhello\r\nFFFFFFFFFFFFFFFE\r\nhello\r\n0\r\n\r\n", {"413"}},
    {"LF alone behind the size", CHUNKED "5\nhello\r\n0\r\n\r\n", {"400"}},
    {"CR alone behind the size", CHUNKED "5\rXhello\r\n0\r\n\r\n", {"400"}},
    {"CR CR LF behind the size", CHUNKED "5\r\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"LF alone in an extension", CHUNKED "5;a\nhello\r\n0\r\n\r\n", {"400"}},
    {"CR alone in an extension", CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"control in an extension", CHUNKED "5;a\x01\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"data longer than the size", CHUNKED "4\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"data shorter than the size", CHUNKED "6\r\nhello\r\n0\r\n\r\n", {"400"}},
    {"LF alone behind the data", CHUNKED "5\r\nhello\n0\r\n\r\n", {"400"}},
    {"CR alone behind the data", CHUNKED "5\r\nhello\rX0\r\n\r\n", {"400"}},
    {"nothing behind the data", CHUNKED "5\r\nhello0\r\n\r\n", {"400"}},
    {"trailer folded", CHUNKED "0\r\nA: b\r\n c\r\n\r\n", {"400"}},
    {"trailer without colon", CHUNKED "0\r\nGET / HTTP/1.1\r\n\r\n", {"400"}},
    {"trailer with blank before the colon", CHUNKED "0\r\nA : b\r\n\r\n", {"400"}},
    {"trailer ended by LF", CHUNKED "0\r\nA: b\n\r\n", {"400"}},
    {"trailers ended by LF", CHUNKED "0\r\nA: b\r\n\n", {"400"}},
    {"last line of LF", CHUNKED "0\r\n\n", {"400"}},
    {"last line of CR and something", CHUNKED "0\r\n\rX\n", {"400"}},
};
INSTANTIATE_TEST_SUITE_P(chunked, http_streams, testing::ValuesIn(chunked));

const stream_case refused[] = {
    // Host (RFC 9112, section 3.2)
    {"no Host", "GET / HTTP/1.1\r\n\r\n", {"400"}},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {"400"}},
    {"two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", {"400"}},
    {"two Hosts with 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", {"400"}},
    {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", {"400"}},
    {"blank Host", "GET / HTTP/1.1\r\nHost: \t \r\n\r\n", {"400"}},
    {"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", {"400"}},
    {"Host with comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", {"400"}},
    {"Host with blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", {"400"}},
    {"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", {"400"}},
    {"Host with scheme", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", {"400"}},
    {"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", {"400"}},
    {"Host with other text", "GET / HTTP/1.1\r\nHost: a\xC3\xA9\r\n\r\n", {"400"}},
    {"Host port not a number", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", {"400"}},
    {"Host port too long", "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", {"400"}},
    {"Host of a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", {"400"}},
    {"Host with open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", {"400"}},
    {"Host with text behind the bracket", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", {"400"}},
    // Content-Length (RFC 9112, section 6.3)
    {"length with +", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nhi", {"400"}},
    {"length with -", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\nhi", {"400"}},
    {"length empty", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nhi", {"400"}},
    {"length hexadecimal", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\nhi", {"400"}},
    {"length with text", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2a\r\n\r\nhi", {"400"}},
    {"length with blank inside", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2 2\r\n\r\nhi", {"400"}},
    {"length fraction", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2.0\r\n\r\nhi", {"400"}},
    {"length in quotes", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"2\"\r\n\r\nhi", {"400"}},
    {"length list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nhi", {"400"}},
    {"length list with comma", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2,\r\n\r\nhi", {"400"}},
    {"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", {"400"}},
    {"two equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", {"400"}},
    {"two zero lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", {"400"}},
    {"length over 64 bits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551618\r\n\r\nhi", {"400"}},
    {"length over the limit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n\r\n", {"413"}},
    {"length at the end of 64 bits",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n",
     {"413"}},
    // Transfer-Encoding (RFC 9112, sections 6.1 and 6.3)
    {"length and chunked",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {"400"}},
    {"chunked and length",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
     {"400"}},
    {"chunked and length zero",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
     {"400"}},
    {"gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {"400"}},
    {"gzip", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", {"400"}},
    {"chunked, gzip", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", {"400"}},
    {"chunked, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {"400"}},
    {"chunked twice",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {"400"}},
    {"gzip, then chunked",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {"400"}},
    {"identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", {"400"}},
    {"identity and length",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
     {"400"}},
    {"empty coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", {"400"}},
    {"xchunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {"400"}},
    {"chunkedx", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", {"400"}},
    {"chunked in quotes", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", {"400"}},
    {"chunked with parameter",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
     {"400"}},
    {"comma before chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", {"400"}},
    {"comma behind chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", {"400"}},
    {"vertical tab before chunked",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n",
     {"400"}},
    {"blank before the colon of a coding",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
     {"400"}},
    {"chunked with 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {"400"}},
    {"chunked folded", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", {"400"}},
    // Lines and blanks (RFC 9112, sections 2.2 and 5)
    {"folded value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", {"400"}},
    {"value folded by a tab", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", {"400"}},
    {"value folded from the start", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n c\r\n\r\n", {"400"}},
    {"blank line of blanks", "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", {"400"}},
    {"blank before the first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", {"400"}},
    {"blank before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", {"400"}},
    {"tab before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n", {"400"}},
    {"no colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", {"400"}},
    {"no name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", {"400"}},
    {"name with blank", "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", {"400"}},
    {"name with parenthesis", "GET / HTTP/1.1\r\nHost: a\r\nX(Y): b\r\n\r\n", {"400"}},
    {"name with NUL", "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"sv, {"400"}},
    {"name with other text", "GET / HTTP/1.1\r\nHost: a\r\nX\xC3\xA9: b\r\n\r\n", {"400"}},
    {"LF alone behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", {"400"}},
    {"LF alone behind a header", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", {"400"}},
    {"LF alone everywhere", "GET / HTTP/1.1\nHost: a\n\n", {"400"}},
    {"LF alone at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", {"400"}},
    {"LF alone before the request line", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"CR alone before the request line", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"CR alone in a value (CVE-2023-30589)", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rContent-Length: 4\r\n\r\n", {"400"}},
    {"CR alone ends an empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\rContent-Length: 4\r\n\r\n", {"400"}},
    {"CR alone at the end", "GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n", {"400"}},
    {"CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", {"400"}},
    {"CR LF CR X ends the head (CVE-2025-23167)",
     "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\rXGET /b HTTP/1.1\r\n\r\n",
     {"400"}},
    {"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"sv, {"400"}},
    {"control in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n", {"400"}},
    {"escape in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x1B[0m\r\n\r\n", {"400"}},
    {"DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a longer value \x7F of text\r\n\r\n", {"400"}},
    {"vertical tab in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \t\t\t\v\r\n\r\n", {"400"}},
    // Request line (RFC 9112, section 3)
    {"unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"blank before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"two blanks before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"tab before the target", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"sv, {"400"}},
    {"other text in the target", "GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"DEL in the target", "GET /\x7F HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"fragment in the target", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"target without slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"target that is a query", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"asterisk of another method", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"absolute form of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"absolute form of another port", "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"absolute form with user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"absolute form without host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"absolute form without Host", "GET http://a/ HTTP/1.0\r\n\r\n", {"400"}},
    {"absolute form of another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"authority form", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", {"400"}},
    {"CONNECT with a path", "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"other protocol", "GET / RTSP/1.0\r\nHost: a\r\n\r\n", {"400"}},
    {"protocol in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", {"400"}},
    {"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\r\n\r\n"sv, {"400"}},
    // Versions
    {"HTTP/0.9", "GET /\r\n\r\n", {"505"}},
    {"HTTP/0.9 spelt out", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", {"505"}},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", {"505"}},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", {"505"}},
    {"HTTP/3.0", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", {"505"}},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", {"505"}},
    {"HTTP/2 preface (RFC 9113, 3.4)", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"505"}},
    // Expect (RFC 9110, section 10.1.1)
    {"other expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 2\r\n\r\nhi", {"417"}},
    {"one of two expectations", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n", {"417"}},
    {"list of expectations", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n", {"417"}},
    // What follows a good request
    {"a body longer than its length",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiX\r\n\r\n",
     {"POST / Content-Length=2 <hi>", "400"}},
    {"GET with a body not announced", "GET / HTTP/1.1\r\nHost: a\r\n\r\n0\r\n\r\n", {"GET / <>", "400"}},
};
INSTANTIATE_TEST_SUITE_P(smuggling, http_streams, testing::ValuesIn(refused));

const stream_case rfc_examples[] = {
    {"RFC 9112, 2.1",
     "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\nAccept-Language: en, mi\r\n\r\n",
     {"GET /hello.txt User-Agent=curl/7.64.1 Accept-Language=en, mi <>"}},
    {"RFC 9112, 3.2.1", "GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n", {"GET /where?q=now <>"}},
    {"RFC 9112, 3.2.2",
     "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
     {"GET /pub/WWW/TheProject.html <>"}},
    {"RFC 9112, 3.2.3", "CONNECT www.example.com:80 HTTP/1.1\r\nHost: www.example.com\r\n\r\n", {"400"}},
    {"RFC 9112, 3.2.4", "OPTIONS * HTTP/1.1\r\nHost: www.example.org:8001\r\n\r\n", {"OPTIONS * <>"}},
};
INSTANTIATE_TEST_SUITE_P(rfc9112, http_streams, testing::ValuesIn(rfc_examples));

TEST(http_trailers, given_trailers_when_asked_for_then_they_are_kept_apart_from_the_headers) {
    const std::string bytes = CHUNKED "1\r\nx\r\n0\r\nA: b\r\nHost: evil\r\n\r\n";
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        request_reader reader({.keep_trailers = true});
        for (const auto& part : {bytes.substr(0, cut), bytes.substr(cut)}) {
            if (part.empty()) continue;
            ASSERT_NE(reader.next(), progress::failed);
            const auto room = reader.prepare();
            std::memcpy(room.data(), part.data(), part.size());
            reader.commit(part.size());
        }
        ASSERT_EQ(reader.next(), progress::request) << cut;
        const auto& got = reader.message();
        EXPECT_EQ(got.body, "x");
        ASSERT_EQ(got.trailers.size(), 2U);
        EXPECT_EQ(got.trailers[0].name, "A");
        EXPECT_EQ(got.trailers[0].value, "b");
        EXPECT_EQ(got.find("a"), "");
        EXPECT_NE(got.find("host"), "evil");
    }
}

// --- limits

struct limit_case {
    std::string_view name;
    request_limits limits;
    std::string bytes;
    std::vector<std::string> outcome;
    friend void PrintTo(const limit_case& one, std::ostream* out) { *out << one.name; }
};

class http_limits : public testing::TestWithParam<limit_case> {};

TEST_P(http_limits, given_limits_when_cut_anywhere_then_exactly_the_longer_is_refused) {
    EXPECT_EQ(outcome_of_every_cut(GetParam().bytes, GetParam().limits), GetParam().outcome);
}

constexpr request_limits small = {.target_bytes = 10, .header_bytes = 100, .header_count = 3, .body_bytes = 8};

std::string head_of(std::size_t bytes, std::string_view line = "GET / HTTP/1.1\r\nHost: a\r\n") {
    std::string head(line);
    head += "X: ";
    head.append(bytes - head.size() - 4, 'x');
    return head + "\r\n\r\n";
}

const std::string chunked_head = CHUNKED;

constexpr larger_body larger[] = {{"/large/", 12}};
constexpr request_limits by_path = {.body_bytes = 8, .larger_bodies = larger};

const limit_case limit_cases[] = {
    {"target of 10", small, "GET /123456789 HTTP/1.1\r\nHost: a\r\n\r\n", {"GET /123456789 <>"}},
    {"target of 11", small, "GET /1234567890 HTTP/1.1\r\nHost: a\r\n\r\n", {"414"}},
    {"target without end", small, "GET /" + std::string(200, 'x'), {"414"}},
    {"head of 100", small, head_of(100), {"GET / X=" + std::string(68, 'x') + " <>"}},
    {"head of 101", small, head_of(101), {"431"}},
    {"head without end", small, "GET / HTTP/1.1\r\nHost: " + std::string(200, 'x'), {"431"}},
    {"empty lines without end",
     small,
     [] {
         std::string lines;
         for (int i = 0; i < 60; ++i) lines += "\r\n";
         return lines;
     }(),
     {"431"}},
    {"3 headers", small, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\n\r\n", {"GET / B=c D=e <>"}},
    {"4 headers", small, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\nF: g\r\n\r\n", {"431"}},
    {"body of 8",
     small,
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n12345678",
     {"POST / Content-Length=8 <12345678>"}},
    {"body of 9 to a path that takes 12",
     by_path,
     "POST /large/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789",
     {"POST /large/x Content-Length=9 <123456789>"}},
    {"body of 13 to a path that takes 12",
     by_path,
     "POST /large/x HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n",
     {"413"}},
    {"chunks of 13 to a path that takes 12",
     by_path,
     "POST /large/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n",
     {"413"}},
    {"body of 9 to another path", by_path, "POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", {"413"}},
    {"body of 9 before it comes", small, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", {"413"}},
    {"body of 9 that waits for a go",
     small,
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
     {"413"}},
    {"chunks of 8",
     small,
     chunked_head + "5\r\n12345\r\n3\r\n678\r\n0\r\n\r\n",
     {"POST / Transfer-Encoding=chunked <12345678>"}},
    {"chunks of 9 before the last comes", small, chunked_head + "5\r\n12345\r\n4\r\n", {"413"}},
    {"one chunk of 9 before it comes", small, chunked_head + "9\r\n", {"413"}},
    {"a chunk line of 256",
     {},
     chunked_head + "1;" + std::string(252, 'x') + "\r\nh\r\n0\r\n\r\n",
     {"POST / Transfer-Encoding=chunked <h>"}},
    {"a chunk line of 257", {}, chunked_head + "1;" + std::string(253, 'x') + "\r\nh\r\n0\r\n\r\n", {"400"}},
    {"a chunk line without end", {}, chunked_head + "1;" + std::string(300, 'x'), {"400"}},
    {"a chunk size without end", {}, chunked_head + std::string(300, '0'), {"400"}},
    // The head takes 56 of the 100 bytes.
    {"extensions of 44 in all",
     small,
     chunked_head + "1;" + std::string(21, 'x') + "\r\nh\r\n1;" + std::string(21, 'x') + "\r\ni\r\n0\r\n\r\n",
     {"POST / Transfer-Encoding=chunked <hi>"}},
    {"extensions of 45 in all",
     small,
     chunked_head + "1;" + std::string(21, 'x') + "\r\nh\r\n1;" + std::string(22, 'x') + "\r\ni\r\n0\r\n\r\n",
     {"400"}},
    {"trailers of 44",
     small,
     chunked_head + "0\r\nX: " + std::string(39, 'x') + "\r\n\r\n",
     {"POST / Transfer-Encoding=chunked <>"}},
    {"a trailer of 45", small, chunked_head + "0\r\nX: " + std::string(40, 'x') + "\r\n\r\n", {"431"}},
    {"a trailer without end", small, chunked_head + "0\r\nX: " + std::string(200, 'x'), {"431"}},
    {"trailers are counted as headers", small, chunked_head + "0\r\nA: b\r\nC: d\r\n\r\n", {"431"}},
    {"one trailer beside two headers",
     small,
     chunked_head + "0\r\nA: b\r\n\r\n",
     {"POST / Transfer-Encoding=chunked <>"}},
};
INSTANTIATE_TEST_SUITE_P(limits, http_limits, testing::ValuesIn(limit_cases));

// --- what comes whole is read by our own rules alone, what comes in pieces by llhttp's as well: both say the same

TEST(http_plain_heads, given_any_octet_at_any_place_when_whole_or_in_pieces_then_the_same) {
    const std::string_view usual =
        "POST /E?a=%20 HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    for (std::size_t at = 0; at < usual.size(); ++at) {
        for (int octet = 0; octet < 256; ++octet) {
            std::string changed(usual);
            changed[at] = static_cast<char>(octet);
            std::string longer(usual);
            longer.insert(at, 1, static_cast<char>(octet));
            for (const auto& bytes : {changed, longer}) {
                request_reader pieces;
                std::vector<std::string> out;
                feed(pieces, std::string_view(bytes).substr(0, 3), out);
                if (out.empty()) feed(pieces, std::string_view(bytes).substr(3), out);
                ASSERT_EQ(outcome(bytes), out) << "octet " << octet << " at " << at << ": " << bytes;
            }
        }
    }
}

// --- the reader's life

class http_reader : public testing::Test {
 protected:
    void give(std::string_view bytes) {
        const auto room = reader_.prepare();
        ASSERT_GE(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), bytes.size());
        reader_.commit(bytes.size());
    }

    request_reader reader_;
};

TEST_F(http_reader, given_a_body_that_waits_when_read_then_continue_is_said_once) {
    give("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(reader_.next(), progress::expects_continue);
    EXPECT_EQ(reader_.next(), progress::need_more);
    EXPECT_TRUE(reader_.in_body());
    give("h");
    EXPECT_EQ(reader_.next(), progress::need_more);
    give("i");
    ASSERT_EQ(reader_.next(), progress::request);
    EXPECT_EQ(reader_.message().body, "hi");
    EXPECT_EQ(reader_.message().find("EXPECT"), "100-Continue");
}

TEST_F(http_reader, given_a_chunked_body_that_waits_when_read_then_continue_is_said_once) {
    give("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(reader_.next(), progress::expects_continue);
    EXPECT_EQ(reader_.next(), progress::need_more);
    give("2\r\nhi\r\n0\r\n\r\n");
    ASSERT_EQ(reader_.next(), progress::request);
    EXPECT_EQ(reader_.message().body, "hi");
}

TEST_F(http_reader, given_a_body_that_has_begun_or_is_empty_when_read_then_no_continue) {
    give("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nh");
    EXPECT_EQ(reader_.next(), progress::need_more);
    give("i");
    ASSERT_EQ(reader_.next(), progress::request);
    reader_.consume();
    give("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(reader_.next(), progress::request);
}

TEST_F(http_reader, given_the_phases_of_a_request_when_asked_then_idle_and_in_body_tell_them) {
    const auto phase = [&] { return (reader_.idle() ? "idle"s : ""s) + (reader_.in_body() ? "body" : ""); };
    EXPECT_EQ(phase(), "idle");
    give("POST / HTTP/1.1\r\nHost: a\r\nTransfer-");
    EXPECT_EQ(reader_.next(), progress::need_more);
    EXPECT_EQ(phase(), "");
    give("Encoding: chunked\r\n\r\n2\r\nh");
    EXPECT_EQ(reader_.next(), progress::need_more);
    EXPECT_EQ(phase(), "body");
    give("i\r\n0\r\n\r\nG");
    EXPECT_EQ(reader_.next(), progress::request);
    EXPECT_EQ(phase(), "");
    reader_.consume();
    EXPECT_EQ(phase(), "") << "the next request has begun";
    EXPECT_EQ(reader_.next(), progress::need_more);
}

TEST_F(http_reader, given_a_request_when_asked_again_then_the_same_until_consumed) {
    give("GET /a?b HTTP/1.1\r\nHost: h\r\nX: 1\r\nx: 2\r\n\r\n");
    ASSERT_EQ(reader_.next(), progress::request);
    ASSERT_EQ(reader_.next(), progress::request);
    const auto& message = reader_.message();
    EXPECT_EQ(message.method, "GET");
    EXPECT_EQ(message.target, "/a?b");
    EXPECT_EQ(message.path, "/a");
    EXPECT_EQ(message.query, "b");
    EXPECT_EQ(message.find("X"), "1") << "the first of the name";
    EXPECT_EQ(message.find("host"), "h");
    EXPECT_EQ(message.find("absent"), "");
    EXPECT_EQ(message.headers.size(), 3U);
    reader_.consume();
    EXPECT_TRUE(reader_.idle());
    EXPECT_EQ(reader_.next(), progress::need_more);
}

TEST_F(http_reader, given_a_reader_that_rests_when_bytes_come_then_it_reads_on) {
    reader_.rest();
    give("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_EQ(reader_.next(), progress::request);
    reader_.consume();
    reader_.rest();
    EXPECT_TRUE(reader_.idle());
    EXPECT_EQ(reader_.next(), progress::need_more);
    give("GET /b HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n");
    ASSERT_EQ(reader_.next(), progress::request);
    EXPECT_EQ(describe(reader_.message()), "GET /b X=1 <>");
}

TEST_F(http_reader, given_a_refusal_when_more_comes_then_it_stays_refused) {
    give("GET / HTTP/1.1\r\n\r\n");
    EXPECT_EQ(reader_.next(), progress::failed);
    EXPECT_EQ(reader_.reason().status, 400);
    EXPECT_EQ(reader_.reason().reason, "The Host header is missing");
    give("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(reader_.next(), progress::failed);
    EXPECT_FALSE(reader_.in_body());
}

TEST_F(http_reader, given_a_large_body_when_it_comes_in_pieces_then_room_grows_with_it_and_is_given_back) {
    const std::string body(3'000'000, 'b');
    const auto bytes = "POST /p?q HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 3000000\r\n\r\n" + body;
    for (int round = 0; round < 2; ++round) {
        std::size_t given = 0;
        while (reader_.next() != progress::request) {
            const auto room = reader_.prepare();
            EXPECT_LE(room.size(), std::max<std::size_t>(2 * given, 16'384)) << "memory follows what was sent";
            const auto piece = std::min({room.size(), bytes.size() - given, std::size_t{50'000}});
            std::memcpy(room.data(), bytes.data() + given, piece);
            reader_.commit(piece);
            given += piece;
        }
        EXPECT_TRUE(reader_.message().body == body);
        EXPECT_EQ(describe(reader_.message()).substr(0, 40), "POST /p?q X=y Content-Length=3000000 <bb");
        reader_.consume();
        EXPECT_LE(reader_.prepare().size(), 16'384U) << "what a large body took is given back";
    }
}

TEST_F(http_reader, given_requests_behind_a_large_body_when_it_is_consumed_then_they_are_kept) {
    std::string bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 'b');
    for (int i = 0; i < 50; ++i) bytes += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    const auto out = outcome(bytes);
    ASSERT_EQ(out.size(), 51U);
    for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(out[i + 1], "GET /" + std::to_string(i) + " <>");
}

TEST_F(http_reader, given_many_small_chunks_when_they_come_then_the_buffer_holds_the_body_and_not_the_framing) {
    give(CHUNKED);
    for (int i = 0; i < 100'000; ++i) {
        // The cut in the size line leaves something unread each time.
        give(i == 0 ? "1;ext" : "\r\n1;e");
        give(i == 0 ? "\r\nh" : "\r\nh");
        ASSERT_EQ(reader_.next(), progress::need_more) << reader_.reason().reason;
        if (i > 10'000) break;
    }
    EXPECT_LE(reader_.prepare().size(), 65'536U);
    give("\r\n0\r\n\r\n");
    ASSERT_EQ(reader_.next(), progress::request);
    EXPECT_TRUE(reader_.message().body == std::string(10'002, 'h'));
}

TEST(http_chunks, given_a_large_chunked_body_when_cut_oddly_then_whole) {
    std::string body, bytes = CHUNKED;
    for (std::size_t i = 1; i < 1500; ++i) {
        const std::string piece(i, static_cast<char>('a' + i % 26));
        std::array<char, 16> size = {};
        std::snprintf(size.data(), size.size(), "%zx\r\n", i);
        bytes.append(size.data()).append(piece).append("\r\n");
        body += piece;
    }
    bytes += "0\r\n\r\n";
    for (const std::size_t step : {7U, 1000U, 4096U, 100'000U}) {
        request_reader reader;
        std::vector<std::string> out;
        for (std::size_t at = 0; at < bytes.size(); at += step)
            feed(reader, std::string_view(bytes).substr(at, step), out);
        ASSERT_EQ(out.size(), 1U) << step;
        EXPECT_TRUE(out[0] == "POST / Transfer-Encoding=chunked <" + body + ">") << step;
    }
}

TEST_F(http_reader, given_a_reader_in_the_middle_when_moved_then_it_reads_on) {
    give("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh");
    EXPECT_EQ(reader_.next(), progress::need_more);
    request_reader other = std::move(reader_);
    const auto room = other.prepare();
    room[0] = 'i';
    other.commit(1);
    ASSERT_EQ(other.next(), progress::request);
    EXPECT_EQ(other.message().body, "hi");
}

}  // namespace
}  // namespace borealis::http
