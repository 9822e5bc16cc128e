// Command localaws serves a local AWS Secrets Manager and STS until it is interrupted, and prints the
// environment by which the AWS SDKs and the aws command line find it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/secretsync/secretsync/hack/localaws"
)

// rotationFunction is the ARN that a ready-made rotation function answers to.
const rotationFunction = "arn:aws:lambda:eu-west-1:111122223333:function:rotate-password"

func main() {
	address := flag.String("address", "127.0.0.1:4599", "address to listen on; keep it on loopback")
	flag.Parse()
	if err := serve(*address); err != nil {
		fmt.Fprintln(os.Stderr, "localaws:", err)
		os.Exit(1)
	}
}

func serve(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &localaws.Server{}
	server.RegisterRotationFunction(rotationFunction, server.RotatePassword())
	running, err := localaws.Start(server, address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", address, err)
	}
	fmt.Printf("export AWS_ENDPOINT_URL=%s\n", running.URL())
	fmt.Printf("export AWS_REGION=%[1]s AWS_DEFAULT_REGION=%[1]s\n", localaws.DefaultRegion)
	fmt.Println("export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local")
	fmt.Printf("# a rotation function for JSON secrets with a password: %s\n", rotationFunction)
	<-ctx.Done()
	return running.Close()
}
