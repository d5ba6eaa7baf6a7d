// Clusters and their secrets through the AWS SDK for Go, version 2, with its own waiters.
package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/rdsdata"
	"github.com/aws/aws-sdk-go-v2/service/rdsdata/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

const longest = 100 * time.Second

var (
	control = rds.New(rds.Options{BaseEndpoint: aws.String(os.Getenv("ENDPOINT")), Region: "us-east-1", RetryMaxAttempts: 1, Credentials: client.Options().Credentials})
	vault   = secretsmanager.New(secretsmanager.Options{BaseEndpoint: aws.String(os.Getenv("ENDPOINT")), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: client.Options().Credentials})
)

func auroraEngine() *string {
	if postgresql {
		return aws.String("aurora-postgresql")
	}
	return aws.String("aurora-mysql")
}

func about(t *testing.T, id *string) rdstypes.DBCluster {
	t.Helper()
	return must(control.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: id}))(t).DBClusters[0]
}

func untilAvailable(t *testing.T, id *string) rdstypes.DBCluster {
	t.Helper()
	waiter := rds.NewDBClusterAvailableWaiter(control, func(o *rds.DBClusterAvailableWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, 2*time.Second })
	if err := waiter.Wait(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: id}, longest); err != nil {
		t.Fatal(err)
	}
	return about(t, id)
}

func untilDeleted(t *testing.T, id *string) {
	t.Helper()
	must(control.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: id, SkipFinalSnapshot: aws.Bool(true)}))(t)
	waiter := rds.NewDBClusterDeletedWaiter(control, func(o *rds.DBClusterDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, 2*time.Second })
	if err := waiter.Wait(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: id}, longest); err != nil {
		t.Fatal(err)
	}
}

func on(cluster rdstypes.DBCluster, sql string) (*rdsdata.ExecuteStatementOutput, error) {
	return client.ExecuteStatement(ctx, &rdsdata.ExecuteStatementInput{ResourceArn: cluster.DBClusterArn, SecretArn: cluster.MasterUserSecret.SecretArn, Sql: &sql})
}

