// The AWS SDK for Java, version 2; run from its source, it reports as TAP.
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.rdsdata.RdsDataClient;
import software.amazon.awssdk.services.rdsdata.model.*;

public class Clients {
    static final String RESOURCE = System.getenv("RESOURCE_ARN"), SECRET = System.getenv("SECRET_ARN"), TABLE = System.getenv("TABLE");
    static final boolean POSTGRESQL = System.getenv("ENGINE").equals("postgresql");
    static final String AWKWARD = "Ünïcode, 日本語, 🚀, \"quotes\", it's \\ and :name ? $1 %s;";
    static final RdsDataClient client = client(System.getenv("ENDPOINT"));
    static int number = 0, failed = 0;

    interface Body { void run() throws Exception; }

    static RdsDataClient client(String endpoint) {
        return RdsDataClient.builder().endpointOverride(URI.create(endpoint)).region(Region.US_EAST_1).httpClient(UrlConnectionHttpClient.create())
            .overrideConfiguration(o -> o.retryStrategy(AwsRetryStrategy.doNotRetry()))
            .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"))).build();
    }

    static void test(String name, Body body) {
        ++number;
        try {
            run("DELETE FROM " + TABLE);
            body.run();
            System.out.println("ok " + number + " - " + name);
        } catch (Throwable wrong) {
            ++failed;
            System.out.println("not ok " + number + " - " + name + "\n" + wrong + "\n" + Arrays.toString(wrong.getStackTrace()));
        }
    }

    static void equal(Object got, Object want) {
        if (!got.equals(want)) throw new AssertionError(got + " and not " + want);
    }

    static <T extends RdsDataException> T fails(Class<T> as, Runnable what) {
        try {
            what.run();
        } catch (RdsDataException error) {
            return as.cast(error);
        }
        throw new AssertionError("no " + as.getSimpleName());
    }

    static ExecuteStatementRequest.Builder statement(String sql, SqlParameter... parameters) {
        return ExecuteStatementRequest.builder().resourceArn(RESOURCE).secretArn(SECRET).sql(sql).parameters(parameters);
    }

    static ExecuteStatementResponse run(String sql, SqlParameter... parameters) {
        return client.executeStatement(statement(sql, parameters).build());
    }

    static SqlParameter named(String name, Field value) { return SqlParameter.builder().name(name).value(value).build(); }

    static SqlParameter[] row(long id, String name) {
        return new SqlParameter[] {named("id", Field.fromLongValue(id)), named("name", Field.fromStringValue(name))};
    }

    static void add(long id, String name, String transaction) {
        client.executeStatement(statement("INSERT INTO " + TABLE + " (id, name) VALUES (:id, :name)", row(id, name)).transactionId(transaction).build());
    }

    static long count() { return run("SELECT COUNT(*) FROM " + TABLE).records().get(0).get(0).longValue(); }

    static String begin() { return client.beginTransaction(b -> b.resourceArn(RESOURCE).secretArn(SECRET)).transactionId(); }

