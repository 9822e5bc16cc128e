package localaws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/hack/localaws"
)

func TestQuotasThrottle(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	began := time.Now()
	s.SetRate("GetSecretValue", 5)
	throttled := 0
	for range 20 {
		if err := s.read(s.Client, "db"); err != nil {
			refused(t, err, "ThrottlingException", "Rate exceeded")
			throttled++
		}
	}
	took := time.Since(began)
	if least := 15 - int(5*took.Seconds()); throttled < least || throttled > 15 {
		t.Errorf("%d of 20 calls within %s were throttled at five a second", throttled, took)
	}
	s.described("db")
	s.clock.forward(time.Second)
	if err := s.read(s.Client, "db"); err != nil {
		t.Errorf("a second later: %v", err)
	}
	s.SetRate("GetSecretValue", 0)
	for range 20 {
		if err := s.read(s.Client, "db"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFaults(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	s.SetFaults(localaws.Fault{Operation: "GetSecretValue", Every: 3})
	failed := 0
	for range 9 {
		if err := s.read(s.Client, "db"); err != nil {
			refused(t, err, "InternalServiceError", "")
			failed++
		}
	}
	if failed != 3 {
		t.Errorf("%d of 9 calls failed, want every third", failed)
	}
	s.SetFaults(localaws.Fault{Every: 1, Cut: true})
	var refusal smithy.APIError
	if err := s.read(s.Client, "db"); err == nil || errors.As(err, &refusal) {
		t.Errorf("a cut connection gives %v", err)
	}
	s.SetFaults(localaws.Fault{Every: 1, Half: true})
	if err := s.read(s.Client, "db"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an answer cut in its middle gives %v", err)
	}
	s.SetFaults(localaws.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that hangs gives %v", err)
	}
	s.SetFaults(localaws.Fault{Latency: 60 * time.Millisecond, Principal: "*:root"})
	began := time.Now()
	if err := s.read(s.Client, "db"); err != nil || time.Since(began) < 60*time.Millisecond {
		t.Errorf("answered after %s, %v", time.Since(began), err)
	}
	s.SetFaults(localaws.Fault{Every: 1, Region: "eu-north-*"})
	if err := s.read(s.Client, "db"); err != nil {
		t.Errorf("a fault of another region: %v", err)
	}
	s.SetFaults(localaws.Fault{Every: 1, Code: "RequestExpired", Region: "eu-west-1"})
	refused(t, s.read(s.Client, "db"), "RequestExpired", "")
}

func TestCallsAreCounted(t *testing.T) {
	s := newSetup(t)
	s.create("/a/db", "a value that must not be in the calls")
	s.ResetCalls()
	_ = s.read(s.Client, "/a/db")
	_ = s.read(s.Client, "none")
	calls := s.Calls()
	if len(calls) != 2 {
		t.Fatalf("calls: %+v", calls)
	}
	for operation, want := range map[string]int{"GetSecretValue": 2, "": 2, "DescribeSecret": 0} {
		if got := s.Count(operation); got != want {
			t.Errorf("%d calls of %q are counted, want %d", got, operation, want)
		}
	}
	if calls[0].Code != "" || calls[1].Code != notFound || calls[0].Region != localaws.DefaultRegion || calls[0].Principal != "arn:aws:iam::111122223333:root" ||
		!strings.Contains(calls[0].UserAgent, "aws-sdk-go-v2") || calls[0].At.IsZero() {
		t.Errorf("calls: %+v", calls)
	}
	if s.ValuesRead("/a/") != 1 || s.ValuesRead("/b/") != 0 {
		t.Errorf("%d values of /a/ and %d of /b/ were read", s.ValuesRead("/a/"), s.ValuesRead("/b/"))
	}
}

func (s *setup) admin(method, what, body string) (status int, answer string) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, s.URL()+"/_localaws/"+what, strings.NewReader(body))
	response, err := http.DefaultClient.Do(must(s.T, request, err))
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(must(s.T, content, err))
}

func TestItCanBeSetUpOverHTTP(t *testing.T) {
	s := newSetup(t)
	_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String("key"), SecretString: aws.String("x")})
	must(t, "", err)
	for _, test := range []struct{ what, body, undo, code string }{
		{"rules", `[{"Deny":true,"Action":"secretsmanager:GetSecretValue"}]`, `[]`, denied},
		{"key", `{"Key":"key","Disabled":true}`, `{"Key":"key"}`, "DecryptionFailure"},
		{"key", `{"Key":"key","Denied":["*"]}`, `{"Key":"key"}`, denied},
		{"faults", `[{"Operation":"GetSecretValue","Every":1,"Code":"InternalServiceError"}]`, `[]`, "InternalServiceError"},
		{"rate", `{"Operation":"GetSecretValue","PerSecond":0.5}`, `{"Operation":"GetSecretValue"}`, "ThrottlingException"},
	} {
		if status, answer := s.admin(http.MethodPost, test.what, test.body); status != http.StatusOK {
			t.Fatalf("%s: %d %s", test.what, status, answer)
		}
		refused(t, s.read(s.Client, "db"), test.code, "")
		s.admin(http.MethodPost, test.what, test.undo)
		if err := s.read(s.Client, "db"); err != nil {
			t.Errorf("after %s was undone: %v", test.what, err)
		}
	}
	if _, calls := s.admin(http.MethodGet, "calls", ""); !strings.Contains(calls, `"Operation":"GetSecretValue"`) {
		t.Errorf("calls: %s", calls)
	}
	s.admin(http.MethodPost, "reset", "")
	if s.Count("") != 0 {
		t.Error("calls are still there")
	}
	for what, body := range map[string]string{"rules": "{", "weather": "{}"} {
		if status, _ := s.admin(http.MethodPost, what, body); status != http.StatusBadRequest {
			t.Errorf("%s answers %d", what, status)
		}
	}
}

func TestGetRandomPassword(t *testing.T) {
	s := newSetup(t)
	got, err := s.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(200), ExcludePunctuation: aws.Bool(true), ExcludeCharacters: aws.String("aeiou")})
	if password := aws.ToString(must(t, got, err).RandomPassword); len(password) != 200 || strings.ContainsAny(password, "aeiou!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ") {
		t.Errorf("the password has %d characters, or some that are excluded", len(password))
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	s := newSetup(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader("{}"))
	must(t, request, err).Header.Set("X-Amz-Target", "secretsmanager.MakeCoffee")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %s", answer.Status)
	}
}
