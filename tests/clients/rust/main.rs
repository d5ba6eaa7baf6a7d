// The AWS SDK for Rust; it reports as TAP.
use aws_sdk_rdsdata::config::{BehaviorVersion, Config, Credentials, Region, retry::RetryConfig};
use aws_sdk_rdsdata::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rdsdata::operation::RequestId;
use aws_sdk_rdsdata::operation::execute_statement::ExecuteStatementOutput;
use aws_sdk_rdsdata::primitives::Blob;
use aws_sdk_rdsdata::types::{ArrayValue, Field, RecordsFormatType, SqlParameter, TypeHint};
use aws_sdk_rdsdata::{Client, Error};
use std::{env::var, future::Future, process::exit, sync::Arc};

const AWKWARD: &str = "Ünïcode, 日本語, 🚀, \"quotes\", it's \\ and :name ? $1 %s;";

struct Database {
    client: Client,
    resource: String,
    secret: String,
    table: String,
    postgresql: bool,
}

fn named(name: &str, value: Field) -> SqlParameter {
    SqlParameter::builder().name(name).value(value).build()
}

fn row(id: i64, name: &str) -> Vec<SqlParameter> {
    vec![named("id", Field::LongValue(id)), named("name", Field::StringValue(name.into()))]
}

fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

/// The name of the class that the SDK made of an error; None where it knows none.
fn class_of(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::AccessDeniedException(_) => "AccessDeniedException",
        Error::BadRequestException(_) => "BadRequestException",
        Error::DatabaseErrorException(_) => "DatabaseErrorException",
        Error::DatabaseNotFoundException(_) => "DatabaseNotFoundException",
        Error::DatabaseResumingException(_) => "DatabaseResumingException",
        Error::DatabaseUnavailableException(_) => "DatabaseUnavailableException",
        Error::ForbiddenException(_) => "ForbiddenException",
        Error::HttpEndpointNotEnabledException(_) => "HttpEndpointNotEnabledException",
        Error::InternalServerErrorException(_) => "InternalServerErrorException",
        Error::InvalidResourceStateException(_) => "InvalidResourceStateException",
        Error::InvalidSecretException(_) => "InvalidSecretException",
        Error::NotFoundException(_) => "NotFoundException",
        Error::SecretsErrorException(_) => "SecretsErrorException",
        Error::ServiceUnavailableError(_) => "ServiceUnavailableError",
        Error::StatementTimeoutException(_) => "StatementTimeoutException",
        Error::TransactionNotFoundException(_) => "TransactionNotFoundException",
        Error::UnsupportedResultException(_) => "UnsupportedResultException",
        _ => return None,
    })
}

fn split<E>(failed: SdkError<E>) -> (u16, Error)
where
    Error: From<SdkError<E>>,
{
    (failed.raw_response().expect("no answer at all").status().as_u16(), Error::from(failed))
}

impl Database {
    async fn statement(&self, sql: &str, transaction: Option<String>, parameters: Vec<SqlParameter>) -> Result<ExecuteStatementOutput, Error> {
        let call = self.client.execute_statement().resource_arn(&self.resource).secret_arn(&self.secret).sql(sql);
        Ok(call.set_transaction_id(transaction).set_parameters(Some(parameters)).send().await?)
    }

    async fn run(&self, sql: &str, parameters: Vec<SqlParameter>) -> ExecuteStatementOutput {
        self.statement(sql, None, parameters).await.unwrap()
    }

    async fn first(&self, sql: &str) -> Vec<Field> {
        self.run(sql, vec![]).await.records()[0].clone()
    }

    async fn add(&self, id: i64, name: &str, transaction: Option<String>) -> Result<ExecuteStatementOutput, Error> {
        self.statement(&format!("INSERT INTO {} (id, name) VALUES (:id, :name)", self.table), transaction, row(id, name)).await
    }

