// Makes a table, writes and reads it, and moves money in a transaction. Needs a running Data API:
//   borealis serve &
//   AWS_ENDPOINT_URL=http://127.0.0.1:8080 AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any
//     quick_start <cluster ARN> <secret ARN> <database>
#include <cstdio>
#include <string>

#include <borealis/data_api.hpp>

int main(int count, char** arguments) {
    if (count != 4) {
        std::fputs("usage: quick_start <cluster ARN> <secret ARN> <database>\n", stderr);
        return 2;
    }
    borealis::data_api_client client(
        {}, {.resource_arn = arguments[1], .secret_arn = arguments[2], .database = arguments[3]});
    try {
        client.execute("CREATE TABLE IF NOT EXISTS account (id int PRIMARY KEY, owner varchar(40), balance int)");
        client.execute("DELETE FROM account");
        client.batch_execute(
            "INSERT INTO account VALUES (:id, :owner, :balance)",
            {{borealis::param("id", 1), borealis::param("owner", "Ann"), borealis::param("balance", 100)},
             {borealis::param("id", 2), borealis::param("owner", nullptr), borealis::param("balance", 0)}});

        auto transfer = client.begin();  // rolls back unless committed
        transfer.execute("UPDATE account SET balance = balance - :sum WHERE id = 1", {borealis::param("sum", 30)});
        transfer.execute("UPDATE account SET balance = balance + :sum WHERE id = 2", {borealis::param("sum", 30)});
        transfer.commit();

        const auto accounts = client.execute_statement(
            {.sql = "SELECT id, owner, balance FROM account ORDER BY id", .include_result_metadata = true});
        for (const auto row : accounts.rows()) {
            const auto owner = row.get<std::optional<std::string>>("owner");
            std::printf("%d %s %d\n", row.get<int>("id"), owner.value_or("nobody").c_str(), row.get<int>("balance"));
        }
    } catch (const borealis::database_error& failed) {
        std::fprintf(stderr, "the database says: %s\n", failed.message().c_str());
        return 1;
    } catch (const borealis::aws_error& failed) {
        std::fprintf(stderr, "%s%s\n", failed.what(),
                     failed.outcome_unknown() ? " (it may have happened all the same)" : "");
        return 1;
    }
}
