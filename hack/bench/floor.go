package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const floorNamespace = "floor"

// floorSyncer does the minimum: it reads each value and applies each Secret, with the operator's concurrency.
type floorSyncer struct {
	b       *bench
	clients kubernetes.Interface
	aws     *secretsmanager.Client
}

func (b *bench) newFloor(ctx context.Context) (*floorSyncer, error) {
	config := b.Plane.Config()
	config.UserAgent = "floor"
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	created := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: floorNamespace}}
	if err := b.Client.Create(ctx, created); err != nil {
		return nil, err
	}
	return &floorSyncer{b: b, clients: clients, aws: awsClient(b.AWS.URL(), floorUser)}, nil
}

// run syncs all once, and returns how long that took.
func (f *floorSyncer) run(ctx context.Context) (time.Duration, error) {
	started := time.Now()
	err := eachOf(f.b.workers, f.b.n, func(i int) error { return f.copySecret(ctx, i) })
	return time.Since(started), err
}

func (f *floorSyncer) copySecret(ctx context.Context, i int) error {
	id := secretID(i)
	got, err := f.aws.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(*got.SecretString), &fields); err != nil {
		return err
	}
	data := make(map[string][]byte, len(fields))
	for name, value := range fields {
		data[name] = fmt.Append(nil, value)
	}
	name := nameOf(i)
	secret := corev1ac.Secret(name, floorNamespace).WithData(data).WithAnnotations(map[string]string{v1alpha1.AnnotationVersionID: *got.VersionId})
	_, err = f.clients.CoreV1().Secrets(floorNamespace).Apply(ctx, secret, metav1.ApplyOptions{FieldManager: "floor"})
	return err
}