func TestAClusterFromItsCreationToItsEnd(t *testing.T) {
	id, writer := aws.String("go-"+os.Getenv("ENGINE")), aws.String("go-"+os.Getenv("ENGINE")+"-writer")
	made := must(control.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: id, Engine: auroraEngine(), DatabaseName: aws.String("shop"), MasterUsername: aws.String("boss"), ManageMasterUserPassword: aws.Bool(true),
		ServerlessV2ScalingConfiguration: &rdstypes.ServerlessV2ScalingConfiguration{MinCapacity: aws.Float64(0.5), MaxCapacity: aws.Float64(4)},
		Tags:                             []rdstypes.Tag{{Key: aws.String("team"), Value: aws.String("a & <b>")}}}))(t).DBCluster
	if *made.Status != "creating" {
		t.Error(*made.Status)
	}
	must(control.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{DBInstanceIdentifier: writer, DBClusterIdentifier: id, DBInstanceClass: aws.String("db.serverless"), Engine: auroraEngine()}))(t)
	cluster := untilAvailable(t, id)
	instance := &rds.DescribeDBInstancesInput{DBInstanceIdentifier: writer}
	if err := rds.NewDBInstanceAvailableWaiter(control).Wait(ctx, instance, longest); err != nil {
		t.Fatal(err)
	}

	//
	if age := time.Since(*cluster.ClusterCreateTime); age < -time.Minute || age > 10*time.Minute {
		t.Error(age)
	}
	if s := cluster.ServerlessV2ScalingConfiguration; *s.MinCapacity != 0.5 || *s.MaxCapacity != 4 || cluster.ScalingConfigurationInfo != nil || cluster.Capacity != nil {
		t.Errorf("%+v", cluster)
	}
	if m := cluster.DBClusterMembers; len(m) != 1 || *m[0].DBInstanceIdentifier != *writer || !*m[0].IsClusterWriter {
		t.Errorf("%+v", m)
	}
	if len(cluster.TagList) != 1 || *cluster.TagList[0].Value != "a & <b>" {
		t.Errorf("%+v", cluster.TagList)
	}

	//
	_, err := on(cluster, "SELECT 1")
	fails[*types.HttpEndpointNotEnabledException](t, err)
	if !*must(control.EnableHttpEndpoint(ctx, &rds.EnableHttpEndpointInput{ResourceArn: cluster.DBClusterArn}))(t).HttpEndpointEnabled {
		t.Error("not enabled")
	}
	var login struct{ Username, Password string }
	text := must(vault.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: cluster.MasterUserSecret.SecretArn}))(t).SecretString
	if err := json.Unmarshal([]byte(*text), &login); err != nil || login.Username != "boss" || login.Password == "" {
		t.Error(err, login.Username)
	}
	must(on(cluster, "CREATE TABLE kept (id INT)"))(t)

	//
	if state := must(control.StopDBCluster(ctx, &rds.StopDBClusterInput{DBClusterIdentifier: id}))(t).DBCluster.Status; *state != "stopping" {
		t.Error(*state)
	}
	for *about(t, id).Status != "stopped" {
		time.Sleep(300 * time.Millisecond)
	}
	must(control.StartDBCluster(ctx, &rds.StartDBClusterInput{DBClusterIdentifier: id}))(t)
	untilAvailable(t, id)
	must(on(cluster, "SELECT * FROM kept"))(t)

	//
	nowhere := aws.String("nowhere")
	_, missing := control.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: nowhere})
	fails[*rdstypes.DBClusterNotFoundFault](t, missing)
	_, twice := control.CreateDBCluster(ctx, &rds.CreateDBClusterInput{DBClusterIdentifier: id, Engine: auroraEngine(), MasterUsername: aws.String("boss"), ManageMasterUserPassword: aws.Bool(true)})
	fails[*rdstypes.DBClusterAlreadyExistsFault](t, twice)
	_, started := control.StartDBCluster(ctx, &rds.StartDBClusterInput{DBClusterIdentifier: id})
	fails[*rdstypes.InvalidDBClusterStateFault](t, started)
	_, unknown := control.EnableHttpEndpoint(ctx, &rds.EnableHttpEndpointInput{ResourceArn: aws.String(*cluster.DBClusterArn + "-nowhere")})
	fails[*rdstypes.ResourceNotFoundFault](t, unknown)
	_, kept := control.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: id})
	_, other := control.DescribeDBProxies(ctx, &rds.DescribeDBProxiesInput{})
	for code, err := range map[string]error{"InvalidParameterCombination": kept, "InvalidAction": other, "DBClusterNotFoundFault": missing} {
		var api smithy.APIError
		var answer *awshttp.ResponseError
		if !errors.As(err, &api) || !errors.As(err, &answer) || api.ErrorCode() != code || api.ErrorMessage() == "" || len(answer.RequestID) != 36 {
			t.Errorf("%s: %v", code, err)
		}
	}

	must(control.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: writer}))(t)
	if err := rds.NewDBInstanceDeletedWaiter(control).Wait(ctx, instance, longest); err != nil {
		t.Fatal(err)
	}
	untilDeleted(t, id)
}

// The delays of data-api-client 2 in tenths, and what it goes by.
func untilResumed(t *testing.T, cluster rdstypes.DBCluster, sql string) *rdsdata.ExecuteStatementOutput {
	t.Helper()
	var err error
	for _, delay := range []int{0, 200, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000} {
		time.Sleep(time.Duration(delay) * time.Millisecond)
		var got *rdsdata.ExecuteStatementOutput
		if got, err = on(cluster, sql); err == nil {
			return got
		}
		var resumes *types.DatabaseResumingException
		var refused *types.BadRequestException
		if !errors.As(err, &resumes) && (!errors.As(err, &refused) || !strings.HasPrefix(refused.ErrorMessage(), "Communications link failure")) {
			break
		}
	}
	t.Fatal(err)
	return nil
}

