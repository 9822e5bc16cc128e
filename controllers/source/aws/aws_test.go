package aws

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

const (
	testKeyID   = "AKIAOPERATOR00000000"
	adminKeyID  = "AKIAADMIN00000000000"
	testReader  = "arn:aws:iam::111122223333:user/operator"
	kmsKey      = "arn:aws:kms:eu-west-1:111122223333:key/1234"
	valueMarker = "hunter2-marker"
)

// environment is a local AWS, a reader of it, and an administrator who bypasses the reader's rules.
type environment struct {
	*localaws.Running
	source  *Source
	admin   *secretsmanager.Client
	metrics *prometheus.Registry
	now     time.Time
}

// isolate takes from the SDK whatever the machine it runs on would tell it, and gives it static keys.
func isolate(t testing.TB, endpoint string) {
	t.Helper()
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": testKeyID, "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_ENDPOINT_URL": endpoint,
	} {
		t.Setenv(name, value)
	}
	for _, name := range []string{
		"AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_STS",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
	} {
		unset(t, name)
	}
}

// unset takes a variable away until the test ends; to some of the SDK an empty one is one.
func unset(t testing.TB, name string) {
	t.Helper()
	t.Setenv(name, "")
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

func newEnvironment(t *testing.T) *environment {
	t.Helper()
	running, err := localaws.Start(&localaws.Server{}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Close() })
	isolate(t, running.URL())
	running.AddPrincipal(testKeyID, localaws.Principal{Account: localaws.DefaultAccount, ARN: testReader})
	running.AddPrincipal(adminKeyID, localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::111122223333:user/admin"})
	env := &environment{Running: running, metrics: prometheus.NewRegistry(), now: time.Now()}
	env.source = env.newSource(t, Options{})
	env.admin = secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(running.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: adminKeyID, SecretAccessKey: "not-a-secret"}, nil
		}),
	})
	return env
}

// again makes another source of the same environment.
func (env *environment) again(t *testing.T, options Options) *Source {
	t.Helper()
	env.metrics = prometheus.NewRegistry()
	return env.newSource(t, options)
}

// newSource fills in what the tests share.
func (env *environment) newSource(t *testing.T, options Options) *Source {
	t.Helper()
	metrics, err := NewMetrics(env.metrics)
	if err != nil {
		t.Fatal(err)
	}
	options.Region, options.Cluster, options.Version, options.Metrics = localaws.DefaultRegion, "prod/eu 1", "1.2.3", metrics
	options.Now = func() time.Time { return env.now }
	s, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// create makes a secret with the marker as its value.
func (env *environment) create(t *testing.T, input *secretsmanager.CreateSecretInput) *secretsmanager.CreateSecretOutput {
	t.Helper()
	if input.SecretBinary == nil && input.SecretString == nil {
		input.SecretString = aws.String(valueMarker)
	}
	created, err := env.admin.CreateSecret(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}
	env.ResetCalls()
	return created
}

// put makes a new version and gives its id.
func (env *environment) put(t *testing.T, id, value string, stages ...string) string {
	t.Helper()
	put, err := env.admin.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(id), SecretString: aws.String(value), VersionStages: stages,
	})
	if err != nil {
		t.Fatal(err)
	}
	env.ResetCalls()
	return aws.ToString(put.VersionId)
}

// deny takes actions from the reader; "" is AWS's usual text.
func (env *environment) deny(actions ...string) {
	var rules []localaws.Rule
	for _, action := range actions {
		rules = append(rules, localaws.Rule{Deny: true, Principal: testReader, Action: "secretsmanager:" + action,
			Because: "because no identity-based policy allows the secretsmanager:" + action + " action"})
	}
	env.SetRules(rules...)
	env.ResetCalls()
}

// operations are those that AWS was asked for since the last change of the environment.
func (env *environment) operations() []string {
	names := []string{}
	for _, call := range env.Calls() {
		names = append(names, call.Operation)
	}
	return names
}

func current(id string) source.Ref {
	return source.Ref{SecretID: id, VersionStage: stageCurrent, Reader: source.Reader{Namespace: "payments", Name: "db"}}
}

// gather gives the families of metrics, by name.
func (env *environment) gather(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	families, err := env.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// counted is how many calls the metrics count, in all accounts.
func (env *environment) counted(t *testing.T, operation, outcome, region string) (count float64) {
	t.Helper()
	for _, calls := range env.countedByAccount(t, operation, outcome, region) {
		count += calls
	}
	return count
}

// countedByAccount is how many calls the metrics count, by the account of the role that calls.
func (env *environment) countedByAccount(t *testing.T, operation, outcome, region string) map[string]float64 {
	t.Helper()
	counts := map[string]float64{}
	for _, family := range env.gather(t) {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			account := labels["account"]
			delete(labels, "account")
			if maps.Equal(labels, map[string]string{"operation": operation, "outcome": outcome, "region": region}) {
				counts[account] = metric.GetCounter().GetValue()
			}
		}
	}
	return counts
}

// endpoints is how many are kept of all namespaces.
func (env *environment) endpoints() int { return endpointsOf(env.source) }

func endpointsOf(s *Source) (count int) {
	s.tenants.mutex.Lock()
	defer s.tenants.mutex.Unlock()
	for _, kept := range s.tenants.known {
		count += len(kept.endpoints)
	}
	return count
}

// ownEndpoint is the one of the operator's own identity in its own region.
func ownEndpoint(s *Source) *endpoint {
	s.tenants.mutex.Lock()
	defer s.tenants.mutex.Unlock()
	return s.tenants.of("").endpoints[endpointKey{region: localaws.DefaultRegion}]
}
