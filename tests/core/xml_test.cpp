#include "core/xml.hpp"

#include <gtest/gtest.h>

namespace borealis::core {
namespace {

TEST(xml, given_text_when_appended_then_nothing_of_it_is_markup) {
    std::string out;
    append_xml_element(out, "Message", "a<b> & \"c\" 'd'\r\n\t\x01 é\xEF\xBF\xBF");
    EXPECT_EQ(out,
              "<Message>a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;&#xD;\n\t\xEF\xBF\xBD é\xEF\xBF\xBD</Message>");
}

}  // namespace
}  // namespace borealis::core