func TestARetryLoopGetsThroughAResumeOfServerlessV1(t *testing.T) {
	id := aws.String("go-v1-" + os.Getenv("ENGINE"))
	must(control.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: id, Engine: auroraEngine(), EngineMode: aws.String("serverless"), DatabaseName: aws.String("shop"), MasterUsername: aws.String("boss"),
		ManageMasterUserPassword: aws.Bool(true), EnableHttpEndpoint: aws.Bool(true), ScalingConfiguration: &rdstypes.ScalingConfiguration{
			MinCapacity: aws.Int32(2), MaxCapacity: aws.Int32(8), AutoPause: aws.Bool(true), SecondsUntilAutoPause: aws.Int32(1)}}))(t)
	cluster := untilAvailable(t, id)
	untilResumed(t, cluster, "CREATE TABLE n (id INT)")
	for rows, style := range []string{"wait", "aws-v1"} {
		must(control.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{
			ResourceName: cluster.DBClusterArn, Tags: []rdstypes.Tag{{Key: aws.String("borealis:resume"), Value: aws.String(style)}}}))(t)
		for *about(t, id).Capacity != 0 {
			time.Sleep(300 * time.Millisecond)
		}
		if style == "aws-v1" {
			_, err := on(cluster, "SELECT 1")
			if why := fails[*types.BadRequestException](t, err).ErrorMessage(); !strings.HasPrefix(why, "Communications link failure") {
				t.Error(why)
			}
		}
		untilResumed(t, cluster, fmt.Sprintf("INSERT INTO n VALUES (%d)", rows))
		if got := untilResumed(t, cluster, "SELECT COUNT(*) FROM n").Records[0][0].(*types.FieldMemberLongValue).Value; got != int64(rows+1) {
			t.Errorf("%s: %d rows", style, got)
		}
	}
	untilDeleted(t, id)
}

func TestARetryLoopGetsThroughAResumeOfServerlessV2(t *testing.T) {
	id, writer := aws.String("go-v2-"+os.Getenv("ENGINE")), aws.String("go-v2-"+os.Getenv("ENGINE")+"-writer")
	must(control.CreateDBCluster(ctx, &rds.CreateDBClusterInput{
		DBClusterIdentifier: id, Engine: auroraEngine(), DatabaseName: aws.String("shop"), MasterUsername: aws.String("boss"), ManageMasterUserPassword: aws.Bool(true),
		EnableHttpEndpoint: aws.Bool(true), ServerlessV2ScalingConfiguration: &rdstypes.ServerlessV2ScalingConfiguration{
			MinCapacity: aws.Float64(0), MaxCapacity: aws.Float64(2), SecondsUntilAutoPause: aws.Int32(1)}}))(t)
	must(control.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{DBInstanceIdentifier: writer, DBClusterIdentifier: id, DBInstanceClass: aws.String("db.serverless"), Engine: auroraEngine()}))(t)
	cluster := untilAvailable(t, id)
	untilResumed(t, cluster, "CREATE TABLE n (id INT)")
	var err error
	for i := 0; i < 30 && err == nil; i++ { // nothing but a call shows that it is paused
		time.Sleep(2 * time.Second)
		_, err = on(cluster, "SELECT 1")
	}
	if why := fails[*types.DatabaseResumingException](t, err).ErrorMessage(); !strings.Contains(why, "is resuming after being auto-paused") {
		t.Error(why)
	}
	if got := untilResumed(t, cluster, "SELECT COUNT(*) FROM n").Records[0][0].(*types.FieldMemberLongValue).Value; got != 0 {
		t.Errorf("%d rows", got)
	}
	must(control.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: writer}))(t)
	untilDeleted(t, id)
}
