package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// setupUser and floorUser are the access keys of the benchmark itself.
const setupUser, floorUser = "setup", "floor"

// setupWorkers is how many objects are created concurrently.
const setupWorkers = 16

// fleet is what a scenario works on: secrets in AWS, and SecretSyncs that follow them.
type fleet struct {
	env *testenv.Environment
	aws *secretsmanager.Client
	// follows gives the secret of a SecretSync, and so of the Secret of its name.
	follows map[types.NamespacedName]string

	mutex sync.Mutex
	// current is the version of each secret that AWSCURRENT is on.
	current map[string]string
}

func newFleet(env *testenv.Environment) *fleet {
	return &fleet{
		env: env, aws: awsClient(env.AWS.URL(), setupUser),
		follows: map[types.NamespacedName]string{}, current: map[string]string{},
	}
}

func awsClient(url, accessKeyID string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "not-checked", ""),
	})
}

// secretID names the i-th secret.
func secretID(i int) string { return fmt.Sprintf("/bench/%05d", i) }

// secrets creates n secrets in AWS, or gives existing ones a new value.
func (f *fleet) secrets(ctx context.Context, n int, content string) error {
	return each(n, func(i int) error { return f.secret(ctx, i, content) })
}

// secret creates the i-th secret in AWS, or gives it a new value.
func (f *fleet) secret(ctx context.Context, i int, content string) error {
	id, text := secretID(i), fmt.Sprintf(`{"username":"user-%05d","password":"%s-%05d","host":"db.example.com","port":5432}`, i, content, i)
	f.mutex.Lock()
	_, exists := f.current[id]
	f.mutex.Unlock()
	var version *string
	if exists {
		put, err := f.aws.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &text})
		if err != nil {
			return err
		}
		version = put.VersionId
	} else {
		made, err := f.aws.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &id, SecretString: &text})
		if err != nil {
			return err
		}
		version = made.VersionId
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.current[id] = *version
	return nil
}

// nameOf names the i-th SecretSync, and its Secret.
func nameOf(i int) string { return fmt.Sprintf("s-%05d", i) }

// syncs creates a namespace with n SecretSyncs, each of the secret that secretOf gives. They assume roleARN, unless it
// is empty.
func (f *fleet) syncs(ctx context.Context, in string, n int, poll time.Duration, roleARN string, secretOf func(i int) string) error {
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: in}}
	if err := f.env.Client.Create(ctx, made); err != nil {
		return err
	}
	for i := range n {
		f.follows[types.NamespacedName{Namespace: in, Name: nameOf(i)}] = secretOf(i)
	}
	return each(n, func(i int) error {
		return f.env.Client.Create(ctx, &v1alpha1.SecretSync{
			ObjectMeta: metav1.ObjectMeta{Namespace: in, Name: nameOf(i)},
			Spec: v1alpha1.SecretSyncSpec{
				Source:       v1alpha1.SecretSource{SecretID: secretOf(i)},
				Auth:         v1alpha1.SourceAuth{RoleARN: roleARN},
				PollInterval: &metav1.Duration{Duration: poll},
			},
		})
	})
}

// wanted are the versions that the Secrets should hold.
func (f *fleet) wanted() map[types.NamespacedName]string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	all := make(map[types.NamespacedName]string, len(f.follows))
	for at, id := range f.follows {
		all[at] = f.current[id]
	}
	return all
}

// only keeps these SecretSyncs in the fleet. The others are not expected to be synced.
func (f *fleet) only(these map[types.NamespacedName]string) {
	maps.DeleteFunc(f.follows, func(at types.NamespacedName, _ string) bool {
		_, stays := these[at]
		return !stays
	})
}

// each calls do for 0 to n-1, setupWorkers at a time.
func each(n int, do func(i int) error) error { return eachOf(setupWorkers, n, do) }

func eachOf(workers, n int, do func(i int) error) error {
	var group sync.WaitGroup
	todo, problems := make(chan int), make([]error, workers)
	for w := range workers {
		group.Go(func() {
			for i := range todo {
				problems[w] = errors.Join(problems[w], do(i))
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	group.Wait()
	return errors.Join(problems...)
}