    async fn count(&self) -> i64 {
        *self.first(&format!("SELECT COUNT(*) FROM {}", self.table)).await[0].as_long_value().unwrap()
    }

    async fn begin(&self) -> String {
        self.client.begin_transaction().resource_arn(&self.resource).secret_arn(&self.secret).send().await.unwrap().transaction_id.unwrap()
    }

    async fn commit(&self, id: &str) -> String {
        let call = self.client.commit_transaction().resource_arn(&self.resource).secret_arn(&self.secret).transaction_id(id);
        call.send().await.unwrap().transaction_status.unwrap()
    }

    async fn roll_back(&self, id: &str) -> String {
        let call = self.client.rollback_transaction().resource_arn(&self.resource).secret_arn(&self.secret).transaction_id(id);
        call.send().await.unwrap().transaction_status.unwrap()
    }

    async fn batch(&self, sets: Vec<Vec<SqlParameter>>) -> Result<usize, Error> {
        let sql = format!("INSERT INTO {} (id, name) VALUES (:id, :name)", self.table);
        let call = self.client.batch_execute_statement().resource_arn(&self.resource).secret_arn(&self.secret).sql(sql);
        Ok(call.set_parameter_sets(Some(sets)).send().await?.update_results().len())
    }
}

async fn values_of_every_kind_go_and_come_back(db: Arc<Database>) {
    let mut all = row(i64::MAX, AWKWARD);
    all.push(named("data", Field::BlobValue(Blob::new([0, 1, 255, 10, 0]))));
    all.push(named("ratio", Field::DoubleValue(0.1)));
    all.push(named("yes", Field::BooleanValue(true)));
    let added = db.run(&format!("INSERT INTO {} VALUES (:id, :name, :data, :ratio, :yes)", db.table), all.clone()).await;
    assert_eq!((added.number_of_records_updated, added.records), (1, None)); // R-1.20
    let got = db.run(&format!("SELECT id, name, data, ratio, yes FROM {}", db.table), vec![]).await;
    assert_eq!(got.records()[0], all.into_iter().map(|p| p.value.unwrap()).collect::<Vec<_>>());
    assert!(got.request_id().is_some_and(|id| id.len() == 36)); // R-1.4
}

async fn null_in_and_out(db: Arc<Database>) {
    db.run(&format!("INSERT INTO {} (id, name) VALUES (1, :name)", db.table), vec![named("name", Field::IsNull(true))]).await;
    assert_eq!(db.first(&format!("SELECT name, data, ratio, yes FROM {}", db.table)).await, vec![Field::IsNull(true); 4]);
}

