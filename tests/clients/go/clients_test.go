// The AWS SDK for Go, version 2.
package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/rdsdata"
	"github.com/aws/aws-sdk-go-v2/service/rdsdata/types"
	"github.com/aws/smithy-go"
)

const awkward = `Ünïcode, 日本語, 🚀, "quotes", it's \ and :name ? $1 %s;`

var (
	resource   = aws.String(os.Getenv("RESOURCE_ARN"))
	secret     = aws.String(os.Getenv("SECRET_ARN"))
	table      = os.Getenv("TABLE")
	postgresql = os.Getenv("ENGINE") == "postgresql"
	ctx        = context.Background()
	client     = rdsdata.New(rdsdata.Options{
		BaseEndpoint: aws.String(os.Getenv("ENDPOINT")), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
)

func try(sql string, transaction *string, parameters ...types.SqlParameter) (*rdsdata.ExecuteStatementOutput, error) {
	return client.ExecuteStatement(ctx, &rdsdata.ExecuteStatementInput{ResourceArn: resource, SecretArn: secret, Sql: &sql, TransactionId: transaction, Parameters: parameters})
}

func must[T any](got T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

func run(t *testing.T, sql string, parameters ...types.SqlParameter) [][]types.Field {
	t.Helper()
	return must(try(sql, nil, parameters...))(t).Records
}

func named(name string, value types.Field) types.SqlParameter {
	return types.SqlParameter{Name: &name, Value: value}
}

func row(id int64, name string) []types.SqlParameter {
	return []types.SqlParameter{named("id", &types.FieldMemberLongValue{Value: id}), named("name", &types.FieldMemberStringValue{Value: name})}
}

func add(id int64, name string, transaction *string) error {
	_, err := try("INSERT INTO "+table+" (id, name) VALUES (:id, :name)", transaction, row(id, name)...)
	return err
}

func count(t *testing.T, want int64) {
	t.Helper()
	if got := run(t, "SELECT COUNT(*) FROM " + table)[0][0].(*types.FieldMemberLongValue).Value; got != want {
		t.Fatalf("%d rows, not %d", got, want)
	}
}

func begin(t *testing.T) *string {
	t.Helper()
	return must(client.BeginTransaction(ctx, &rdsdata.BeginTransactionInput{ResourceArn: resource, SecretArn: secret}))(t).TransactionId
}

func fresh(t *testing.T) {
	t.Helper()
	blob := "BLOB"
	if postgresql {
		blob = "BYTEA"
	}
	run(t, "DROP TABLE IF EXISTS "+table)
	run(t, "CREATE TABLE "+table+" (id BIGINT PRIMARY KEY, name VARCHAR(200), data "+blob+", ratio DOUBLE PRECISION, yes BOOLEAN)")
}

func TestValuesOfEveryKindGoAndComeBack(t *testing.T) {
	fresh(t)
	const most = int64(9223372036854775807)
	data := []byte{0, 1, 255, 10, 0}
	run(t, "INSERT INTO "+table+" VALUES (:id, :name, :data, :ratio, :yes)", append(row(most, awkward),
		named("data", &types.FieldMemberBlobValue{Value: data}), named("ratio", &types.FieldMemberDoubleValue{Value: 0.1}),
		named("yes", &types.FieldMemberBooleanValue{Value: true}))...)
	got := run(t, "SELECT id, name, data, ratio, yes FROM "+table)[0]
	if got[0].(*types.FieldMemberLongValue).Value != most || got[1].(*types.FieldMemberStringValue).Value != awkward ||
		!bytes.Equal(got[2].(*types.FieldMemberBlobValue).Value, data) || got[3].(*types.FieldMemberDoubleValue).Value != 0.1 ||
		!got[4].(*types.FieldMemberBooleanValue).Value {
		t.Fatalf("%#v", got)
	}
}

func TestNullInAndOut(t *testing.T) {
	fresh(t)
	run(t, "INSERT INTO "+table+" (id, name) VALUES (-1, :name)", named("name", &types.FieldMemberIsNull{Value: true}))
	for _, each := range run(t, "SELECT name, data, ratio, yes FROM " + table)[0] {
		if null, ok := each.(*types.FieldMemberIsNull); !ok || !null.Value {
			t.Fatalf("%#v", each)
		}
	}
}

func TestHintsAndMetadata(t *testing.T) {
	sql := "SELECT CAST(:d AS DECIMAL(20,4)) AS price"
	price := named("d", &types.FieldMemberStringValue{Value: "1234567890123456.7891"})
	price.TypeHint = types.TypeHintDecimal
	got := must(client.ExecuteStatement(ctx, &rdsdata.ExecuteStatementInput{
		ResourceArn: resource, SecretArn: secret, Sql: &sql, Parameters: []types.SqlParameter{price}, IncludeResultMetadata: true}))(t)
	if text := got.Records[0][0].(*types.FieldMemberStringValue).Value; text != "1234567890123456.7891" {
		t.Fatal(text)
	}
	if column := got.ColumnMetadata[0]; *column.Label != "price" || column.Precision != 20 || column.Scale != 4 {
		t.Fatalf("%+v", column)
	}
}

func TestArrays(t *testing.T) {
	if !postgresql {
		t.Skip("MariaDB has no arrays")
	}
	got := run(t, "SELECT ARRAY[1,NULL,9223372036854775807], ARRAY['a','b,c']")[0]
	longs := got[0].(*types.FieldMemberArrayValue).Value.(*types.ArrayValueMemberLongValues).Value
	texts := got[1].(*types.FieldMemberArrayValue).Value.(*types.ArrayValueMemberStringValues).Value
	if len(longs) != 3 || *longs[0] != 1 || longs[1] != nil || *longs[2] != 9223372036854775807 || *texts[1] != "b,c" {
		t.Fatalf("%#v %#v", longs, texts)
	}
}

func fails[T error](t *testing.T, err error) (is T) {
	t.Helper()
	if !errors.As(err, &is) {
		t.Fatalf("%T and not %T: %v", err, is, err)
	}
	return
}

// ERRORS has a line for each: the class, its status, operation, cluster, secret, transaction and SQL, for ERRORS_ENDPOINT.
func TestEveryErrorHasItsType(t *testing.T) {
	other := client.Options()
	other.BaseEndpoint = aws.String(os.Getenv("ERRORS_ENDPOINT"))
	asked := rdsdata.New(other)
	for _, line := range strings.Split(os.Getenv("ERRORS"), "\n") {
		parts := strings.Split(line, "\t")
		class, status, resource, secret, sql := parts[0], parts[1], &parts[3], &parts[4], &parts[6]
		var transaction *string
		if parts[5] != "" {
			transaction = &parts[5]
		}
		var err error
		switch parts[2] {
		case "Execute":
			_, err = asked.ExecuteStatement(ctx, &rdsdata.ExecuteStatementInput{ResourceArn: resource, SecretArn: secret, TransactionId: transaction, Sql: sql})
		case "BatchExecute":
			_, err = asked.BatchExecuteStatement(ctx, &rdsdata.BatchExecuteStatementInput{
				ResourceArn: resource, SecretArn: secret, TransactionId: transaction, Sql: sql, ParameterSets: [][]types.SqlParameter{{}}})
		case "BeginTransaction":
			_, err = asked.BeginTransaction(ctx, &rdsdata.BeginTransactionInput{ResourceArn: resource, SecretArn: secret})
		case "CommitTransaction":
			_, err = asked.CommitTransaction(ctx, &rdsdata.CommitTransactionInput{ResourceArn: resource, SecretArn: secret, TransactionId: transaction})
		case "RollbackTransaction":
			_, err = asked.RollbackTransaction(ctx, &rdsdata.RollbackTransactionInput{ResourceArn: resource, SecretArn: secret, TransactionId: transaction})
		case "ExecuteSql":
			_, err = asked.ExecuteSql(ctx, &rdsdata.ExecuteSqlInput{DbClusterOrInstanceArn: resource, AwsSecretStoreArn: secret, SqlStatements: sql})
		}
		var api smithy.APIError
		var answer *awshttp.ResponseError
		if !errors.As(err, &api) || !errors.As(err, &answer) {
			t.Fatalf("%s: %v", line, err)
		}
		if api.ErrorCode() != class || strconv.Itoa(answer.HTTPStatusCode()) != status || len(answer.RequestID) != 36 {
			t.Errorf("%s: %v", line, err)
		}
		// where the model has no message, the SDK shows none.
		if api.ErrorMessage() == "" && status[0] != '5' {
			t.Errorf("%s: no message", line)
		}
		modelled := class != "ValidationException" && class != "InternalFailure"
		if of := "*types." + class; modelled && fmt.Sprintf("%T", api) != of {
			t.Errorf("%s: %T", line, api)
		}
		if modelled && (api.ErrorFault() == smithy.FaultServer) != (status[0] == '5') {
			t.Errorf("%s: fault %v", line, api.ErrorFault())
		}
		var late *types.StatementTimeoutException
		if errors.As(err, &late) && late.DbConnectionId <= 0 {
			t.Errorf("%s: connection %d", line, late.DbConnectionId)
		}
	}
}

func TestCommitKeepsAndRollbackDrops(t *testing.T) {
	fresh(t)
	kept, dropped := begin(t), begin(t)
	if err := errors.Join(add(1, "kept", kept), add(2, "dropped", dropped)); err != nil {
		t.Fatal(err)
	}
	count(t, 0)
	ended := must(client.CommitTransaction(ctx, &rdsdata.CommitTransactionInput{ResourceArn: resource, SecretArn: secret, TransactionId: kept}))(t)
	if *ended.TransactionStatus != "Transaction Committed" {
		t.Fatal(*ended.TransactionStatus)
	}
	must(client.RollbackTransaction(ctx, &rdsdata.RollbackTransactionInput{ResourceArn: resource, SecretArn: secret, TransactionId: dropped}))(t)
	count(t, 1)
	fails[*types.TransactionNotFoundException](t, add(3, "late", dropped))
}

func TestABatchOf50WithADuplicate(t *testing.T) {
	fresh(t)
	sets := make([][]types.SqlParameter, 50)
	for i := range sets {
		sets[i] = row(int64(i), fmt.Sprint("Employee ", i))
	}
	sets[36] = row(5, "twice")
	sql := "INSERT INTO " + table + " (id, name) VALUES (:id, :name)"
	input := &rdsdata.BatchExecuteStatementInput{ResourceArn: resource, SecretArn: secret, Sql: &sql, ParameterSets: sets}
	_, err := client.BatchExecuteStatement(ctx, input)
	if is := fails[*types.DatabaseErrorException](t, err); !strings.Contains(strings.ToLower(is.ErrorMessage()), "duplicate") {
		t.Fatal(is)
	}
	count(t, 0)
	sets[36] = row(36, "once")
	if done := must(client.BatchExecuteStatement(ctx, input))(t); len(done.UpdateResults) != 50 {
		t.Fatal(len(done.UpdateResults))
	}
	count(t, 50)
	run(t, "DELETE FROM "+table)
	count(t, 0)
}

func TestManyAtOnce(t *testing.T) {
	fresh(t)
	var all sync.WaitGroup
	for i := range int64(100) {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := add(i, "x", nil); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	count(t, 100)
}
