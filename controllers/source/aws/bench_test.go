package aws

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/controllers/source"
)

// canned answers the SDK in place of the network, so that what is measured is what a call costs in here.
type canned map[string]string // by operation

func (c canned) Do(request *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	return &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(c[operation])), Request: request,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
	}, nil
}

const benchARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/payments/db-a1B2c3"

// benchAnswers are what AWS answers to each operation.
func benchAnswers() canned {
	listed := make([]string, 0, sweepPage)
	for i := range sweepPage {
		listed = append(listed, fmt.Sprintf(`{"ARN":"%s%d-a1B2c3","Name":"s%d","SecretVersionsToStages":{"v1":["AWSCURRENT"]}}`, "arn:x:", i, i))
	}
	return canned{
		describeSecret: `{"ARN":"` + benchARN + `","Name":"/prod/payments/db","VersionIdsToStages":{"v1":["AWSCURRENT"],"v0":["AWSPREVIOUS"]}}`,
		getSecretValue: `{"ARN":"` + benchARN + `","Name":"/prod/payments/db","VersionId":"v1","VersionStages":["AWSCURRENT"],"SecretString":"{}"}`,
		listSecrets:    `{"SecretList":[` + strings.Join(listed, ",") + `]}`,
	}
}

func benchSource(b *testing.B, now func() time.Time) *Source {
	b.Helper()
	isolate(b, "http://127.0.0.1:1")
	s, err := New(b.Context(), Options{Region: "eu-west-1", ValueCacheBytes: 1 << 20, Now: now,
		LoadOptions: []func(*config.LoadOptions) error{config.WithHTTPClient(benchAnswers())}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

func benchObserve(b *testing.B, query source.VersionQuery) {
	b.Helper()
	s := benchSource(b, time.Now)
	for b.Loop() {
		if _, err := s.Resolve(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkObserve is a check of a version that takes a DescribeSecret of its own.
func BenchmarkObserve(b *testing.B) {
	benchObserve(b, source.VersionQuery{Ref: current("/prod/payments/db")})
}

// BenchmarkObserveShared is one that a cached answer serves.
func BenchmarkObserveShared(b *testing.B) {
	benchObserve(b, source.VersionQuery{Ref: source.Ref{SecretID: "/prod/payments/db"}, MaxAge: time.Minute})
}

// BenchmarkObserveSwept is one of a hundred that a ListSecrets serves, their share in it included.
func BenchmarkObserveSwept(b *testing.B) {
	now := time.Now()
	s := benchSource(b, func() time.Time { return now })
	queries := make([]source.VersionQuery, sweepPage)
	for i := range queries {
		queries[i] = source.VersionQuery{Ref: source.Ref{SecretID: fmt.Sprintf("s%d", i)}, MaxAge: time.Minute,
			Synced: source.Version{ARN: fmt.Sprintf("arn:x:%d-a1B2c3", i), ID: "v1"}}
		if _, err := s.Resolve(b.Context(), queries[i]); err != nil {
			b.Fatal(err)
		}
	}
	for i := 0; b.Loop(); i++ {
		if i%len(queries) == 0 {
			now = now.Add(2 * time.Minute) // The answer before is too old.
		}
		if answer, err := s.Resolve(b.Context(), queries[i%len(queries)]); err != nil || !answer.Listed {
			b.Fatal(answer, err)
		}
	}
}

// BenchmarkFetch is a read of a value by GetSecretValue; BenchmarkFetchShared one of a version that was just read.
func BenchmarkFetch(b *testing.B) { benchFetch(b, source.Version{}) }

func BenchmarkFetchShared(b *testing.B) { benchFetch(b, source.Version{ARN: benchARN, ID: "v1"}) }

func benchFetch(b *testing.B, observed source.Version) {
	b.Helper()
	s := benchSource(b, time.Now)
	for b.Loop() {
		if _, err := s.Fetch(b.Context(), source.Ref{SecretID: "/prod/payments/db", VersionStage: "AWSPREVIOUS"}, observed); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDescribe is what is kept of the description of a secret that AWS rotates.
func BenchmarkDescribe(b *testing.B) {
	entry := &types.SecretListEntry{
		ARN: aws.String(benchARN), Name: aws.String("/prod/payments/db"), RotationEnabled: aws.Bool(true),
		RotationRules:          &types.RotationRulesType{ScheduleExpression: aws.String("rate(4 hours)")},
		SecretVersionsToStages: map[string][]string{"v1": {stageCurrent}, "v0": {stagePrevious}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if described := describe("eu-west-1", entry); described.rotation.Window != time.Hour {
			b.Fatal(described.rotation.Window)
		}
	}
}
