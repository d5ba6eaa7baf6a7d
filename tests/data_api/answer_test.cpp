#include "data_api/answer.hpp"

#include <gtest/gtest.h>

namespace borealis::data_api {
namespace {

using core::error_kind;

struct answer_case {
    error_kind kind;
    int status;
    std::string_view type;
};

class errors : public testing::TestWithParam<answer_case> {};

TEST_P(errors, given_a_kind_when_answered_then_status_and_shape_are_the_models) {
    const auto made = answer({GetParam().kind, "why \"so\""});
    EXPECT_EQ(made.status, GetParam().status);
    EXPECT_EQ(made.error_type, GetParam().type);
    EXPECT_EQ(made.body, R"({"message":"why \"so\""})");
}

INSTANTIATE_TEST_SUITE_P(
    section_2_1, errors,
    testing::Values(answer_case{error_kind::validation, 400, "ValidationException"},
                    answer_case{error_kind::serialization, 400, "SerializationException"},
                    answer_case{error_kind::bad_request, 400, "BadRequestException"},
                    answer_case{error_kind::access_denied, 403, "AccessDeniedException"},
                    answer_case{error_kind::forbidden, 403, "ForbiddenException"},
                    answer_case{error_kind::database_error, 400, "DatabaseErrorException"},
                    answer_case{error_kind::database_not_found, 404, "DatabaseNotFoundException"},
                    answer_case{error_kind::database_resuming, 400, "DatabaseResumingException"},
                    answer_case{error_kind::database_unavailable, 504, "DatabaseUnavailableException"},
                    answer_case{error_kind::endpoint_not_enabled, 400, "HttpEndpointNotEnabledException"},
                    answer_case{error_kind::invalid_state, 400, "InvalidResourceStateException"},
                    answer_case{error_kind::invalid_secret, 400, "InvalidSecretException"},
                    answer_case{error_kind::secret_not_found, 400, "SecretsErrorException"},
                    answer_case{error_kind::not_found, 404, "NotFoundException"},
                    answer_case{error_kind::transaction_not_found, 404, "TransactionNotFoundException"},
                    answer_case{error_kind::unsupported_result, 400, "UnsupportedResultException"},
                    answer_case{error_kind::throttled, 400, "ThrottlingException"},
                    answer_case{error_kind::unavailable, 503, "ServiceUnavailableError"}));

TEST(answer, given_a_timeout_when_answered_then_it_names_the_connection) {  // R-1.33
    const auto made = answer({error_kind::statement_timeout, "late", 123});
    EXPECT_EQ(made.status, 400);
    EXPECT_EQ(made.error_type, "StatementTimeoutException");
    EXPECT_EQ(made.body, R"({"dbConnectionId":123,"message":"late"})");
}

TEST(answer, given_an_internal_error_when_answered_then_its_text_stays_here) {  // R-1.32
    const auto made = answer({error_kind::internal, "line 7 of x.cpp"});
    EXPECT_EQ(made.status, 500);
    EXPECT_EQ(made.error_type, "InternalServerErrorException");
    EXPECT_EQ(made.body, "{}");
    EXPECT_EQ(answer({error_kind::internal_failure, {}}).error_type, "InternalFailure");
}

TEST(answer, given_a_body_too_large_when_answered_then_413_has_no_error_type) {  // R-1.8
    const auto made = answer({error_kind::too_large, "ours"});
    EXPECT_EQ(made.status, 413);
    EXPECT_EQ(made.error_type, "");
    EXPECT_EQ(made.body, R"({"message":"Request Entity Too Large"})");
}

}  // namespace
}  // namespace borealis::data_api