    public static void main(String[] none) {
        run("DROP TABLE IF EXISTS " + TABLE);
        run("CREATE TABLE " + TABLE + " (id BIGINT PRIMARY KEY, name VARCHAR(200), data " + (POSTGRESQL ? "BYTEA" : "BLOB") + ", ratio DOUBLE PRECISION, yes BOOLEAN)");

        test("values of every kind go and come back", () -> {
            SdkBytes data = SdkBytes.fromByteArray(new byte[] {0, 1, -1, 10, 0});
            List<SqlParameter> all = new ArrayList<>(List.of(row(Long.MAX_VALUE, AWKWARD)));
            all.add(named("data", Field.fromBlobValue(data)));
            all.add(named("ratio", Field.fromDoubleValue(0.1)));
            all.add(named("yes", Field.fromBooleanValue(true)));
            equal(run("INSERT INTO " + TABLE + " VALUES (:id, :name, :data, :ratio, :yes)", all.toArray(new SqlParameter[0])).numberOfRecordsUpdated(), 1L);
            equal(run("SELECT id, name, data, ratio, yes FROM " + TABLE).records().get(0), all.stream().map(SqlParameter::value).toList());
        });
        test("NULL in and out", () -> {
            run("INSERT INTO " + TABLE + " (id, name) VALUES (1, :name)", named("name", Field.fromIsNull(true)));
            for (Field each : run("SELECT name, data, ratio, yes FROM " + TABLE).records().get(0)) equal(each.type(), Field.Type.IS_NULL);
        });
        test("hints and metadata", () -> {
            SqlParameter price = named("d", Field.fromStringValue("1234567890123456.7891")).toBuilder().typeHint(TypeHint.DECIMAL).build();
            ExecuteStatementResponse got = client.executeStatement(statement("SELECT CAST(:d AS DECIMAL(20,4)) AS price", price).includeResultMetadata(true).build());
            equal(got.records().get(0).get(0), Field.fromStringValue("1234567890123456.7891"));
            equal(List.of(got.columnMetadata().get(0).label(), got.columnMetadata().get(0).precision(), got.columnMetadata().get(0).scale()), List.of("price", 20, 4));
        });
        // ERRORS has a line for each: the class, its status, operation, cluster, secret, transaction and SQL, for ERRORS_ENDPOINT.
        test("every error has its class", () -> {
            RdsDataClient asked = client(System.getenv("ERRORS_ENDPOINT"));
            for (String line : System.getenv("ERRORS").split("\n")) {
                String[] part = line.split("\t", -1);
                String name = part[0], resource = part[3], secret = part[4], transaction = part[5].isEmpty() ? null : part[5], sql = part[6];
                Map<String, Runnable> calls = Map.of(
                    "Execute", () -> asked.executeStatement(statement(sql).resourceArn(resource).secretArn(secret).transactionId(transaction).build()),
                    "BatchExecute", () -> asked.batchExecuteStatement(b -> b.resourceArn(resource).secretArn(secret).transactionId(transaction).sql(sql).parameterSets(List.of(List.of()))),
                    "BeginTransaction", () -> asked.beginTransaction(b -> b.resourceArn(resource).secretArn(secret)),
                    "CommitTransaction", () -> asked.commitTransaction(b -> b.resourceArn(resource).secretArn(secret).transactionId(transaction)),
                    "RollbackTransaction", () -> asked.rollbackTransaction(b -> b.resourceArn(resource).secretArn(secret).transactionId(transaction)),
                    "ExecuteSql", () -> asked.executeSql(b -> b.dbClusterOrInstanceArn(resource).awsSecretStoreArn(secret).sqlStatements(sql)));
                RdsDataException error = fails(RdsDataException.class, calls.get(part[2]));
                boolean modelled = !List.of("ValidationException", "InternalFailure").contains(name);
                // The SDK's own names: …Error became …Exception, as everything else has it.
                equal(error.getClass().getSimpleName(), modelled ? name.replaceAll("Error$", "ErrorException") : "RdsDataException");
                equal(List.of(error.awsErrorDetails().errorCode(), error.statusCode(), error.requestId().length()), List.of(name, Integer.valueOf(part[1]), 36));
                equal(name.equals("InternalFailure") || !error.awsErrorDetails().errorMessage().isEmpty(), true);
                if (error instanceof StatementTimeoutException late) equal(late.dbConnectionId() > 0, true);
            }
        });
        if (POSTGRESQL) test("arrays", () -> {
            List<Field> got = run("SELECT ARRAY[1,NULL,9223372036854775807], ARRAY['a','b,c'], ARRAY[]::bool[]").records().get(0);
            equal(got.get(0).arrayValue().longValues(), Arrays.asList(1L, null, Long.MAX_VALUE));
            equal(got.get(1).arrayValue().stringValues(), List.of("a", "b,c"));
            equal(got.get(2).arrayValue().type(), ArrayValue.Type.BOOLEAN_VALUES);
        });
        test("commit keeps and rollback drops", () -> {
            String kept = begin(), dropped = begin();
            add(1, "kept", kept);
            add(2, "dropped", dropped);
            equal(count(), 0L);
            equal(client.commitTransaction(b -> b.resourceArn(RESOURCE).secretArn(SECRET).transactionId(kept)).transactionStatus(), "Transaction Committed");
            equal(client.rollbackTransaction(b -> b.resourceArn(RESOURCE).secretArn(SECRET).transactionId(dropped)).transactionStatus(), "Rollback Complete");
            equal(count(), 1L);
            fails(TransactionNotFoundException.class, () -> add(3, "late", dropped));
        });
        test("a batch of 50 with a duplicate adds nothing, without it all", () -> {
            List<List<SqlParameter>> sets = new ArrayList<>();
            for (int i = 0; i < 50; ++i) sets.add(List.of(row(i == 36 ? 5 : i, "Employee " + i)));
            BatchExecuteStatementRequest.Builder batch = BatchExecuteStatementRequest.builder().resourceArn(RESOURCE).secretArn(SECRET)
                .sql("INSERT INTO " + TABLE + " (id, name) VALUES (:id, :name)");
            fails(DatabaseErrorException.class, () -> client.batchExecuteStatement(batch.parameterSets(sets).build()));
            equal(count(), 0L);
            sets.set(36, List.of(row(36, "Employee 36")));
            equal(client.batchExecuteStatement(batch.parameterSets(sets).build()).updateResults().size(), 50);
            equal(count(), 50L);
        });
        test("100 calls at once", () -> {
            IntStream.range(0, 100).parallel().forEach(i -> add(i, "x", null));
            equal(count(), 100L);
        });
        System.out.println("1.." + number);
        System.exit(failed == 0 ? 0 : 1);
    }
}