async fn hints_metadata_and_json(db: Arc<Database>) {
    let price = SqlParameter::builder().name("d").value(Field::StringValue("1234567890123456.7891".into())).type_hint(TypeHint::Decimal).build();
    let call = db.client.execute_statement().resource_arn(&db.resource).secret_arn(&db.secret).sql("SELECT CAST(:d AS DECIMAL(20,4)) AS price");
    let got = call.clone().parameters(price.clone()).include_result_metadata(true).send().await.unwrap();
    assert_eq!(got.records()[0], [Field::StringValue("1234567890123456.7891".into())]);
    let column = &got.column_metadata()[0];
    assert_eq!((column.label(), column.precision, column.scale), (Some("price"), 20, 4));
    let got = call.parameters(price).format_records_as(RecordsFormatType::Json).send().await.unwrap();
    assert_eq!(got.formatted_records(), Some(r#"[{"price":"1234567890123456.7891"}]"#));
}

async fn doubles_of_every_size(db: Arc<Database>) {
    let mut all = vec![0.0, -0.5, 1e-300, f64::MAX, f64::MIN_POSITIVE];
    if db.postgresql {
        all.extend([f64::INFINITY, f64::NEG_INFINITY]); // R-1.26; MariaDB has none
    }
    for value in all {
        db.run(&format!("DELETE FROM {}", db.table), vec![]).await;
        db.run(&format!("INSERT INTO {} (id, ratio) VALUES (1, :r)", db.table), vec![named("r", Field::DoubleValue(value))]).await;
        assert_eq!(db.first(&format!("SELECT ratio FROM {}", db.table)).await, [Field::DoubleValue(value)]);
    }
}

async fn arrays(db: Arc<Database>) {
    let got = db.first("SELECT ARRAY[1,NULL,9223372036854775807], ARRAY['a','b,c'], ARRAY[]::bool[]").await;
    let arrays: Vec<_> = got.iter().map(|f| f.as_array_value().unwrap()).collect();
    assert_eq!(arrays[0].as_long_values().unwrap()[..], [Some(1), None, Some(i64::MAX)]);
    assert_eq!(arrays[1].as_string_values().unwrap()[..], [Some("a".to_string()), Some("b,c".to_string())]);
    assert!(matches!(arrays[2], ArrayValue::BooleanValues(none) if none.is_empty()));
}

/// ERRORS has a line for each: the class, its status, operation, cluster, secret, transaction and SQL, for ERRORS_ENDPOINT.
async fn every_error_has_its_class(_: Arc<Database>) {
    let c = client(&var("ERRORS_ENDPOINT").unwrap());
    for line in var("ERRORS").unwrap().lines() {
        let [class, status, operation, resource, secret, transaction, sql] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let transaction = Some(transaction.to_string()).filter(|id| !id.is_empty());
        let (got, error) = match operation {
            "Execute" => split(c.execute_statement().resource_arn(resource).secret_arn(secret).sql(sql).set_transaction_id(transaction).send().await.unwrap_err()),
            "BatchExecute" => split(
                c.batch_execute_statement().resource_arn(resource).secret_arn(secret).sql(sql).set_transaction_id(transaction)
                    .set_parameter_sets(Some(vec![vec![]])).send().await.unwrap_err(),
            ),
            "BeginTransaction" => split(c.begin_transaction().resource_arn(resource).secret_arn(secret).send().await.unwrap_err()),
            "CommitTransaction" => split(c.commit_transaction().resource_arn(resource).secret_arn(secret).set_transaction_id(transaction).send().await.unwrap_err()),
            "RollbackTransaction" => split(c.rollback_transaction().resource_arn(resource).secret_arn(secret).set_transaction_id(transaction).send().await.unwrap_err()),
            #[allow(deprecated)]
            "ExecuteSql" => split(c.execute_sql().db_cluster_or_instance_arn(resource).aws_secret_store_arn(secret).sql_statements(sql).send().await.unwrap_err()),
            _ => panic!("{line}"),
        };
        let meta = error.meta();
        assert_eq!((got.to_string(), meta.code()), (status.to_string(), Some(class)), "{line}");
        assert!(class == "InternalFailure" || meta.message().is_some_and(|text| !text.is_empty()), "{line}");
        assert!(error.request_id().is_some_and(|id| id.len() == 36), "{line}");
        let modelled = !["ValidationException", "InternalFailure"].contains(&class);
        assert_eq!(class_of(&error), Some(class).filter(|_| modelled), "{line}");
        if let Error::StatementTimeoutException(late) = error {
            assert!(late.db_connection_id > 0); // R-1.33
        }
    }
}

async fn commit_keeps_and_rollback_drops(db: Arc<Database>) {
    let (kept, dropped) = (db.begin().await, db.begin().await);
    db.add(1, "kept", Some(kept.clone())).await.unwrap();
    db.add(2, "dropped", Some(dropped.clone())).await.unwrap();
    assert_eq!(db.count().await, 0);
    assert_eq!(db.commit(&kept).await, "Transaction Committed");
    assert_eq!(db.roll_back(&dropped).await, "Rollback Complete");
    assert_eq!(db.count().await, 1);
    assert!(matches!(db.add(3, "late", Some(dropped)).await.unwrap_err(), Error::TransactionNotFoundException(_)));
}

async fn a_batch_of_50_with_a_duplicate_adds_nothing_without_it_all(db: Arc<Database>) {
    let mut sets: Vec<_> = (0..50).map(|i| row(if i == 36 { 5 } else { i }, &format!("Employee {i}"))).collect();
    let failed = db.batch(sets.clone()).await.unwrap_err();
    assert!(matches!(&failed, Error::DatabaseErrorException(e) if e.message().unwrap().to_lowercase().contains("duplicate")), "{failed:?}");
    assert_eq!(db.count().await, 0);
    sets[36] = row(36, "Employee 36");
    assert_eq!(db.batch(sets).await.unwrap(), 50);
    assert_eq!(db.count().await, 50);
}

async fn a_hundred_calls_at_once(db: Arc<Database>) {
    let calls: Vec<_> = (0..100).map(|i| tokio::spawn({ let db = db.clone(); async move { db.add(i, "x", None).await.map(drop) } })).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(db.count().await, 100);
}

async fn eight_transactions_at_once(db: Arc<Database>) {
    let one = |i: i64, db: Arc<Database>| async move {
        let id = db.begin().await;
        db.add(i, "x", Some(id.clone())).await.unwrap();
        if i % 2 == 0 { db.commit(&id).await } else { db.roll_back(&id).await }
    };
    let all: Vec<_> = (0..8).map(|i| tokio::spawn(one(i, db.clone()))).collect();
    for each in all {
        each.await.unwrap();
    }
    assert_eq!(db.count().await, 4);
}

struct Report {
    number: usize,
    failed: usize,
}

impl Report {
    async fn test<F: Future<Output = ()> + Send + 'static>(&mut self, db: &Arc<Database>, name: &str, body: impl FnOnce(Arc<Database>) -> F) {
        db.run(&format!("DELETE FROM {}", db.table), vec![]).await;
        self.number += 1;
        let word = if tokio::spawn(body(db.clone())).await.is_ok() { "ok" } else { "not ok" };
        self.failed += usize::from(word != "ok");
        println!("{word} {} - {name}", self.number);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let db = Arc::new(Database {
        client: client(&var("ENDPOINT").unwrap()),
        resource: var("RESOURCE_ARN").unwrap(),
        secret: var("SECRET_ARN").unwrap(),
        table: var("TABLE").unwrap(),
        postgresql: var("ENGINE").unwrap() == "postgresql",
    });
    db.run(&format!("DROP TABLE IF EXISTS {}", db.table), vec![]).await;
    let blob = if db.postgresql { "BYTEA" } else { "BLOB" };
    db.run(&format!("CREATE TABLE {} (id BIGINT PRIMARY KEY, name VARCHAR(200), data {blob}, ratio DOUBLE PRECISION, yes BOOLEAN)", db.table), vec![]).await;

    let mut report = Report { number: 0, failed: 0 };
    report.test(&db, "values of every kind go and come back", values_of_every_kind_go_and_come_back).await;
    report.test(&db, "NULL in and out", null_in_and_out).await;
    report.test(&db, "hints, metadata and records as JSON", hints_metadata_and_json).await;
    report.test(&db, "doubles of every size", doubles_of_every_size).await;
    if db.postgresql {
        report.test(&db, "arrays", arrays).await;
    }
    report.test(&db, "every error has its class", every_error_has_its_class).await;
    report.test(&db, "commit keeps and rollback drops", commit_keeps_and_rollback_drops).await;
    report.test(&db, "a batch of 50 with a duplicate adds nothing, without it all", a_batch_of_50_with_a_duplicate_adds_nothing_without_it_all).await;
    report.test(&db, "100 calls at once", a_hundred_calls_at_once).await;
    report.test(&db, "8 transactions at once", eight_transactions_at_once).await;
    println!("1..{}", report.number);
    exit(i32::from(report.failed > 0));
}
