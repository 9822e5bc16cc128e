// Command samples creates the secrets of config/samples in the AWS account of the environment, applies the samples to
// the cluster of the kubeconfig, and waits until they are Ready:
//
//	go run ./hack/samples/cmd/samples [-namespace samples] seed|apply|clean
//
// seed only creates the secrets. clean deletes what apply has created, in the cluster and in AWS. It asks nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/samples"
)

func main() {
	ctrl.SetLogger(logr.Discard()) // Errors say what the clients would log.
	namespace := flag.String("namespace", "samples", "namespace of the samples; it is created if it does not exist")
	folder := flag.String("samples", "config/samples", "folder of the samples")
	within := flag.Duration("within", 2*time.Minute, "how long a SecretSync may take to get Ready, or to be deleted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, flag.Args(), *folder, &samples.Cluster{Namespace: *namespace, Within: *within, Output: os.Stdout})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "samples:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, folder string, cluster *samples.Cluster) error {
	if len(arguments) != 1 || !slices.Contains([]string{"seed", "apply", "clean"}, arguments[0]) {
		return errors.New("usage: samples [-namespace samples] seed|apply|clean")
	}
	account, caller, err := connect(ctx)
	if err != nil {
		return err
	}
	fmt.Println("AWS identity:", caller)
	if arguments[0] != "seed" {
		if cluster.Client, err = kubernetes(); err != nil {
			return err
		}
	}
	switch arguments[0] {
	case "apply":
		return apply(ctx, folder, account, cluster)
	case "clean":
		return clean(ctx, folder, account, cluster)
	}
	_, err = account.Seed(ctx)
	return err
}

func apply(ctx context.Context, folder string, account *samples.Account, cluster *samples.Cluster) error {
	signing, err := account.Seed(ctx)
	if err != nil {
		return err
	}
	manifests, err := samples.Manifests(folder, signing)
	if err != nil {
		return err
	}
	if err := cluster.Apply(ctx, manifests); err != nil {
		return err
	}
	return cluster.Wait(ctx, manifests)
}

func clean(ctx context.Context, folder string, account *samples.Account, cluster *samples.Cluster) error {
	// The names of the objects are the same in every account.
	manifests, err := samples.Manifests(folder, "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/samples/any")
	if err != nil {
		return err
	}
	if err := cluster.Clean(ctx, manifests); err != nil {
		return err
	}
	return account.Clean(ctx)
}

// connect finds the AWS account, and who the caller is there.
func connect(ctx context.Context) (account *samples.Account, caller string, err error) {
	config, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, "", err
	}
	if config.Region == "" {
		return nil, "", errors.New("no AWS region is set: export AWS_REGION")
	}
	identity, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, nil)
	if err != nil {
		return nil, "", err
	}
	return &samples.Account{Secrets: secretsmanager.NewFromConfig(config), Output: os.Stdout},
		aws.ToString(identity.Arn) + " in " + config.Region, nil
}

// kubernetes is a client of the cluster that kubectl would use.
func kubernetes() (client.Client, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("finding a cluster, by KUBECONFIG or ~/.kube/config: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}
