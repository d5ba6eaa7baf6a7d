// A stranger's function: AWS's own Go runtime client, unchanged.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Name string `json:"name"`
}

func handle(ctx context.Context, e event) (map[string]string, error) {
	switch e.Name {
	case "fail":
		return nil, errors.New("no such name: ä")
	case "panic":
		panic("at the disco")
	}
	known, _ := lambdacontext.FromContext(ctx)
	_, limited := ctx.Deadline()
	fmt.Println("greeting", e.Name)
	return map[string]string{
		"greeting": "hello " + e.Name,
		"id":       known.AwsRequestID,
		"arn":      known.InvokedFunctionArn,
		"client":   known.ClientContext.Client.AppTitle,
		"limited":  fmt.Sprint(limited),
	}, nil
}

func main() { lambda.Start(handle) }
